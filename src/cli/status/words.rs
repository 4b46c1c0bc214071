//! `status`, in words for people.

use std::fmt::Write;

use bytesize::ByteSize;
use jiff::Timestamp;

use super::{Blind, Remark, Report, Row};
use crate::{
    cli::{alerts, output::visible, pause, table::table},
    journal::{Event, Kind},
};

pub(super) fn human(report: &Report) -> String {
    // Where nobody tells what anything uses, there is nothing to show of it.
    let told = report.resources.iter().any(|row| row.vitals.is_some());
    let paired = report.resources.iter().any(|row| row.duty.is_some());
    let planned = report
        .resources
        .iter()
        .any(|row| row.schedule.as_ref().is_some_and(|it| it.next.is_some()));
    let shown = Shown { told, paired, planned };
    let rows: Vec<Vec<String>> =
        report.resources.iter().map(|it| cells(it, shown, report.at)).collect();
    let duty: &[&str] = if paired { &["DUTY"] } else { &[] };
    let uses: &[&str] = if told { &["RESTARTS", "MEMORY", "CPU"] } else { &[] };
    let titles = ["RESOURCE", "KIND", "BACKS UP"];
    let times: &[&str] = if planned { &["LAST BY SCHEDULE", "NEXT DUE"] } else { &[] };
    let state = ["STATE", "HEALTH", "SINCE"];
    let titles = [&titles, duty, &state, times, uses, &["LAST CHANGE"]].concat();
    let mut text = table(&titles, &rows);
    text.push('\n');
    for row in report.resources.iter().filter(|it| in_room(&it.state, it.word) != it.state) {
        let _ = writeln!(text, "{}: {}", row.id, visible(&row.state));
    }
    text.push_str(&system(report));
    text.push_str(&not_known(report));
    for remark in report.resources.iter().filter_map(|it| it.duty.as_ref()?.remark.as_ref()) {
        let _ = writeln!(text, "{}", visible(remark));
    }
    for Remark { provider, text: remark } in &report.remarks {
        let _ = writeln!(text, "{provider}: {}", visible(remark));
    }
    match &report.watch {
        Some(holder) => {
            let last = match report.last_look {
                Some(at) => format!("last completed look {}", ago(at, report.at)),
                None => "no look completed yet".to_owned(),
            };
            let overdue = if report.overdue {
                ", and the next one is overdue: it hangs, unless this machine has just been asleep; \
                 `redundancy monitor` replaces a watch that hangs"
            } else {
                ""
            };
            let _ = writeln!(text, "watched by {holder}; {last}{overdue}");
        }
        None => text.push_str("nobody watches; `redundancy watch` does\n"),
    }
    text.push_str(&alerts::lost_in_words(&report.alerts_lost, report.at));
    text + &pause::list(report.paused.iter(), report.at)
}

/// How all of it does, and each provider.
fn system(report: &Report) -> String {
    if report.components.is_empty() {
        return String::new();
    }
    let mut text = format!("the system: {}\n", report.system.all);
    for component in &report.components {
        let tally = report.system.each.get(&component.provider);
        let tally = tally.map(|it| format!("{it}; ")).unwrap_or_default();
        let how = visible(&component.to_string());
        let _ = writeln!(text, "  {}: {tally}{how}", component.provider);
    }
    text
}

/// What could not be seen, and why.
pub(in crate::cli) fn not_seen(report: &Report) -> String {
    let mut text = String::new();
    for Blind { provider, why } in &report.blind {
        let _ = writeln!(text, "{provider} could not be asked: {}", visible(why));
    }
    text + &not_known(report)
}

/// What could not be seen although the rest of its provider could.
fn not_known(report: &Report) -> String {
    let mut text = String::new();
    for Blind { provider, why } in &report.unseen {
        let _ = writeln!(text, "{provider}: how its resources do is not known: {}", visible(why));
    }
    text
}

/// The columns that are not always there.
#[derive(Debug, Clone, Copy)]
struct Shown {
    /// What it uses.
    told: bool,
    /// What duty means for it.
    paired: bool,
    /// What its schedule plans.
    planned: bool,
}

fn cells(row: &Row, shown: Shown, now: Timestamp) -> Vec<String> {
    let or_none = |it: Option<String>| it.unwrap_or_else(|| "-".to_owned());
    let last = row.last_change.as_ref();
    let last = last.and_then(|it| Some((it, it.at.parse::<Timestamp>().ok()?)));
    let mut cells = vec![
        row.id.to_string(),
        row.kind.to_owned(),
        or_none(row.backs_up.as_deref().map(visible)),
    ];
    if shown.paired {
        cells.push(or_none(row.duty.as_ref().map(|it| it.phase.to_string())));
    }
    cells.extend([
        visible(in_room(&row.state, row.word)),
        row.health.to_string(),
        or_none(row.since.map(|since| ago(since, now))),
    ]);
    if shown.planned {
        let planned = row.schedule.as_ref();
        cells.push(or_none(planned.and_then(|it| it.last_success).map(|it| ago(it, now))));
        cells.push(or_none(planned.and_then(|it| it.next).map(|it| format!("{it:.0}"))));
    }
    if shown.told {
        let vitals = row.vitals.as_ref();
        cells.push(or_none(vitals.map(|it| it.restarts.to_string())));
        cells.push(or_none(
            vitals.and_then(|it| it.memory).map(|it| ByteSize(it).display().iec().to_string()),
        ));
        let percent = |it: u32| format!("{}.{} %", it / 10, it % 10);
        cells.push(or_none(vitals.and_then(|it| it.cpu).map(percent)));
    }
    cells.push(or_none(last.map(|(event, at)| format!("{} {}", in_short(event), ago(at, now)))));
    cells
}

/// What of a state has room in a table: where it is long, what it is in one word, without why.
fn in_room<'s>(state: &'s str, word: Option<&'s str>) -> &'s str {
    const ROOM: usize = 50;
    word.filter(|_| state.chars().count() > ROOM).unwrap_or(state)
}

/// A change without its reason: `create`, or `create failed`.
fn in_short(event: &Event) -> String {
    let verb = visible(event.text.split(':').next().unwrap_or_default());
    if event.kind == Kind::Failed.word() { format!("{verb} failed") } else { verb }
}

/// How long ago, in the two units that matter.
pub(in crate::cli) fn ago(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s ago"),
        (0, 0, _) => format!("{minutes}m {}s ago", seconds % 60),
        (0, _, _) => format!("{hours}h {minutes}m ago"),
        _ => format!("{days}d {hours}h ago"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_state_is_shown_without_its_reason() {
        let long = "broken: there is no such function in the folder of functions";
        assert_eq!(in_room(long, Some("broken")), "broken");
        let short = "down: was ended by SIGKILL";
        assert_eq!(in_room(short, Some("down")), short);
        // A word on something else is no reason.
        let noted = "answers; netlify.toml is not understood: expected `=` in line 7";
        assert_eq!(in_room(noted, Some("answers")), "answers");
        assert_eq!(in_room(long, None), long);
    }

    #[test]
    fn times_are_told_in_two_units() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let shown = |seconds| ago(now - jiff::SignedDuration::from_secs(seconds), now);
        assert_eq!(shown(-5), "0s ago");
        assert_eq!(shown(59), "59s ago");
        assert_eq!(shown(61), "1m 1s ago");
        assert_eq!(shown(7_265), "2h 1m ago");
        assert_eq!(shown(90_000), "1d 1h ago");
    }
}
