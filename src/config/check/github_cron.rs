//! The cron dialect of GitHub Actions. It is narrower than what most parsers take.
//!
//! Source: GitHub's documentation of `on.schedule` and its `@actions/workflow-parser`: five fields;
//! `*`, `,`, `-` and `/`; names of months and weekdays; weekdays 0 to 6; ranges ascend; the
//! shortest interval is 5 minutes.

use std::collections::BTreeSet;

use jiff::{Timestamp, tz::TimeZone};

use crate::core::schedule::Schedule;

const WORDS: [&str; 3] = ["hourly", "daily", "weekly"];
pub(super) const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
pub(super) const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const SHORTEST_MINUTES: u32 = 5;

/// What is wrong, and what would be right.
pub(crate) type Refusal = (String, String);

/// What can stand in `schedule`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frequency {
    /// Every so many hours, which divide a day: 1, 2, 3, 4, 6, 8, 12 or 24.
    Hours(u32),
    /// Once a week.
    Weekly,
}

/// What a `schedule` that leaves the time open means; none for five fields.
pub(crate) fn frequency(schedule: &str) -> Option<Frequency> {
    match schedule {
        "hourly" => Some(Frequency::Hours(1)),
        "daily" => Some(Frequency::Hours(24)),
        "weekly" => Some(Frequency::Weekly),
        _ => hours(schedule)?.parse().ok().filter(|it| divides_a_day(*it)).map(Frequency::Hours),
    }
}

/// The `6` of `*/6h`.
fn hours(schedule: &str) -> Option<&str> {
    let hours = schedule.strip_prefix("*/")?.strip_suffix('h')?;
    (!hours.is_empty() && hours.bytes().all(|b| b.is_ascii_digit())).then_some(hours)
}

fn divides_a_day(hours: u32) -> bool {
    24u32.checked_rem(hours) == Some(0)
}

/// Whether a workflow can have this schedule.
pub(super) fn check(schedule: &str) -> Result<(), Refusal> {
    if frequency(schedule).is_some() {
        return Ok(());
    }
    if let Some(hours) = hours(schedule) {
        let message = format!("every {hours} hours is not at the same times each day");
        return Err((message, "write 1, 2, 3, 4, 6, 8, 12 or 24: `*/6h`".into()));
    }
    let fields = read(schedule, TimeZone::UTC)?;
    if fields.next_after(Timestamp::UNIX_EPOCH).is_none() {
        return Err(("this time never comes".into(), "no such day is in these months".into()));
    }
    Ok(())
}

/// Reads five fields as GitHub does.
pub(crate) fn read(schedule: &str, zone: TimeZone) -> Result<Schedule, Refusal> {
    const FORMS: &str = "write `hourly`, `daily`, `weekly`, `*/6h`, or five fields: minute, hour, \
                         day, month, weekday; like `30 4 * * *`";
    if let Some(word) = schedule.strip_prefix('@') {
        let message = format!("GitHub does not know `@{word}`");
        return Err((
            message,
            if WORDS.contains(&word) { format!("write it as `{word}`") } else { FORMS.into() },
        ));
    }
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = fields.as_slice() else {
        let message = match fields.len() {
            6 | 7 => "a schedule of GitHub has five fields, without seconds or years".to_owned(),
            1 => format!("`{}` is no schedule", schedule.escape_debug()),
            n => format!("a schedule has five fields, this one has {n}"),
        };
        return Err((message, FORMS.into()));
    };
    let minutes = field("minute", minute, 0..=59, &[])?;
    let hours = field("hour", hour, 0..=23, &[])?;
    let days = field("day", day, 1..=31, &[])?;
    let months = field("month", month, 1..=12, &MONTHS)?;
    let weekdays = field("weekday", weekday, 0..=6, &WEEKDAYS)?;
    if shortest_gap(&minutes, &hours) < SHORTEST_MINUTES {
        let message = format!("GitHub starts a workflow at most every {SHORTEST_MINUTES} minutes");
        return Err((message, "write the minutes as `*/5` or rarer".into()));
    }
    // Other readers take fewer forms of a field, and all of them take a list. A `*` says more than
    // the list of all: only where both the day and the weekday are something else, either will do.
    let list = |text: &str, values: &BTreeSet<u32>| match text {
        _ if text.starts_with('*') && !text.contains(',') => text.to_owned(),
        _ => values.iter().map(u32::to_string).collect::<Vec<_>>().join(","),
    };
    let plain = [
        list(minute, &minutes),
        list(hour, &hours),
        list(day, &days),
        list(month, &months),
        list(weekday, &weekdays),
    ];
    let read = plain.join(" ").parse::<Schedule>();
    read.map(|it| it.in_zone(zone)).map_err(|error| (error.to_string(), FORMS.into()))
}

/// The values that one field means.
pub(super) fn field(
    what: &str,
    text: &str,
    range: std::ops::RangeInclusive<u32>,
    names: &[&str],
) -> Result<BTreeSet<u32>, Refusal> {
    let (first, last) = (*range.start(), *range.end());
    let refuse = |part: &str| {
        let message = format!("the {what} can't be `{}`", part.escape_debug());
        let help = if what == "weekday" && part.contains('7') {
            "weekdays are 0 (Sunday) to 6 (Saturday)".to_owned()
        } else {
            format!(
                "it is from {first} to {last}, `*`, a list `1,2`, a range `1-2` or a step `*/2`"
            )
        };
        (message, help)
    };
    let number = |text: &str| -> Option<u32> {
        let word = names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let word = word.and_then(|at| u32::try_from(at).ok()).map(|at| at + first);
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        word.or_else(|| plain.then(|| text.parse().ok()).flatten()).filter(|it| range.contains(it))
    };
    let mut values = BTreeSet::new();
    for part in text.split(',') {
        let (span, step) = match part.split_once('/') {
            Some((span, step)) => {
                let plain = step.bytes().all(|b| b.is_ascii_digit());
                let step = plain.then(|| step.parse().ok()).flatten().filter(|it| *it > 0);
                (span, Some(step.ok_or_else(|| refuse(part))?))
            }
            None => (part, None),
        };
        let (from, to) = match (span, span.split_once('-')) {
            ("*", _) => (first, last),
            (_, Some((from, to))) => {
                (number(from).ok_or_else(|| refuse(part))?, number(to).ok_or_else(|| refuse(part))?)
            }
            (one, None) => {
                let from = number(one).ok_or_else(|| refuse(part))?;
                (from, if step.is_some() { last } else { from })
            }
        };
        if from > to {
            return Err(refuse(part));
        }
        values.extend((from..=to).step_by(step.unwrap_or(1)));
    }
    Ok(values)
}

/// The fewest minutes between two runs on a day.
fn shortest_gap(minutes: &BTreeSet<u32>, hours: &BTreeSet<u32>) -> u32 {
    let within = minutes.iter().zip(minutes.iter().skip(1)).map(|(a, b)| b - a).min();
    let neighbours = hours.iter().any(|hour| hours.contains(&((hour + 1) % 24)));
    let across = match (minutes.first(), minutes.last()) {
        (Some(first), Some(last)) if neighbours => Some(60 - last + first),
        _ => None,
    };
    within.into_iter().chain(across).min().unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_github_takes_is_taken() {
        for good in [
            "hourly",
            "daily",
            "weekly",
            "*/6h",
            "*/24h",
            "*/5 * * * *",
            "30 4 * * *",
            "20/15 * * * *",
            "0 0 1 JAN sun",
            "00 01 * * *",
            "0 9-17/2 * * MON-FRI",
            "0,30 * 1,15 * *",
            "58 3 * * *",
            "0 0 29 2 *",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn fields_mean_what_github_takes_them_for() {
        let first = |fields: &str, n: usize| {
            let schedule = read(fields, TimeZone::UTC).unwrap();
            let mut at: Timestamp = "2026-01-05T00:00:00Z".parse().unwrap();
            let mut times = Vec::new();
            for _ in 0..n {
                at = schedule.next_after(at).unwrap();
                times.push(at.strftime("%a %d %H:%M").to_string());
            }
            times.join(", ")
        };
        assert_eq!(
            first("20/15 * * * *", 4),
            "Mon 05 00:20, Mon 05 00:35, Mon 05 00:50, Mon 05 01:20"
        );
        assert_eq!(first("00 01 * * SUN", 2), "Sun 11 01:00, Sun 18 01:00");
        // The day or the weekday, where both are given.
        assert_eq!(first("0 3 13 * 5", 3), "Fri 09 03:00, Tue 13 03:00, Fri 16 03:00");
        assert_eq!(first("0 3 */10 * *", 2), "Sun 11 03:00, Wed 21 03:00");
    }

    #[test]
    fn what_github_refuses_is_refused() {
        for (bad, why) in [
            ("@daily", "does not know `@daily`"),
            ("5 3 * * 7", "weekday can't be `7`"),
            ("0 5 3 * * 1", "without seconds"),
            ("*/2 * * * *", "every 5 minutes"),
            ("0,58 * * * *", "every 5 minutes"),
            ("60 * * * *", "minute can't be `60`"),
            ("0 17-9 * * *", "hour can't be `17-9`"),
            ("0 0 L * *", "day can't be `L`"),
            ("0 0 ? * *", "day can't be `?`"),
            ("*/0 * * * *", "minute can't be `*/0`"),
            ("+5 * * * *", "minute can't be `+5`"),
            ("0 0 30 2 *", "never comes"),
            ("* * *", "this one has 3"),
            ("", "this one has 0"),
            ("yearly", "is no schedule"),
            ("Daily", "is no schedule"),
            ("*/5h", "not at the same times each day"),
            ("*/0h", "not at the same times each day"),
            ("*/48h", "not at the same times each day"),
            ("*/h", "is no schedule"),
        ] {
            let (message, _) = check(bad).unwrap_err();
            assert!(message.contains(why), "{bad}: {message}");
        }
    }
}
