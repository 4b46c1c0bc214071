//! The monitor: what follows from how the watch of a project does.
//!
//! The watch gives signs of life, each with a time of the wall clock. Clocks are set, and machines
//! sleep, so a sign that looks old counts from when the monitor itself was there to see a newer
//! one, and a sign from the future counts from when the monitor saw it first.

mod attempts;

use std::time::Duration;

use jiff::Timestamp;

pub use attempts::{Attempts, SUSTAINED};

use super::backoff::Backoff;

/// How much longer than planned a pause of the monitor may be before it counts as a gap: the
/// machine slept, or its clock was set.
const LONGEST_DELAY: Duration = Duration::from_secs(10);

/// How long a watch may give no sign of life before it counts as one that hangs; `asked` is what a
/// person wants. It wakes at least every `look_every`; a look and a slow disk may take their time.
#[must_use]
pub fn patience(look_every: Duration, asked: Option<Duration>) -> Duration {
    match asked {
        // Less would take every watch for one that hangs.
        Some(asked) => asked.max(look_every.saturating_mul(2)),
        None => look_every.saturating_mul(3).saturating_add(Duration::from_mins(1)),
    }
}

/// Who has the lock of the watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Nobody.
    Free,
    /// A process that runs, since this time as it says itself.
    Held {
        /// Its number.
        pid: u32,
        /// When it took the lock.
        since: Timestamp,
    },
    /// Somebody, who could not write down who it is.
    Unnamed,
    /// Nobody any more: the file was removed, and the watch that held it still runs. It takes the
    /// lock again when it wakes.
    Lost,
}

/// The last look that a watch completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beat {
    /// Whose.
    pub pid: u32,
    /// When.
    pub looked_at: Timestamp,
}

/// What says that the watch lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signs {
    /// Who has the lock.
    pub guard: Guard,
    /// The last look that was completed, perhaps by a watch that is gone.
    pub beat: Option<Beat>,
    /// When the holder of the lock last touched it.
    pub touched: Option<Timestamp>,
}

/// What the monitor sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The signs of life.
    pub signs: Signs,
    /// Since when exactly these are seen.
    pub unchanged_since: Timestamp,
    /// Since when the monitor looks without a gap; none when it looks only once.
    pub awake_since: Option<Timestamp>,
    /// Whether a person ended the watch.
    pub stopped: bool,
    /// Whether a sign of life can be written at all.
    pub writable: bool,
}

/// When to act.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// How long a watch may give no sign of life.
    pub patience: Duration,
    /// The rest between attempts in a row.
    pub backoff: Backoff,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing: it does well.
    Fine,
    /// Nothing: a person ended it.
    StoppedOnPurpose,
    /// Start a watch.
    Start,
    /// End the watch that hangs, and start another one.
    Replace {
        /// Its number.
        pid: u32,
        /// How long it gave no sign of life.
        quiet: Duration,
    },
    /// Nothing yet: too many attempts in a row.
    Rest {
        /// Until when.
        until: Timestamp,
    },
    /// Nothing: it can't be known how the watch does.
    Unknown(Unknown),
}

/// Why it can't be known how the watch does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// Nobody can write there, so no sign of life means nothing.
    NotWritable,
    /// It seems to hang, and it is not known which process it is.
    Unnamed,
}

/// Decides what to do about the watch.
#[must_use]
pub fn decide(seen: &Seen, attempts: &Attempts, rules: &Rules, now: Timestamp) -> Action {
    let quiet = quiet(seen, now);
    let lives = quiet <= rules.patience;
    let due = match seen.signs.guard {
        Guard::Held { .. } | Guard::Unnamed | Guard::Lost if lives => return Action::Fine,
        _ if seen.stopped => return Action::StoppedOnPurpose,
        // A watch that can't be started for the same reason would be no better than this one.
        Guard::Held { .. } | Guard::Unnamed if !seen.writable => {
            return Action::Unknown(Unknown::NotWritable);
        }
        Guard::Unnamed => return Action::Unknown(Unknown::Unnamed),
        Guard::Held { pid, .. } => Action::Replace { pid, quiet },
        Guard::Free | Guard::Lost => Action::Start,
    };
    match attempts.rest(&rules.backoff) {
        Some(until) if until > now => Action::Rest { until },
        _ => due,
    }
}

/// How long the holder of the lock has given no sign of life.
#[must_use]
pub fn quiet(seen: &Seen, now: Timestamp) -> Duration {
    let Signs { guard, beat, touched } = seen.signs;
    let (since, pid) = match guard {
        Guard::Held { pid, since } => (Some(since), Some(pid)),
        Guard::Free | Guard::Unnamed | Guard::Lost => (None, None),
    };
    let looked_at = beat.filter(|beat| Some(beat.pid) == pid).map(|beat| beat.looked_at);
    let past = [since, touched, looked_at].into_iter().flatten().filter(|at| *at <= now);
    let last = past.max().unwrap_or(seen.unchanged_since.min(now));
    let counted = seen.awake_since.map_or(last, |awake| last.max(awake.min(now)));
    now.duration_since(counted).try_into().unwrap_or_default()
}

/// Whether the monitor was there all the time between `before` and `now`, which it meant to be
/// `pause` apart. It was not when the machine slept, and can't tell when the clock was set.
#[must_use]
pub fn without_gap(before: Timestamp, now: Timestamp, pause: Duration) -> bool {
    let apart: Result<Duration, _> = now.duration_since(before).try_into();
    apart.is_ok_and(|apart| apart <= pause.saturating_add(LONGEST_DELAY))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULES: Rules = Rules {
        patience: Duration::from_secs(100),
        backoff: Backoff {
            initial: Duration::from_secs(10),
            factor: 2.0,
            max: Duration::from_mins(1),
        },
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn held(since: i64) -> Seen {
        Seen {
            signs: Signs {
                guard: Guard::Held { pid: 7, since: at(since) },
                beat: None,
                touched: None,
            },
            unchanged_since: at(0),
            awake_since: Some(at(0)),
            stopped: false,
            writable: true,
        }
    }

    fn free() -> Seen {
        let mut seen = held(0);
        seen.signs.guard = Guard::Free;
        seen
    }

    fn with_beat(mut seen: Seen, pid: u32, looked_at: i64) -> Seen {
        seen.signs.beat = Some(Beat { pid, looked_at: at(looked_at) });
        seen
    }

    fn decided(seen: &Seen, now: i64) -> Action {
        decide(seen, &Attempts::default(), &RULES, at(now))
    }

    fn replace(quiet: u64) -> Action {
        Action::Replace { pid: 7, quiet: Duration::from_secs(quiet) }
    }

    #[test]
    fn a_watch_that_is_not_there_is_started() {
        assert_eq!(decided(&free(), 1000), Action::Start);
        assert_eq!(decided(&with_beat(free(), 7, 1000), 1000), Action::Start);
    }

    #[test]
    fn a_watch_that_gives_signs_of_life_is_left_alone() {
        assert_eq!(decided(&with_beat(held(0), 7, 900), 1000), Action::Fine);
        assert_eq!(decided(&with_beat(held(0), 7, 899), 1000), replace(101));
        let mut busy = with_beat(held(0), 7, 100);
        busy.signs.touched = Some(at(950));
        assert_eq!(decided(&busy, 1000), Action::Fine, "it could write nothing, or finishes");
    }

    #[test]
    fn a_watch_that_has_just_begun_has_time() {
        assert_eq!(decided(&held(900), 1000), Action::Fine);
        assert_eq!(decided(&with_beat(held(900), 6, 10), 1000), Action::Fine);
        assert_eq!(decided(&with_beat(held(800), 6, 1000), 1000), replace(200), "another's beat");
    }

    #[test]
    fn the_word_of_a_person_is_kept() {
        let stopped = Seen { stopped: true, ..free() };
        assert_eq!(decided(&stopped, 1000), Action::StoppedOnPurpose);
        let hanging = Seen { stopped: true, ..held(0) };
        assert_eq!(decided(&hanging, 1000), Action::StoppedOnPurpose);
        let running = Seen { stopped: true, ..with_beat(held(0), 7, 999) };
        assert_eq!(decided(&running, 1000), Action::Fine);
    }

    #[test]
    fn after_a_sleep_of_the_machine_the_watch_has_time_to_wake() {
        let awake = |since| Seen { awake_since: since, ..with_beat(held(0), 7, 10) };
        assert_eq!(decided(&awake(Some(at(28_000))), 28_090), Action::Fine);
        assert_eq!(decided(&awake(Some(at(28_000))), 28_101), replace(101));
        assert_eq!(decided(&awake(None), 28_000), replace(27_990), "who looks once can't know");
        assert!(without_gap(at(0), at(35), Duration::from_secs(30)));
        assert!(!without_gap(at(0), at(28_000), Duration::from_secs(30)));
        assert!(!without_gap(at(100), at(99), Duration::from_secs(30)), "it was set back");
    }

    #[test]
    fn a_sign_from_the_future_counts_from_when_it_was_seen() {
        let future = Seen { unchanged_since: at(1000), ..with_beat(held(90_000), 7, 99_000) };
        assert_eq!(decided(&future, 1050), Action::Fine);
        assert_eq!(decided(&future, 1101), replace(101));
        let begun_in_the_future = with_beat(held(90_000), 7, 1000);
        assert_eq!(decided(&begun_in_the_future, 1101), replace(101));
    }

    #[test]
    fn where_nothing_can_be_written_silence_means_nothing() {
        let seen = Seen { writable: false, ..held(0) };
        assert_eq!(decided(&seen, 1000), Action::Unknown(Unknown::NotWritable));
        let mut unnamed = held(0);
        unnamed.signs.guard = Guard::Unnamed;
        assert_eq!(decided(&unnamed, 1000), Action::Unknown(Unknown::Unnamed));
        unnamed.signs.touched = Some(at(950));
        assert_eq!(decided(&unnamed, 1000), Action::Fine);
    }

    #[test]
    fn a_watch_whose_lock_was_removed_has_time_to_take_it_again() {
        let mut lost = held(0);
        lost.signs.guard = Guard::Lost;
        lost.unchanged_since = at(1000);
        assert_eq!(decided(&lost, 1090), Action::Fine);
        assert_eq!(decided(&lost, 1101), Action::Start);
    }

    #[test]
    fn patience_is_longer_than_the_time_between_two_looks() {
        let second = Duration::from_secs(1);
        assert_eq!(patience(20 * second, None), 120 * second);
        assert_eq!(patience(second, Some(5 * second)), 5 * second);
        assert_eq!(patience(300 * second, Some(5 * second)), 600 * second);
        assert_eq!(patience(Duration::MAX, None), Duration::MAX);
        assert_eq!(patience(Duration::MAX, Some(second)), Duration::MAX);
    }

    fn any_time() -> impl Strategy<Value = Timestamp> {
        prop_oneof![(0i64..400).prop_map(at), Just(Timestamp::MIN), Just(Timestamp::MAX)]
    }

    prop_compose! {
        fn any_seen()(
            guard in prop_oneof![
                Just(Guard::Free), Just(Guard::Unnamed), Just(Guard::Lost),
                (1u32..3, any_time()).prop_map(|(pid, since)| Guard::Held { pid, since }),
            ],
            beat in prop::option::of((1u32..3, any_time())),
            touched in prop::option::of(any_time()),
            unchanged_since in any_time(),
            awake_since in prop::option::of(any_time()),
            stopped in any::<bool>(), writable in any::<bool>(),
        ) -> Seen {
            let beat = beat.map(|(pid, looked_at)| Beat { pid, looked_at });
            let signs = Signs { guard, beat, touched };
            Seen { signs, unchanged_since, awake_since, stopped, writable }
        }
    }

    proptest! {
        #[test]
        fn nothing_is_done_against_a_person_nor_to_a_watch_that_lives(
            seen in any_seen(), tries in prop::collection::vec(any_time(), 0..9), now in any_time(),
        ) {
            let mut attempts = Attempts::default();
            for &it in &tries {
                attempts.tried(it);
            }
            attempts.mind_the_clock(now);
            let action = decide(&seen, &attempts, &RULES, now);
            let acts = matches!(action, Action::Start | Action::Replace { .. });
            prop_assert!(!(acts && seen.stopped));
            if let Action::Replace { pid, quiet } = action {
                prop_assert!(quiet > RULES.patience && seen.writable);
                let is_it = matches!(seen.signs.guard, Guard::Held { pid: it, .. } if it == pid);
                prop_assert!(is_it);
            }
            if let Action::Start = action {
                prop_assert!(matches!(seen.signs.guard, Guard::Free | Guard::Lost));
            }
            if let Action::Rest { until } = action {
                prop_assert!(until > now && !tries.is_empty());
                let longest = now.checked_add(RULES.backoff.max).unwrap_or(Timestamp::MAX);
                prop_assert!(until <= longest);
            }
        }

        #[test]
        fn who_is_there_and_patient_never_waits_for_ever(seen in any_seen(), from in 0i64..400) {
            // The signs change no more; the monitor stays awake.
            let seen = Seen {
                unchanged_since: at(from), awake_since: Some(at(from)),
                stopped: false, writable: true, ..seen
            };
            let later = decide(&seen, &Attempts::default(), &RULES, at(from + 1000));
            prop_assert_ne!(later, Action::Fine);
        }
    }
}
