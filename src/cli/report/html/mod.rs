//! A report as one HTML file that needs nothing else: no network, no script. What matters stands first, and what
//! was well all the time is folded where there is much of it.

mod parts;
mod strip;

use std::{collections::BTreeMap, fmt::Write};

use self::{
    parts::{moves, notes, pair, resources, tiles},
    strip::{axis, everything, key},
};
use super::words::{length, never_exercised, part, subject, worst_first};
use crate::{
    cli::output::{count, visible},
    core::{
        id::Id,
        report::{Pair, Report, Resource, Transfer},
        strip::Strip,
    },
};

/// Nothing is fetched, whatever a name or a piece of evidence would have a browser do.
const BEGIN: &str = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
    <meta name=\"referrer\" content=\"no-referrer\">\n\
    <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n";

/// How many there may be of something before those are folded that had nothing.
const FOLD_ABOVE: usize = 30;

/// How many rows a table has: a browser leaves out those that nobody looks at.
const CHUNK: usize = 100;

/// The moves of duty, by the backup of their pair.
type Moves<'a> = BTreeMap<&'a Id, Vec<&'a Transfer>>;

/// The whole report.
pub(super) fn report(report: &Report) -> String {
    let about = subject(report);
    let mut moved = Moves::new();
    for it in &report.transfers {
        moved.entry(&it.backup).or_default().push(it);
    }
    let mut text = String::from(BEGIN);
    let _ = write!(
        text,
        "<title>redundancy report: {about}, to {to}</title>\n<style>\n{style}</style>\n</head>\n<body>\n\
         <header>\n<h1>redundancy report</h1>\n<p class=\"soft\">{about}, {from} to {to} UTC ({length}). \
         A watch looked {watched} of that time, and {before} of the same time before.</p>\n",
        about = escape(&about),
        style = include_str!("style.css"),
        from = report.from.strftime("%Y-%m-%d %H:%M"),
        to = report.to.strftime("%Y-%m-%d %H:%M"),
        length = length(report.length_ms),
        watched = part(report.watched_ms, report.length_ms),
        before = part(report.watched_before_ms, report.length_ms),
    );
    let providers = report.by_provider();
    text.push_str("<nav>");
    if !report.pairs.is_empty() {
        text.push_str("<a href=\"#pairs\">pairs</a>");
    }
    text.push_str("<a href=\"#moves\">failovers and hand-backs</a>");
    for (provider, its) in &providers {
        let name = escape(provider.as_str());
        let _ = write!(text, "<a href=\"#of-{name}\">{name} ({})</a>", its.len());
    }
    text.push_str("</nav>\n</header>\n<main>\n");
    warnings(report, &mut text);
    tiles(report, &mut text);
    if report.resources.is_empty() {
        text.push_str("<p>Nothing was seen.</p>\n");
    } else {
        let _ = write!(
            text,
            "<h2>Everything together</h2>\n<div class=\"card\">{}{}{}{}</div>\n",
            everything(report),
            strip::moves(report),
            axis(report),
            key()
        );
    }
    pairs(report, &moved, &mut text);
    moves(report, &mut text);
    for (provider, its) in providers {
        let name = escape(provider.as_str());
        let _ = writeln!(
            text,
            "<h2 id=\"of-{name}\">{name} <small>{}, the worst first</small></h2>",
            count(its.len(), "resource")
        );
        of_provider(report, worst_first(its), &moved, &mut text);
    }
    notes(report, &mut text);
    let _ = write!(
        text,
        "</main>\n<footer>Availability is the share of the time in which it did its work, of that in which it should and \
         that is known. What nobody saw is unknown, and never counts as healthy. All times are UTC. Made {} by redundancy {}.\
         </footer>\n</body>\n</html>\n",
        report.made_at.strftime("%Y-%m-%d %H:%M:%S"),
        env!("CARGO_PKG_VERSION"),
    );
    text
}

/// What somebody has to know before all figures.
fn warnings(report: &Report, text: &mut String) {
    let never = never_exercised(report);
    if !never.is_empty() {
        let _ = write!(
            text,
            "<section class=\"card warn\"><h2>{} never seen to work</h2>\
             <p>Nobody knows whether they would, should they have to. <code>redundancy failover</code> tries one.</p>",
            if never.len() == 1 {
                "1 backup was".to_owned()
            } else {
                format!("{} backups were", never.len())
            },
        );
        let list = |ids: &[&Id], text: &mut String| {
            text.push_str("<ul>");
            for id in ids {
                let _ = write!(text, "<li>{}</li>", code(id));
            }
            text.push_str("</ul>");
        };
        let (first, rest) = never.split_at(never.len().min(FOLD_ABOVE));
        list(first, text);
        if !rest.is_empty() {
            let _ = write!(text, "<details><summary>{} more</summary>", rest.len());
            list(rest, text);
            text.push_str("</details>");
        }
        text.push_str("</section>\n");
    }
    let both: Vec<&Pair> =
        report.pairs.iter().filter(|it| it.exclusive && it.now.both_ran_ms > 0).collect();
    if !both.is_empty() {
        text.push_str(
            "<section class=\"card warn\"><h2>Both of a pair ran, and never should</h2><ul>",
        );
        for it in both {
            let both = length(it.now.both_ran_ms);
            let _ = write!(text, "<li>{} and {}: {both}</li>", code(&it.primary), code(&it.backup));
        }
        text.push_str("</ul></section>\n");
    }
    if report.unread > 0 {
        let _ = writeln!(
            text,
            "<section class=\"card warn\">{} entries of the journal were written by another version and are left out.\
             </section>",
            report.unread
        );
    }
}

fn pairs(report: &Report, moved: &Moves<'_>, text: &mut String) {
    if report.pairs.is_empty() {
        return;
    }
    let _ = writeln!(
        text,
        "<h2 id=\"pairs\">Pairs <small>{}</small></h2>",
        count(report.pairs.len(), "pair")
    );
    let strips: BTreeMap<&Id, &Strip> =
        report.resources.iter().map(|it| (&it.id, &it.now.parts)).collect();
    let mut all: Vec<&Pair> = report.pairs.iter().collect();
    let had = |it: &&Pair| {
        it.now.availability.is_some_and(|it| it < 1.0)
            || it.now.none_ran_ms > 0
            || moved.contains_key(&it.backup)
            || it.exclusive && it.now.both_ran_ms > 0
    };
    let share = |it: &Pair| it.now.availability.unwrap_or(2.0);
    all.sort_by(|a, b| share(a).total_cmp(&share(b)));
    let (had, quiet): (Vec<&Pair>, Vec<&Pair>) =
        if all.len() > FOLD_ABOVE { all.into_iter().partition(had) } else { (all, Vec::new()) };
    for it in had {
        pair(report, it, &strips, moved, text);
    }
    folded(&quiet, "where one worked all the time", text, |it, text| {
        pair(report, it, &strips, moved, text);
    });
}

fn of_provider(report: &Report, all: Vec<&Resource>, moved: &Moves<'_>, text: &mut String) {
    let had = |it: &&Resource| {
        let now = &it.now;
        now.unhealthy_ms + now.failed_ms > 0
            || now.recoveries + now.drifts > 0
            || it.never_exercised
    };
    let (had, quiet): (Vec<&Resource>, Vec<&Resource>) =
        if all.len() > FOLD_ABOVE { all.into_iter().partition(had) } else { (all, Vec::new()) };
    if !had.is_empty() {
        text.push_str("<div class=\"card scroll\">");
        for chunk in had.chunks(CHUNK) {
            resources(report, chunk, moved, text);
        }
        text.push_str("</div>\n");
    }
    let chunks: Vec<&[&Resource]> = quiet.chunks(CHUNK).collect();
    if !chunks.is_empty() {
        let _ = write!(
            text,
            "<details class=\"card scroll\"><summary>{} that had no failure, recovery or drift</summary>",
            quiet.len()
        );
        for chunk in chunks {
            resources(report, chunk, moved, text);
        }
        text.push_str("</details>\n");
    }
}

/// What had nothing, where somebody can look at it all the same.
fn folded<T>(all: &[T], what: &str, text: &mut String, each: impl Fn(&T, &mut String)) {
    if all.is_empty() {
        return;
    }
    let _ = write!(text, "<details><summary>{} more, {what}</summary>", all.len());
    for it in all {
        each(it, text);
    }
    text.push_str("</details>\n");
}

/// A name, set apart, in whatever direction its letters are written.
fn code(id: &Id) -> String {
    format!("<code><bdi>{}</bdi></code>", escape(&id.to_string()))
}

/// A text that can't be anything but text, also as the value of an attribute.
fn escape(text: &str) -> String {
    let text = visible(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests;
