//! Whether a release of this program takes its place, and whether a file of it is the right one.

use std::{cmp::Ordering, fmt, str::FromStr, time::Duration};

use semver::Version;

use super::digest::{from_hex, write_hex};

/// The file of a release that says what the SHA-256 of the others is, as `sha256sum` writes it.
pub const SUMS: &str = "SHA256SUMS";

/// A SHA-256, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sum(pub [u8; 32]);

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A text that is no SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 is 64 hexadecimal digits")]
pub struct NoSum;

impl FromStr for Sum {
    type Err = NoSum;

    fn from_str(text: &str) -> Result<Self, NoSum> {
        from_hex(text).map(Self).ok_or(NoSum)
    }
}

/// What becomes of a version on trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It has its time.
    Wait,
    /// It did well, and takes its place.
    Pass,
    /// Its time is over, and it did not do well.
    Undo,
}

/// All has to be well for this part of the time of a trial: what does badly is not always seen at once.
const PART: u32 = 10;

/// Whether all has been well for long enough, where it has been for `well_for`.
#[must_use]
pub fn has_done_well(well_for: Option<Duration>, trial: Duration) -> bool {
    well_for.is_some_and(|it| it >= trial / PART)
}

/// What becomes of a version that has been on trial for `tried_for`, of `trial` at most.
#[must_use]
pub fn verdict(well_for: Option<Duration>, tried_for: Duration, trial: Duration) -> Verdict {
    if has_done_well(well_for, trial) {
        Verdict::Pass
    } else if tried_for < trial {
        Verdict::Wait
    } else {
        Verdict::Undo
    }
}

/// What a release is beside the program that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A later version.
    Forward(Version),
    /// The same version.
    Same,
    /// An earlier version.
    Back(Version),
    /// Its tag is no version, so nobody can tell.
    Unknown,
}

/// What the release of the tag `tag` is beside the version `running`.
#[must_use]
pub fn step(running: &Version, tag: &str) -> Step {
    let Some(version) = version_of(tag) else { return Step::Unknown };
    match version.cmp_precedence(running) {
        Ordering::Greater => Step::Forward(version),
        Ordering::Equal => Step::Same,
        Ordering::Less => Step::Back(version),
    }
}

/// The version that a tag names: `v1.2.3` or `1.2.3`.
#[must_use]
pub fn version_of(tag: &str) -> Option<Version> {
    tag.strip_prefix('v').unwrap_or(tag).parse().ok()
}

/// The version that a program of ours says it has: `redundancy 1.2.3 (0123abc4 2026-11-27)`.
#[must_use]
pub fn version_said(output: &str) -> Option<Version> {
    let mut words = output.lines().next()?.split_whitespace();
    if words.next() != Some("redundancy") {
        return None;
    }
    words.next()?.parse().ok()
}

/// Why no sum is known for a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotListed {
    /// There is no line for it.
    #[error("SHA256SUMS does not name it")]
    Missing,
    /// What stands in its line is none.
    #[error("what SHA256SUMS says of it is no SHA-256")]
    Broken,
    /// It is there twice, and not with the same.
    #[error("SHA256SUMS says two different things of it")]
    Twice,
}

/// The sum of the file `name`, from the text of [`SUMS`]: lines of `SUM  NAME`, or `SUM *NAME`.
pub fn listed(sums: &str, name: &str) -> Result<Sum, NotListed> {
    let mut found = None;
    for line in sums.lines() {
        let Some((sum, file)) = line.trim().split_once(char::is_whitespace) else { continue };
        let file = file.trim_start().trim_start_matches('*');
        if file.strip_prefix("./").unwrap_or(file) != name {
            continue;
        }
        let sum: Sum = sum.parse().map_err(|_| NotListed::Broken)?;
        if found.is_some_and(|it| it != sum) {
            return Err(NotListed::Twice);
        }
        found = Some(sum);
    }
    found.ok_or(NotListed::Missing)
}

/// Why a file of a release is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// There is nothing to compare it with.
    #[error("{0}")]
    NotListed(#[from] NotListed),
    /// What GitHub says of it is no SHA-256.
    #[error("the digest that GitHub tells of it, {0:?}, is no SHA-256")]
    Digest(String),
    /// It has fewer bytes, or more, than GitHub says.
    #[error("it has {has} bytes, where GitHub says {told}")]
    Size {
        /// How many it has.
        has: u64,
        /// How many it should have.
        told: u64,
    },
    /// It is another one than the release says.
    #[error("its SHA-256 is {has}, where {who} says {told}")]
    Sum {
        /// What it is.
        has: Sum,
        /// What it should be.
        told: Sum,
        /// Who says that.
        who: &'static str,
    },
}

/// What a release says of one of its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told<'a> {
    /// Its name.
    pub name: &'a str,
    /// How many bytes it has.
    pub size: u64,
    /// `digest` of GitHub: `sha256:…`. It has none of old files.
    pub digest: Option<&'a str>,
    /// The text of [`SUMS`].
    pub sums: &'a str,
}

/// Whether a file of `size` bytes with the sum `sum` is the one that a release tells of.
pub fn check(told: &Told<'_>, size: u64, sum: Sum) -> Result<(), Wrong> {
    let listed = listed(told.sums, told.name)?;
    if size != told.size {
        return Err(Wrong::Size { has: size, told: told.size });
    }
    if sum != listed {
        return Err(Wrong::Sum { has: sum, told: listed, who: SUMS });
    }
    if let Some(digest) = told.digest {
        let parsed = digest.strip_prefix("sha256:").and_then(|it| it.parse().ok());
        let github: Sum = parsed.ok_or_else(|| Wrong::Digest(digest.to_owned()))?;
        if sum != github {
            return Err(Wrong::Sum { has: sum, told: github, who: "GitHub" });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(of: u8) -> Sum {
        Sum([of; 32])
    }

    #[test]
    fn a_version_passes_when_all_was_well_for_a_tenth_of_its_time() {
        let [second, nearly, minute] = [1, 59, 60].map(Duration::from_secs);
        let trial = Duration::from_mins(10);
        assert_eq!(verdict(Some(nearly), second, trial), Verdict::Wait);
        assert_eq!(verdict(Some(minute), second, trial), Verdict::Pass);
        assert_eq!(verdict(None, minute * 9, trial), Verdict::Wait);
        assert_eq!(verdict(None, trial, trial), Verdict::Undo);
        assert_eq!(verdict(Some(nearly), trial, trial), Verdict::Undo);
        // Late, but well.
        assert_eq!(verdict(Some(minute), 2 * trial, trial), Verdict::Pass);
    }

    #[test]
    fn only_a_later_version_is_a_step_forward() {
        let running: Version = "1.2.3".parse().unwrap();
        let step = |tag: &str| step(&running, tag);
        for tag in ["v1.2.4", "1.10.0", "v2.0.0-rc.1"] {
            assert!(matches!(step(tag), Step::Forward(_)), "{tag}");
        }
        for tag in ["v1.2.3", "1.2.3+build.7"] {
            assert_eq!(step(tag), Step::Same, "{tag}");
        }
        for tag in ["v1.2.2", "1.2.3-rc.1", "v0.9.9"] {
            assert!(matches!(step(tag), Step::Back(_)), "{tag}");
        }
        for tag in ["", "v", "nightly", "v1.2", "vv1.2.3", "1.2.3.4", "../1.2.3"] {
            assert_eq!(step(tag), Step::Unknown, "{tag}");
        }
    }

    #[test]
    fn a_program_of_ours_says_its_name_and_its_version() {
        let version = Some("1.2.3".parse().unwrap());
        assert_eq!(version_said("redundancy 1.2.3 (0123abc4 2026-11-27)\n"), version);
        assert_eq!(version_said("redundancy 1.2.3"), version);
        for other in ["", "redundancy", "redundancy one", "bash 1.2.3", "\nredundancy 1.2.3"] {
            assert_eq!(version_said(other), None, "{other:?}");
        }
    }

    #[test]
    fn a_sum_is_found_by_the_whole_name_of_its_file() {
        let (one, two) = (sum(1), sum(2));
        let sums = format!("{two}  a-b\r\n\n{one} *a\nnonsense\n{two}  ./c\n");
        assert_eq!(listed(&sums, "a"), Ok(one));
        assert_eq!(format!("{one:?}"), "01".repeat(32), "also where this test tells of it");
        assert_eq!(listed(&sums, "a-b"), Ok(two));
        assert_eq!(listed(&sums, "c"), Ok(two));
        assert_eq!(listed(&sums, "b"), Err(NotListed::Missing));
        assert_eq!(listed("<html>  a", "a"), Err(NotListed::Broken));
        assert_eq!(listed(&format!("{one}  a\n{one}  a"), "a"), Ok(one));
        assert_eq!(listed(&format!("{one}  a\n{two}  a"), "a"), Err(NotListed::Twice));
    }

    #[test]
    fn a_file_is_taken_only_where_all_that_is_told_of_it_is_true() {
        let sums = format!("{}  a\n", sum(1));
        let digest = format!("sha256:{}", sum(1));
        let told = Told { name: "a", size: 7, digest: Some(&digest), sums: &sums };
        assert_eq!(check(&told, 7, sum(1)), Ok(()));
        assert_eq!(check(&Told { digest: None, ..told.clone() }, 7, sum(1)), Ok(()));
        assert_eq!(check(&told, 6, sum(1)), Err(Wrong::Size { has: 6, told: 7 }));
        let other = |who, told| Err(Wrong::Sum { has: sum(2), told, who });
        assert_eq!(check(&told, 7, sum(2)), other(SUMS, sum(1)));
        let two = format!("{}  a\n", sum(2));
        let differs = Told { sums: &two, ..told.clone() };
        assert_eq!(check(&differs, 7, sum(2)), other("GitHub", sum(1)));
        for digest in ["", "sha512:1", "sha256:", &sum(1).to_string()] {
            let told = Told { digest: Some(digest), ..told.clone() };
            assert_eq!(check(&told, 7, sum(1)), Err(Wrong::Digest(digest.to_owned())));
        }
        let none = Told { sums: "", ..told };
        assert_eq!(check(&none, 7, sum(1)), Err(Wrong::NotListed(NotListed::Missing)));
    }
}
