//! Rations: how often within a day something may be asked for that costs each time, such as a deploy.
//!
//! Counted are all that the other place lists, whoever asked for them, and what we asked for and it
//! does not list (yet). What can't be told apart counts twice: rather one too few is made than
//! one too many.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::span::{after, signed};

/// A day.
const DAY: Duration = Duration::from_hours(24);

/// Something that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// When.
    pub at: Timestamp,
    /// Which, by the name that its place gives it, where that is known.
    pub id: Option<String>,
}

/// The times of all within the day before `now`, the oldest first. What is yet to come counts too: a
/// clock was set.
#[must_use]
pub fn spent(listed: &[Asked], noted: &[Asked], now: Timestamp) -> Vec<Timestamp> {
    let is_listed = |it: &Asked| it.id.is_some() && listed.iter().any(|other| other.id == it.id);
    let own = noted.iter().filter(|it| !is_listed(it));
    let is_recent = |at: &Timestamp| now.duration_since(*at) < signed(DAY);
    let mut times: Vec<Timestamp> =
        listed.iter().chain(own).map(|it| it.at).filter(is_recent).collect();
    times.sort_unstable();
    times
}

/// As many were asked for as may be, or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    /// How many were asked for within a day.
    pub count: usize,
    /// When one more may be; none where none ever may.
    pub until: Option<Timestamp>,
}

/// Whether one more may be asked for, where so many a day are allowed.
pub fn admit(times: &[Timestamp], most: u32) -> Result<(), Spent> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let count = times.len();
    if count < most {
        return Ok(());
    }
    // Until all but `most - 1` of them are a day old.
    let until = most.checked_sub(1).and_then(|left| times.get(count - left - 1));
    Err(Spent { count, until: until.map(|at| after(*at, DAY)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hour(n: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + 3600 * n).unwrap()
    }

    fn asked(hours: i64, id: Option<&str>) -> Asked {
        Asked { at: hour(hours), id: id.map(str::to_owned) }
    }

    #[test]
    fn what_is_listed_and_noted_counts_once() {
        let listed = [asked(-1, Some("a")), asked(-25, Some("old"))];
        let noted = [asked(-1, Some("a")), asked(-2, Some("b")), asked(-3, None)];
        let times = spent(&listed, &noted, hour(0));
        assert_eq!(times, [hour(-3), hour(-2), hour(-1)]);
        assert_eq!(admit(&times, 4), Ok(()));
        assert_eq!(admit(&times, 3), Err(Spent { count: 3, until: Some(hour(21)) }));
        assert_eq!(admit(&times, 1), Err(Spent { count: 3, until: Some(hour(23)) }));
        assert_eq!(admit(&[], 0), Err(Spent { count: 0, until: None }));
        assert_eq!(spent(&[asked(5, None)], &[], hour(0)), [hour(5)], "a clock was set back");
    }

    proptest! {
        /// Whoever asks only when one more is admitted never asks for more than that within a day.
        #[test]
        fn a_day_never_has_more(most in 0u32..5, gaps in proptest::collection::vec(0i64..30, 0..60)) {
            let (mut noted, mut now) = (Vec::new(), 0);
            for gap in gaps {
                now += gap;
                let times = spent(&[], &noted, hour(now));
                match admit(&times, most) {
                    Ok(()) => noted.push(asked(now, None)),
                    Err(Spent { until: Some(until), .. }) => {
                        prop_assert!(until > hour(now));
                        prop_assert!(admit(&spent(&[], &noted, until), most).is_ok());
                    }
                    Err(Spent { until: None, .. }) => prop_assert_eq!(most, 0),
                }
                prop_assert!(spent(&[], &noted, hour(now)).len() <= most as usize);
            }
        }
    }
}
