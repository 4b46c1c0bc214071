//! What the two programs of a pair have written, and what it proves.

use std::collections::HashMap;

/// A line of the shared file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Beat {
    pub(crate) side: String,
    pub(crate) pid: i32,
    /// By the clock that only goes on, in nanoseconds.
    pub(crate) at: u64,
    pub(crate) word: String,
}

impl Beat {
    /// Whether it did its work then.
    pub(crate) fn is_well(&self) -> bool {
        self.word == "beat"
    }
}

/// Reads the file. Its lines stand in the order in which they were written, and are whole.
#[track_caller]
pub(crate) fn parse(text: &str) -> Vec<Beat> {
    let line = |line: &str| {
        let mut words = line.split(' ');
        let mut word = || words.next().map(str::to_owned);
        Some(Beat {
            side: word()?,
            pid: word()?.parse().ok()?,
            at: word()?.parse().ok()?,
            word: word()?,
        })
    };
    let beats = text.lines().map(|it| line(it).unwrap_or_else(|| panic!("a torn line: {it:?}")));
    beats.collect()
}

/// One process, from its first line to its last.
struct Life {
    side: String,
    pid: i32,
    /// The numbers of these lines.
    lines: (usize, usize),
    /// Their times.
    times: (u64, u64),
}

fn lives(beats: &[Beat]) -> Vec<Life> {
    let mut lives: Vec<Life> = Vec::new();
    let mut current: HashMap<i32, usize> = HashMap::new();
    for (number, beat) in beats.iter().enumerate() {
        // A pid that is given out again is another process.
        let known = current.get(&beat.pid).filter(|_| beat.word != "start");
        if let Some(&index) = known {
            lives[index].lines.1 = number;
            lives[index].times.1 = beat.at;
        } else {
            current.insert(beat.pid, lives.len());
            let Beat { side, pid, at, .. } = beat.clone();
            lives.push(Life { side, pid, lines: (number, number), times: (at, at) });
        }
    }
    lives
}

/// Proves that no two processes ever lived at once, but for what a person did within `allowed`
/// times. Returns how many there were.
#[track_caller]
pub(crate) fn assert_never_two(beats: &[Beat], allowed: &[(u64, u64)]) -> usize {
    let lives = lives(beats);
    for (number, one) in lives.iter().enumerate() {
        for other in &lives[number + 1..] {
            let from = one.lines.0.max(other.lines.0);
            let to = one.lines.1.min(other.lines.1);
            let times = (one.times.0.max(other.times.0), one.times.1.min(other.times.1));
            let by_a_person = allowed.iter().any(|it| it.0 <= times.0 && times.1 <= it.1);
            assert!(
                to < from || by_a_person,
                "the {} {} and the {} {} lived at once, for {} ms; allowed: {allowed:?}\n{}",
                one.side,
                one.pid,
                other.side,
                other.pid,
                times.1.saturating_sub(times.0) / 1_000_000,
                around(beats, from)
            );
        }
    }
    lives.len()
}

/// The lines around one of them, without those that only go on.
fn around(beats: &[Beat], line: usize) -> String {
    let shown = &beats[line.saturating_sub(20)..beats.len().min(line + 20)];
    shown.iter().map(|it| format!("{} {} {} {}\n", it.side, it.pid, it.at, it.word)).collect()
}

/// The longest time without a beat of one that is well, from `since` on, in milliseconds; the last
/// beat before that counts as its begin.
pub(crate) fn longest_gap(beats: &[Beat], since: u64) -> u64 {
    let well: Vec<u64> = beats.iter().filter(|it| it.is_well()).map(|it| it.at).collect();
    let gaps = well.windows(2).filter(|it| it[1] > since).map(|it| it[1].saturating_sub(it[0]));
    gaps.max().unwrap_or(0) / 1_000_000
}

#[test]
fn lives_that_overlap_are_found() {
    let text = |lines: &[&str]| parse(&lines.join("\n"));
    let apart = ["a 1 10 start", "a 1 20 end", "b 2 30 start", "b 2 40 beat", "a 3 50 start"];
    assert_eq!(assert_never_two(&text(&apart), &[]), 3);
    let frozen = text(&["a 1 10 beat", "b 2 20 start", "b 2 30 beat", "a 1 40 beat"]);
    assert!(std::panic::catch_unwind(|| assert_never_two(&frozen, &[])).is_err());
    assert_eq!(assert_never_two(&frozen, &[(15, 35)]), 2);
    assert_eq!(longest_gap(&text(&["a 1 0 beat", "b 2 5000000 beat"]), 1), 5);
}
