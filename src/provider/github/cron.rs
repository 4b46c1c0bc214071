//! When a backup runs by itself.

use std::collections::BTreeSet;

use crate::core::digest::Digest;

/// The cron fields of a backup: `schedule` itself, or a time of that frequency.
///
/// The time comes from a digest of the primary's `path`, so that it stays the same and the backups
/// of a repository don't all start at once. It is never at minute 0, when GitHub is busiest and
/// drops runs, and not on a minute at which one of the primary's own `crons` starts.
pub(super) fn cron(schedule: &str, path: &str, crons: &[&str]) -> String {
    let taken: BTreeSet<u32> = crons.iter().flat_map(|cron| minutes(cron)).collect();
    let mut free: Vec<u32> = (1..60).filter(|minute| !taken.contains(minute)).collect();
    if free.is_empty() {
        free = (1..60).collect();
    }
    let pick = |what: &str, among: usize| {
        let digest = Digest::of([what, path]).short();
        usize::from_str_radix(&digest, 16).unwrap_or_default() % among
    };
    let minute = free[pick("minute", free.len())];
    match schedule {
        "hourly" => format!("{minute} * * * *"),
        "daily" => format!("{minute} {} * * *", pick("hour", 24)),
        "weekly" => format!("{minute} {} * * {}", pick("hour", 24), pick("weekday", 7)),
        fields => fields.to_owned(),
    }
}

/// The minutes of the hour at which a cron of a primary starts; none where it can't be read.
fn minutes(cron: &str) -> BTreeSet<u32> {
    let mut minutes = BTreeSet::new();
    for part in cron.split_whitespace().next().unwrap_or_default().split(',') {
        let (span, step) = match part.split_once('/') {
            Some((span, step)) => (span, step.parse().ok().filter(|step| *step > 0)),
            None => (part, None),
        };
        let (from, to) = match (span, span.split_once('-')) {
            ("*", _) => (Some(0), Some(59)),
            (_, Some((from, to))) => (from.parse().ok(), to.parse().ok()),
            (one, None) => {
                let from = one.parse().ok();
                (from, if step.is_some() { Some(59) } else { from })
            }
        };
        if let (Some(from), Some(to)) = (from, to) {
            minutes.extend((from..=u32::min(to, 59)).step_by(step.unwrap_or(1)));
        }
    }
    minutes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_of_the_primary_is_avoided() {
        for n in 0..500 {
            let path = format!("{n}.yml");
            let cron = cron("hourly", &path, &["*/2 * * * *", "1-31/2 0 * * *", "33 0 * * *"]);
            let minute: u32 = cron.split(' ').next().unwrap().parse().unwrap();
            assert!(minute % 2 == 1 && minute > 33, "{cron}");
        }
    }

    #[test]
    fn minute_0_is_never_taken() {
        for n in 0..500 {
            let cron = cron("daily", &format!("{n}.yml"), &["* * * * *"]);
            assert!(!cron.starts_with("0 "), "{cron}");
        }
    }

    #[test]
    fn the_minutes_of_a_cron_are_read_as_github_reads_them() {
        let read = |cron| minutes(cron).into_iter().collect::<Vec<_>>();
        assert_eq!(read("20/15 * * * *"), [20, 35, 50]);
        assert_eq!(read("00,5-7 1 * * *"), [0, 5, 6, 7]);
        assert_eq!(read("nonsense"), [0; 0]);
        assert_eq!(read("*/0 * * * *").len(), 60);
        assert_eq!(read("5-4294967295 * * * *").len(), 55);
    }

    #[test]
    fn fields_are_taken_as_they_are() {
        assert_eq!(cron("0 4 * * MON", "a.yml", &["0 4 * * *"]), "0 4 * * MON");
    }
}
