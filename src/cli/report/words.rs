//! Figures as people read them.

use crate::core::{
    duty::Side,
    id::Id,
    report::{Figures, Kind, Report, Resource, Transfer},
};

/// A length of time, as exact as somebody cares: `1.5 s`, `12 min`, `3 h 5 min`, `2 d 4 h`.
pub(super) fn length(ms: u64) -> String {
    let (seconds, minutes) = (ms / 1000, ms / 60_000);
    let (hours, days) = (minutes / 60, minutes / 1440);
    let two = |whole: u64, unit, rest: u64, of: &str| match rest {
        0 => format!("{whole} {unit}"),
        rest => format!("{whole} {unit} {rest} {of}"),
    };
    match ms {
        0 => "0".to_owned(),
        1..1000 => format!("{ms} ms"),
        1000..60_000 => match ms % 1000 / 100 {
            0 => format!("{seconds} s"),
            tenth => format!("{seconds}.{tenth} s"),
        },
        _ if hours == 0 => two(minutes, "min", seconds % 60, "s"),
        _ if days == 0 => two(hours, "h", minutes % 60, "min"),
        _ => two(days, "d", hours % 24, "h"),
    }
}

/// A length of time that matters only where there was any.
pub(super) fn some(ms: u64) -> String {
    if ms == 0 { "–".to_owned() } else { length(ms) }
}

/// The same, of a number.
pub(super) fn number(n: u32) -> String {
    if n == 0 { "–".to_owned() } else { n.to_string() }
}

/// A share in percent. Only all is 100 %, and only nothing is 0 %.
pub(super) fn percent(share: Option<f64>) -> String {
    match share {
        None => "not known".to_owned(),
        Some(it) if it >= 1.0 => "100 %".to_owned(),
        Some(it) if it <= 0.0 => "0 %".to_owned(),
        // Rounded down, so that a failure never disappears.
        Some(it) => format!("{:.2} %", (it * 10_000.0).floor() / 100.0),
    }
}

/// `part` of `whole` in percent, both in milliseconds.
#[expect(clippy::cast_precision_loss, reason = "a share of years is exact to less than a second")]
pub(super) fn part(part: u64, whole: u64) -> String {
    percent((whole > 0).then(|| part as f64 / whole as f64))
}

/// How many points of percent a share has more than that of the time before; nothing where one can't see it.
pub(super) fn points(now: Option<f64>, before: Option<f64>) -> Option<f64> {
    let points = (now? - before?) * 100.0;
    Some(if points.abs() < 0.005 { 0.0 } else { points })
}

/// How a share compares with that of the time before, in points of percent.
pub(super) fn trend(now: Option<f64>, before: Option<f64>) -> String {
    match points(now, before) {
        None => "not known".to_owned(),
        Some(0.0) => "as before".to_owned(),
        Some(points) => format!("{points:+.2}"),
    }
}

/// The availability of all of them together.
#[expect(clippy::cast_precision_loss, reason = "a share of years is exact to less than a second")]
pub(super) fn with_all<'a>(all: impl Iterator<Item = &'a Figures>) -> Option<f64> {
    let (mut well, mut known) = (0, 0);
    for it in all {
        well += it.healthy_ms;
        known += it.healthy_ms + it.unhealthy_ms + it.failed_ms;
    }
    (known > 0).then(|| well as f64 / known as f64)
}

/// What kind of move it was, in words.
pub(super) fn kind(transfer: &Transfer) -> &'static str {
    match (transfer.kind, transfer.to) {
        (Kind::Failover, Side::Backup) => "failover",
        (Kind::Failover, Side::Primary) => "failover to the primary",
        (Kind::HandBack, _) => "hand-back",
        (Kind::ByPerson, _) => "by a person",
        (Kind::Found, _) => "found",
    }
}

/// How long after its failure a move began, or what is said of it instead.
pub(super) fn detected(transfer: &Transfer) -> String {
    transfer.detected_after_ms.map_or_else(|| "–".to_owned(), length)
}

/// How long a move took, or what is said of it instead.
pub(super) fn took(transfer: &Transfer) -> String {
    match transfer.took_ms {
        Some(ms) => length(ms),
        None if transfer.arrived => "–".to_owned(),
        None => "has not arrived".to_owned(),
    }
}

/// The backups that were never seen to do their work.
pub(super) fn never_exercised(report: &Report) -> Vec<&Id> {
    report.resources.iter().filter(|it| it.never_exercised).map(|it| &it.id).collect()
}

/// The resources, those with the least availability first, then those of which it is not known.
pub(super) fn worst_first<'a>(all: impl IntoIterator<Item = &'a Resource>) -> Vec<&'a Resource> {
    let mut all: Vec<&Resource> = all.into_iter().collect();
    let share = |it: &Resource| it.now.availability.unwrap_or(2.0);
    all.sort_by(|a, b| share(a).total_cmp(&share(b)).then_with(|| a.id.cmp(&b.id)));
    all
}

/// What the report is about, in words.
pub(super) fn subject(report: &Report) -> String {
    if report.providers.is_empty() {
        return "all resources".to_owned();
    }
    report.providers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_as_exact_as_somebody_cares() {
        let all = [0, 1, 1000, 1500, 60_000, 61_000, 3_600_000, 11_100_000, 187_200_000];
        let all: Vec<String> = all.into_iter().map(length).collect();
        assert_eq!(
            all,
            ["0", "1 ms", "1 s", "1.5 s", "1 min", "1 min 1 s", "1 h", "3 h 5 min", "2 d 4 h"]
        );
    }

    #[test]
    fn no_failure_is_rounded_away() {
        assert_eq!(percent(Some(0.999_999)), "99.99 %");
        assert_eq!(percent(Some(1.0)), "100 %");
        assert_eq!(percent(Some(0.000_000_1)), "0.00 %");
        assert_eq!(percent(None), "not known");
        assert_eq!(trend(Some(0.5), Some(0.75)), "-25.00");
        assert_eq!(trend(Some(0.5), None), "not known");
    }
}
