//! Placing: at which time something should run that is to keep out of the way of something else.

use jiff::{Timestamp, tz::TimeZone};

use super::{
    digest::Digest,
    timetable::{REFERENCE, Timetable},
};

/// How long what is kept away from is taken to be busy after each of its times, in minutes.
const BUSY: u32 = 30;

/// Free time that is shorter than this, in minutes, is as good as none.
const SHORTEST_GAP: u32 = 20;

/// Minutes of an hour at which everybody starts something.
const CROWDED: [u32; 10] = [0, 1, 2, 3, 4, 15, 30, 45, 58, 59];

/// The minute of a `period` (in minutes, whole hours, at most a week; it begins on Mondays at midnight in `zone`)
/// that is farthest from all times of `busy` and the half hour after each, and in none of the
/// minutes of an hour at which everybody starts something.
///
/// Where `busy` leaves no gap worth the name, it is the middle of some gap between its times.
/// Between equally good minutes a digest of `seed` decides: the same for the same seed, and
/// different ones for most.
#[must_use]
pub fn place(busy: &Timetable, period: u32, zone: &TimeZone, seed: &[&str]) -> u32 {
    let starts: Vec<u32> = busy.times().iter().map(|it| minute_of(*it, period, zone)).collect();
    let distances = distances(&starts, BUSY.min(period), period);
    let widest_gap = 2 * distances.iter().max().copied().unwrap_or(0);
    let distances =
        if widest_gap < SHORTEST_GAP { self::distances(&starts, 1, period) } else { distances };
    let allowed = |minute: &u32| !CROWDED.contains(&(minute % 60));
    let distance = |minute: u32| distances.get(minute as usize).copied().unwrap_or(0);
    let best = (0..period).filter(allowed).map(distance).max().unwrap_or(0);
    let ties: Vec<u32> = (0..period).filter(allowed).filter(|it| distance(*it) == best).collect();
    let number = u64::from_str_radix(&Digest::of(seed).short(), 16).unwrap_or(0);
    let pick = number.checked_rem(ties.len() as u64).and_then(|it| usize::try_from(it).ok());
    pick.and_then(|it| ties.get(it)).copied().unwrap_or(SHORTEST_GAP)
}

/// In which minute of the period a time is, by the clock of `zone`.
fn minute_of(time: Timestamp, period: u32, zone: &TimeZone) -> u32 {
    let local = time.to_zoned(zone.clone()).datetime();
    let start = REFERENCE.to_zoned(TimeZone::UTC).datetime();
    let minutes = local.duration_since(start).as_secs().div_euclid(60);
    u32::try_from(minutes.rem_euclid(i64::from(period))).unwrap_or(0)
}

/// For each minute of a period that begins anew at its end, how far it is from the nearest busy
/// one; half the period for all where none is busy.
fn distances(starts: &[u32], busy_for: u32, period: u32) -> Vec<u32> {
    let size = period as usize;
    let mut distances = vec![period / 2; size];
    for start in starts {
        for minute in *start..*start + busy_for {
            distances[(minute % period) as usize] = 0;
        }
    }
    // Each minute is at most one farther than its neighbour; twice around each way settles it.
    for step in 0..2 * size {
        let (here, before) = (step % size, (step + size - 1) % size);
        distances[here] = distances[here].min(distances[before] + 1);
    }
    for step in (0..2 * size).rev() {
        let (here, after) = (step % size, (step + 1) % size);
        distances[here] = distances[here].min(distances[after] + 1);
    }
    distances
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u32 = 24 * 60;

    fn placed(crons: &[&str], period: u32, seed: &str) -> u32 {
        let busy = Timetable::new(crons.iter().map(|it| it.parse().unwrap()).collect());
        place(&busy, period, &TimeZone::UTC, &[seed])
    }

    #[test]
    fn the_farthest_minute_is_taken() {
        // Busy from 3:00 to 3:30: 15:15 is farthest, and crowded.
        assert!([15 * 60 + 14, 15 * 60 + 16].contains(&placed(&["0 3 * * *"], DAY, "a")));
        // Busy from 0:00 to 0:30 and from 12:00 to 12:30.
        let at = placed(&["0 */12 * * *"], DAY, "a");
        assert!([6, 18].iter().any(|hour| at.abs_diff(hour * 60 + 15) <= 1), "{at}");
        // Busy from 23:00 to 23:30: the middle of what is free is on the next day, 11:15, and crowded.
        assert!([11 * 60 + 14, 11 * 60 + 16].contains(&placed(&["0 23 * * *"], DAY, "a")));
        // Once a week: half a week from Monday at 3.
        assert!(placed(&["0 3 * * 1"], 7 * DAY, "a").abs_diff(3 * DAY + 15 * 60 + 15) <= 1);
    }

    #[test]
    fn a_gap_of_twenty_minutes_is_one_and_the_end_of_a_period_is_next_to_its_beginning() {
        // Busy from 0:00 to 0:30 and from 0:50 to 1:20: free from 0:30 to 0:50, in every hour.
        for seed in ["a", "b", "c"] {
            let at = placed(&["0,50 * * * *"], 60, seed);
            assert!(at.abs_diff(40) <= 1, "{at}");
        }
        // Busy from 23:30 to midnight.
        assert!(placed(&["30 23 * * *"], DAY, "a").abs_diff(11 * 60 + 45) <= 1);
    }

    #[test]
    fn without_a_gap_it_is_the_middle_between_two_times() {
        for seed in ["a", "b", "c"] {
            let minute = placed(&["*/15 * * * *"], DAY, seed) % 15;
            assert!([7, 8].contains(&minute), "{minute}");
        }
        // Every minute is taken.
        let at = placed(&["* * * * *"], DAY, "a");
        assert!(!CROWDED.contains(&(at % 60)), "{at}");
    }

    #[test]
    fn another_zone_has_its_own_midnight() {
        let zone = TimeZone::posix("CET-1").unwrap();
        let busy = Timetable::new(vec!["0 3 * * *".parse().unwrap()]);
        // 3:00 in UTC is 4:00 there.
        let at = place(&busy, DAY, &zone, &["a"]);
        assert!(at.abs_diff(16 * 60 + 15) <= 1, "{at}");
    }

    #[test]
    fn those_without_a_preference_spread() {
        let all: std::collections::BTreeSet<u32> =
            (0..50).map(|n| placed(&[], DAY, &n.to_string())).collect();
        assert!(all.len() > 40, "{all:?}");
        assert_eq!(placed(&[], DAY, "a"), placed(&[], DAY, "a"));
        for period in [60, 6 * 60, DAY, 7 * DAY] {
            for n in 0..50 {
                let at = placed(&["0 * * * *"], period, &n.to_string());
                assert!(at < period && !CROWDED.contains(&(at % 60)), "{at}");
            }
        }
    }
}
