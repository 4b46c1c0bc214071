//! The parts of the page.

use std::{collections::BTreeMap, fmt::Write};

use jiff::Timestamp;

use super::{
    super::words::{detected, kind, length, number, part, percent, points, some, took, with_all},
    CHUNK, Moves, code, escape,
    strip::{axis, strip},
};
use crate::core::{
    id::Id,
    report::{Figures, Kind, Pair, Report, Resource, Transfer},
    strip::Strip,
};

/// The figures that one looks at first.
pub(super) fn tiles(report: &Report, text: &mut String) {
    let tile = |text: &mut String, is_bad: bool, figure: &str, what: &str, more: &str| {
        let class = if is_bad { "card tile bad" } else { "card tile" };
        let _ = writeln!(
            text,
            "<div class=\"{class}\"><span>{what}</span><b>{figure}</b><span>{more}</span></div>"
        );
    };
    let none_or = |ms| if ms == 0 { "none".to_owned() } else { length(ms) };
    text.push_str("<section class=\"tiles\">\n");
    let now = with_all(report.resources.iter().map(|it| &it.now));
    let before = with_all(report.resources.iter().filter_map(|it| it.before.as_ref()));
    let than_before = match compared(now, before) {
        it if it.is_empty() => "nothing known of before".to_owned(),
        it => it,
    };
    let is_bad = now.is_some_and(|it| it < 0.99);
    tile(text, is_bad, &percent(now), "availability of all", &than_before);

    let of_kind = |kind| report.transfers.iter().filter(move |it| it.kind == kind);
    let failovers = of_kind(Kind::Failover).count();
    let more = format!(
        "{} hand-backs, {} other; {} moves before",
        of_kind(Kind::HandBack).count(),
        of_kind(Kind::ByPerson).count() + of_kind(Kind::Found).count(),
        report.transfers_before
    );
    tile(text, false, &failovers.to_string(), "failovers", &more);

    let longest = |of: fn(&Transfer) -> Option<u64>| of_kind(Kind::Failover).filter_map(of).max();
    let known = |it: Option<u64>| it.map_or_else(|| "–".to_owned(), length);
    let (seen, moved) = (longest(|it| it.detected_after_ms), longest(|it| it.took_ms));
    let more = format!("and was seen after {} at most", known(seen));
    tile(text, false, &known(moved), "a failover took at most", &more);
    let looked = part(report.watched_ms, report.length_ms);
    let more = format!("of the time; {} before", part(report.watched_before_ms, report.length_ms));
    tile(text, false, &looked, "a watch looked", &more);

    if !report.pairs.is_empty() {
        let sum = |of: fn(&Pair) -> u64| report.pairs.iter().map(of).sum::<u64>();
        let none = sum(|it| it.now.none_ran_ms);
        let then = sum(|it| it.before.as_ref().map_or(0, |it| it.none_ran_ms));
        let more = format!("of all pairs together; {} before", none_or(then));
        tile(text, none > 0, &some(none), "none of a pair ran", &more);
        let both = |it: &Pair, ms| if it.exclusive { ms } else { 0 };
        let now = report.pairs.iter().map(|it| both(it, it.now.both_ran_ms)).sum();
        let then = |it: &Pair| both(it, it.before.as_ref().map_or(0, |it| it.both_ran_ms));
        let then = report.pairs.iter().map(then).sum();
        let more = format!("and never should; {} before", none_or(then));
        tile(text, now > 0, &some(now), "both of a pair ran", &more);
    }

    let sum = |of: fn(&Figures) -> u32| {
        let now: u32 = report.resources.iter().map(|it| of(&it.now)).sum();
        let before = report.resources.iter().filter_map(|it| it.before.as_ref()).map(of);
        (now, before.sum::<u32>())
    };
    let (now, before) = sum(|it| it.recoveries);
    tile(text, false, &number(now), "recoveries tried", &format!("{before} before"));
    let (now, before) = sum(|it| it.drifts);
    tile(text, false, &number(now), "found otherwise than left", &format!("{before} before"));
    text.push_str("</section>\n");
}

/// One pair: both strips, with what its minutes were.
pub(super) fn pair(
    report: &Report,
    pair: &Pair,
    strips: &BTreeMap<&Id, &Strip>,
    moved: &Moves<'_>,
    text: &mut String,
) {
    let moves = moved.get(&pair.backup).map_or(&[][..], Vec::as_slice);
    let none = Strip::default();
    let strip_of = |id| strip(strips.get(id).copied().unwrap_or(&none), report, moves);
    let now = &pair.now;
    let before = pair.before.as_ref().and_then(|it| it.availability);
    let _ = write!(
        text,
        "<section class=\"card pair\"><div class=\"top\"><span>at least one worked: <b>{}</b> {}</span>\
         <span class=\"soft\">{}</span></div><div class=\"two\">{}<div>{}</div>{}<div>{}</div><span></span>{}</div>\
         <div class=\"facts\">",
        percent(now.availability),
        compared(now.availability, before),
        if pair.exclusive { "never both" } else { "both may run" },
        code(&pair.primary),
        strip_of(&pair.primary),
        code(&pair.backup),
        strip_of(&pair.backup),
        axis(report),
    );
    let mut fact = |what: &str, ms: u64, is_bad: bool| {
        let class = if is_bad && ms > 0 { " class=\"bad\"" } else { "" };
        // A share that rounds to nothing tells less than the time does.
        let is_much = ms > report.length_ms / 1000;
        let share =
            if is_much { format!(" ({})", part(ms, report.length_ms)) } else { String::new() };
        let _ = write!(text, "<span>{what} <b{class}>{}</b>{share}</span>", some(ms));
    };
    fact("one ran", now.one_ran_ms, false);
    fact("none ran", now.none_ran_ms, true);
    fact("both ran", now.both_ran_ms, pair.exclusive);
    fact("off", now.off_ms, false);
    fact("nobody saw", now.unknown_ms, false);
    let _ = writeln!(text, "<span>moves <b>{}</b></span></div></section>", moves.len());
}

/// How duty moved, the latest first.
pub(super) fn moves(report: &Report, text: &mut String) {
    let _ = writeln!(
        text,
        "<h2 id=\"moves\">Failovers and hand-backs <small>{}; {} in the time before</small></h2>",
        report.transfers.len(),
        report.transfers_before
    );
    let all: Vec<&Transfer> = report.transfers.iter().rev().collect();
    let head = "<colgroup><col style=\"width:165px\"><col style=\"width:22%\"><col style=\"width:150px\"><col>\
        <col style=\"width:96px\"><col style=\"width:110px\"></colgroup><thead><tr><th>when</th><th>backup</th><th>what</th>\
        <th>why</th><th class=\"n\">seen after</th><th class=\"n\">took</th></tr></thead>";
    table(&all, head, text, |it, text| {
        let class = if it.arrived { "n" } else { "n bad" };
        let _ = write!(
            text,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"wide\">{}</td><td class=\"n\" data-of=\"seen after\">{}</td>\
             <td class=\"{class}\" data-of=\"took\">{}</td></tr>",
            time(it.at),
            code(&it.backup),
            kind(it),
            escape(&it.evidence),
            detected(it),
            took(it),
        );
    });
}

/// What was found and could not be done, and what the services counted.
pub(super) fn notes(report: &Report, text: &mut String) {
    let head = "<colgroup><col style=\"width:165px\"><col style=\"width:30%\"><col></colgroup><thead><tr><th>when</th>\
        <th>resource</th><th>how</th></tr></thead>";
    let row = |at, id: &Id, how: &str, text: &mut String| {
        let (at, id, how) = (time(at), code(id), escape(how));
        let _ = write!(text, "<tr><td>{at}</td><td>{id}</td><td class=\"wide\">{how}</td></tr>");
    };
    if !report.stuck.is_empty() {
        let _ = writeln!(
            text,
            "<h2>Duty that could not move <small>{}</small></h2>",
            report.stuck.len()
        );
        let all: Vec<_> = report.stuck.iter().rev().collect();
        table(&all, head, text, |it, text| row(it.at, &it.backup, &it.how, text));
    }
    if !report.drift.is_empty() {
        let _ = writeln!(
            text,
            "<h2>Found otherwise than it was left <small>{}</small></h2>",
            report.drift.len() + report.drift_left_out
        );
        let all: Vec<_> = report.drift.iter().rev().collect();
        table(&all, head, text, |it, text| row(it.at, &it.id, &it.how, text));
        if report.drift_left_out > 0 {
            let _ = writeln!(text, "<p>and {} times before these</p>", report.drift_left_out);
        }
    }
    if !report.budget.is_empty() {
        text.push_str("<h2>Requests that the services counted</h2>\n<div class=\"card facts\">");
        for it in &report.budget {
            let _ = write!(
                text,
                "<span>{} <b>{}</b> of {}, which is {}</span>",
                escape(it.provider.as_str()),
                it.used,
                it.limit,
                part(it.used, it.limit)
            );
        }
        text.push_str("</div>\n");
    }
}

/// A table of some resources.
pub(super) fn resources(report: &Report, all: &[&Resource], moved: &Moves<'_>, text: &mut String) {
    let _ = write!(
        text,
        "<div class=\"chunk\"><table><colgroup><col style=\"width:22%\"><col><col style=\"width:112px\"><col style=\"width:116px\">\
         <col style=\"width:72px\"><col style=\"width:116px\"><col style=\"width:84px\"></colgroup>\
         <thead><tr><th>resource</th><th>{}</th><th class=\"n\">availability</th><th class=\"n\">did not work</th>\
         <th class=\"n\">failures</th><th class=\"n\">longest</th><th class=\"n\">recoveries, drift</th></tr></thead><tbody>",
        axis(report)
    );
    for it in all {
        let now = &it.now;
        let before = it.before.as_ref().and_then(|it| it.availability);
        let bad = now.unhealthy_ms + now.failed_ms;
        let backs_up =
            it.backs_up.as_ref().map(|it| format!("<small>stands in for {}</small>", code(it)));
        let moves = moved.get(&it.id).map_or(&[][..], Vec::as_slice);
        let _ = writeln!(
            text,
            "<tr><td class=\"wide\">{}{}</td><td class=\"wide\">{}</td><td class=\"n\"><b>{}</b>{}</td>{}{}{}{}</tr>",
            code(&it.id),
            backs_up.unwrap_or_default(),
            strip(&now.parts, report, moves),
            percent(now.availability),
            compared(now.availability, before),
            figure("did not work", &some(bad), now.failed_ms > 0),
            figure("failures", &number(now.failures), false),
            figure("longest", &some(now.longest_failure_ms), false),
            figure(
                "recoveries, drift",
                &match (now.recoveries, now.drifts) {
                    (0, 0) => number(0),
                    (tried, 0) => tried.to_string(),
                    (0, drifts) => format!("drift {drifts}"),
                    (tried, drifts) => format!("{tried}<small>drift {drifts}</small>"),
                },
                false,
            ),
        );
    }
    text.push_str("</tbody></table></div>");
}

/// A cell with a figure, which has to say what it is where there is no room for a head.
fn figure(of: &str, figure: &str, is_bad: bool) -> String {
    let nothing = if figure == number(0) { " none" } else { "" };
    let bad = if is_bad { " bad" } else { "" };
    format!("<td class=\"n{nothing}{bad}\" data-of=\"{of}\">{figure}</td>")
}

/// How a share compares with that of the time before, in a colour.
fn compared(now: Option<f64>, before: Option<f64>) -> String {
    match points(now, before) {
        None => String::new(),
        Some(0.0) => " <small class=\"soft\">as before</small>".to_owned(),
        Some(it) => {
            let (class, arrow) = if it > 0.0 { ("up", "▲") } else { ("down", "▼") };
            format!(" <small class=\"{class}\">{arrow} {:.2} points</small>", it.abs())
        }
    }
}

/// A table of what may be much: the first rows, and folded the rest.
fn table<T>(all: &[&T], head: &str, text: &mut String, row: impl Fn(&T, &mut String)) {
    if all.is_empty() {
        text.push_str("<p class=\"soft\">None.</p>\n");
        return;
    }
    text.push_str("<div class=\"card scroll\">");
    for (n, chunk) in all.chunks(CHUNK).enumerate() {
        if n == 1 {
            let _ = write!(text, "<details><summary>{} more</summary>", all.len() - CHUNK);
        }
        let _ = write!(text, "<table>{head}<tbody>");
        for it in chunk {
            row(it, text);
        }
        text.push_str("</tbody></table>");
    }
    if all.len() > CHUNK {
        text.push_str("</details>");
    }
    text.push_str("</div>\n");
}

fn time(at: Timestamp) -> String {
    format!("<time datetime=\"{at:.3}\">{}</time>", at.strftime("%Y-%m-%d %H:%M:%S"))
}
