//! The mark in the environment of a process: whose it is. It is passed on to all that the process
//! starts, and only the kernel can lose it.

use std::{
    fs::{self, File},
    io::{self, Read},
    thread,
    time::Duration,
};

use super::kernel::{Stat, stat};
use crate::core::{digest::Digest, id::Name};

/// The variable in a child's environment that says whose it is.
pub(super) const MARK: &str = "REDUNDANCY_MARK";

/// A process that was found by a scan.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) pid: i32,
    pub(super) stat: Stat,
    /// Whose it is, and the digest of what that was made from.
    pub(super) mark: Option<(Name, Digest)>,
}

/// Every living process under a mark of `scope`, and those of process group `group`.
///
/// Processes whose environment we may not read are not ours: ours run as the same user.
pub(super) fn scan(scope: Digest, group: Option<i32>) -> io::Result<Vec<Member>> {
    let prefix = format!("{MARK}={scope}:").into_bytes();
    let this = std::process::id();
    let mut environ = Vec::new();
    let mut members = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|it| it.parse::<i32>().ok()) else {
            continue;
        };
        // What runs below an embedded process may be this very program.
        if u32::try_from(pid) == Ok(this) {
            continue;
        }
        read_environ(pid, &mut environ)?;
        let mark = find_mark(&environ, &prefix);
        if (mark.is_some() || group.is_some())
            && let Some(stat) = stat(pid)?
            && !stat.zombie
            && (mark.is_some() || group == Some(stat.group))
        {
            members.push(Member { pid, stat, mark });
        }
    }
    Ok(members)
}

/// How long a process may take to get its environment, in looks a millisecond apart.
const MOST_LOOKS: u32 = 1000;

/// Reads the environment of a process; empty where it is gone since, or another user's.
fn read_environ(pid: i32, environ: &mut Vec<u8>) -> io::Result<()> {
    for _ in 0..MOST_LOOKS {
        environ.clear();
        let opened = File::open(format!("/proc/{pid}/environ"));
        if opened.and_then(|mut it| it.read_to_end(environ)).is_err() {
            environ.clear();
            return Ok(());
        }
        if !environ.is_empty() || !stat(pid)?.is_some_and(|it| it.becoming) {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn find_mark(environ: &[u8], prefix: &[u8]) -> Option<(Name, Digest)> {
    let value = environ.split(|b| *b == 0).find_map(|it| it.strip_prefix(prefix))?;
    let (name, digest) = std::str::from_utf8(value).ok()?.rsplit_once(':')?;
    Some((name.parse().ok()?, digest.parse().ok()?))
}

/// The value of [`MARK`] for one process.
pub(super) fn of(scope: Digest, name: &Name, written: Digest) -> String {
    format!("{scope}:{name}:{written}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_reads_back_and_nobody_elses_does() {
        let (scope, other, written) =
            (Digest::of(["here"]), Digest::of(["there"]), Digest::of(["x"]));
        let name: Name = "job-1.a".parse().unwrap();
        let environ = format!("A=b\0{MARK}={}\0C=d\0", of(scope, &name, written));
        let prefix = |scope| format!("{MARK}={scope}:").into_bytes();
        assert_eq!(find_mark(environ.as_bytes(), &prefix(scope)), Some((name, written)));
        assert_eq!(find_mark(environ.as_bytes(), &prefix(other)), None);
    }
}
