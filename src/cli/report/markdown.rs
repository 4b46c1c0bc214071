//! A report as Markdown.

use std::fmt::Write;

use super::words::{
    detected, kind, length, never_exercised, number, part, percent, some, subject, took, trend,
    worst_first,
};
use crate::{cli::markdown::cell, core::report::Report};

/// The whole report: what matters first.
pub(super) fn report(report: &Report) -> String {
    let mut text = String::from("# redundancy report\n\n");
    let (from, to) = (report.from, report.to);
    let _ = writeln!(
        text,
        "{}, {from:.0} to {to:.0} ({}). A watch looked {} of that time, and {} of the same time before.",
        subject(report),
        length(report.length_ms),
        part(report.watched_ms, report.length_ms),
        part(report.watched_before_ms, report.length_ms),
    );
    if report.unread > 0 {
        let _ = writeln!(
            text,
            "\n{} entries of the journal were written by another version and are left out.",
            report.unread
        );
    }
    resources(report, &mut text);
    pairs(report, &mut text);
    transfers(report, &mut text);
    stuck(report, &mut text);
    drift(report, &mut text);
    let never = never_exercised(report);
    if !never.is_empty() {
        text.push_str("\n## Backups that were never seen to work\n\n");
        for id in never {
            let _ = writeln!(text, "- `{id}`");
        }
    }
    if !report.budget.is_empty() {
        text.push_str("\n## Requests that the services counted\n\n");
        for it in &report.budget {
            let _ = writeln!(text, "- {}: {} of {}", it.provider, it.used, it.limit);
        }
    }
    text
}

fn resources(report: &Report, text: &mut String) {
    text.push_str(
        "\n## Resources\n\nAvailability is the share of the time in which it did its work, of that in which it should \
         and that is known.\n\n",
    );
    if report.resources.is_empty() {
        text.push_str("Nothing was seen.\n");
        return;
    }
    text.push_str(
        "| resource | availability | before (points) | did not work | failures | longest | off | unknown | recoveries | drift |\n\
         | --- | --: | --: | --: | --: | --: | --: | --: | --: | --: |\n",
    );
    for it in worst_first(&report.resources) {
        let now = &it.now;
        let before = it.before.as_ref().and_then(|it| it.availability);
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            it.id,
            percent(now.availability),
            trend(now.availability, before),
            some(now.unhealthy_ms + now.failed_ms),
            number(now.failures),
            some(now.longest_failure_ms),
            some(now.stopped_ms),
            some(now.unknown_ms),
            number(now.recoveries),
            number(now.drifts),
        );
    }
}

fn pairs(report: &Report, text: &mut String) {
    if report.pairs.is_empty() {
        return;
    }
    text.push_str(
        "\n## Pairs\n\n\
         | primary | backup | at least one worked | before (points) | none ran | both ran | off | unknown |\n\
         | --- | --- | --: | --: | --: | --: | --: | --: |\n",
    );
    for it in &report.pairs {
        let before = it.before.as_ref().and_then(|it| it.availability);
        let both = match (it.now.both_ran_ms, it.exclusive) {
            (0, _) => some(0),
            (ms, true) => format!("**{}**, and never should", length(ms)),
            (ms, false) => length(ms),
        };
        let _ = writeln!(
            text,
            "| `{}` | `{}` | {} | {} | {} | {both} | {} | {} |",
            it.primary,
            it.backup,
            percent(it.now.availability),
            trend(it.now.availability, before),
            some(it.now.none_ran_ms),
            some(it.now.off_ms),
            some(it.now.unknown_ms),
        );
    }
}

fn transfers(report: &Report, text: &mut String) {
    text.push_str("\n## Failovers and hand-backs\n\n");
    let before = report.transfers_before;
    if report.transfers.is_empty() {
        let _ = writeln!(text, "None; {before} in the time before.");
        return;
    }
    let _ = write!(
        text,
        "{}; {before} in the time before.\n\n\
         | when | backup | what | why | seen after | took |\n\
         | --- | --- | --- | --- | --: | --: |\n",
        report.transfers.len()
    );
    for it in &report.transfers {
        let _ = writeln!(
            text,
            "| {:.0} | `{}` | {} | {} | {} | {} |",
            it.at,
            it.backup,
            kind(it),
            cell(&it.evidence),
            detected(it),
            took(it),
        );
    }
}

fn stuck(report: &Report, text: &mut String) {
    if report.stuck.is_empty() {
        return;
    }
    text.push_str(
        "\n## Duty that could not move\n\n| when | backup | how |\n| --- | --- | --- |\n",
    );
    for it in &report.stuck {
        let _ = writeln!(text, "| {:.0} | `{}` | {} |", it.at, it.backup, cell(&it.how));
    }
}

fn drift(report: &Report, text: &mut String) {
    if report.drift.is_empty() {
        return;
    }
    text.push_str(
        "\n## Found otherwise than it was left\n\n| when | resource | how |\n| --- | --- | --- |\n",
    );
    if report.drift_left_out > 0 {
        let _ = writeln!(text, "| | | {} times before these |", report.drift_left_out);
    }
    for it in &report.drift {
        let _ = writeln!(text, "| {:.0} | `{}` | {} |", it.at, it.id, cell(&it.how));
    }
}
