//! What is drawn in a report: times from left to right, as SVG that needs no script.

use std::fmt::Write;

use jiff::{SignedDuration, Timestamp};

use super::{super::words::kind, escape};
use crate::core::{
    health::Health,
    report::{Report, Transfer},
    strip::{PARTS, Strip},
};

/// What a part of a time is drawn as.
struct Look {
    health: Health,
    /// Its class, for the colour.
    class: char,
    /// How tall it is, of [`TALL`]: who sees no colours sees what is wrong by that.
    tall: u32,
    /// What it says.
    words: &'static str,
}

/// How tall a strip is, in its own units.
const TALL: u32 = 16;

/// How wide a strip is, in its own units: ten to a part.
const WIDE: usize = PARTS * 10;

/// All of them, from the bottom of a stack to its top.
const LOOKS: [Look; 5] = [
    Look { health: Health::Healthy, class: 'h', tall: 11, words: "did its work" },
    Look { health: Health::Stopped, class: 's', tall: 6, words: "off on purpose" },
    Look { health: Health::Unknown, class: 'q', tall: 2, words: "nobody saw" },
    Look { health: Health::Unhealthy, class: 'u', tall: TALL, words: "did not do its work" },
    Look { health: Health::Failed, class: 'f', tall: TALL, words: "failed, needs a person" },
];

/// The key to the drawings.
pub(super) fn key() -> String {
    let mut text = String::from("<div class=\"key\">");
    for look in &LOOKS {
        let _ = write!(text, "<span><i class=\"{}\"></i>{}</span>", look.class, look.words);
    }
    text.push_str("<span><i class=\"m\"></i>duty moved</span></div>\n");
    text
}

/// The strip of one resource from its parts, with the moves of its duty.
pub(super) fn strip(parts: &Strip, report: &Report, moves: &[&Transfer]) -> String {
    let mut text = begin("strip", TALL);
    for look in &LOOKS {
        let (mut path, mut at) = (String::new(), 0);
        for run in parts.0.chunk_by(|a, b| a == b) {
            let (from, to) = (at, at + run.len());
            at = to;
            if run.first() != Some(&look.health) {
                continue;
            }
            let (x, width, y) = (from * 10, run.len() * 10, TALL - look.tall);
            if look.tall < TALL {
                let _ = write!(path, "M{x} {y}h{width}v{}h-{width}z", look.tall);
            } else {
                let _ = write!(
                    text,
                    "<rect class=\"{}\" x=\"{x}\" width=\"{width}\" height=\"{TALL}\"><title>{} to {}: {}</title></rect>",
                    look.class,
                    clock(slot(report, from), report),
                    clock(slot(report, to), report),
                    look.words
                );
            }
        }
        if !path.is_empty() {
            let _ = write!(text, "<path class=\"{}\" d=\"{path}\"/>", look.class);
        }
    }
    marks(report, moves, TALL, &mut text);
    text + "</svg>"
}

/// Tall enough for somebody to see that one of many thousands is not well.
const LEAST: u64 = 40;

/// All resources, one above the other: how many did how, when.
pub(super) fn everything(report: &Report) -> String {
    const WHOLE: u64 = 1000;
    let mut counts = [[0_u64; LOOKS.len()]; PARTS];
    for resource in &report.resources {
        for (count, health) in counts.iter_mut().zip(resource.now.parts.0) {
            if let Some(look) = LOOKS.iter().position(|it| it.health == health) {
                count[look] += 1;
            }
        }
    }
    let mut paths: [String; LOOKS.len()] = Default::default();
    for (slot, count) in counts.iter().enumerate() {
        let all = count.iter().sum::<u64>().max(1);
        let mut tall = count.map(|it| it * WHOLE / all);
        for (look, tall) in
            LOOKS.iter().zip(&mut tall).zip(count).filter(|it| *it.1 > 0).map(|it| it.0)
        {
            if look.tall == TALL {
                *tall = (*tall).max(LEAST);
            }
        }
        let (x, mut y) = (slot * 10, 0);
        // From the top, so that what is wrong always has its place.
        for (path, tall) in paths.iter_mut().zip(tall).rev() {
            let tall = tall.min(WHOLE - y);
            if tall > 0 {
                let _ = write!(path, "M{x} {y}h10v{tall}h-10z");
                y += tall;
            }
        }
    }
    let mut text = begin("all", 1000);
    for (look, path) in LOOKS.iter().zip(paths).filter(|it| !it.1.is_empty()) {
        let _ = write!(text, "<path class=\"{}\" d=\"{path}\"/>", look.class);
    }
    text + "</svg>\n"
}

/// Only the moves, of everything.
pub(super) fn moves(report: &Report) -> String {
    let mut text = begin("strip", TALL);
    // More than can be told from each other need not all be drawn.
    let most: Vec<&Transfer> = report.transfers.iter().take(WIDE).collect();
    marks(report, &most, TALL, &mut text);
    text + "</svg>\n"
}

/// Points in time below a strip.
pub(super) fn axis(report: &Report) -> String {
    let mut text = String::from("<div class=\"axis\">");
    for n in 0..=4 {
        let _ = write!(text, "<span>{}</span>", clock(slot(report, n * PARTS / 4), report));
    }
    text.push_str("</div>");
    text
}

fn begin(class: &str, tall: u32) -> String {
    format!(
        "<svg class=\"{class}\" viewBox=\"0 0 {WIDE} {tall}\" preserveAspectRatio=\"none\" shape-rendering=\"crispEdges\">"
    )
}

fn marks(report: &Report, moves: &[&Transfer], tall: u32, text: &mut String) {
    let whole = u128::from(report.length_ms.max(1));
    for it in moves {
        let offset = it.at.as_millisecond().saturating_sub(report.from.as_millisecond());
        let x = u128::try_from(offset).unwrap_or(0) * WIDE as u128 / whole;
        let _ = write!(
            text,
            "<rect class=\"m\" x=\"{x}\" width=\"3\" height=\"{tall}\"><title>{}: {}, {}: {}</title></rect>",
            it.at.strftime("%Y-%m-%d %H:%M:%S"),
            kind(it),
            escape(&it.backup.to_string()),
            escape(&it.evidence)
        );
    }
}

/// When a part of the time of a report begins.
fn slot(report: &Report, slot: usize) -> Timestamp {
    let offset = u128::from(report.length_ms) * slot as u128 / PARTS as u128;
    let offset = SignedDuration::from_millis(i64::try_from(offset).unwrap_or(i64::MAX));
    report.from.checked_add(offset).unwrap_or(report.to)
}

/// A point in time, as exact as one can see it in a drawing.
fn clock(at: Timestamp, report: &Report) -> String {
    const TWO_DAYS: u64 = 2 * 24 * 3_600_000;
    const YEAR: u64 = 365 * 24 * 3_600_000;
    let form = if report.length_ms <= TWO_DAYS {
        "%H:%M"
    } else if report.length_ms <= YEAR {
        "%b %d, %H:%M"
    } else {
        "%Y-%m-%d"
    };
    at.strftime(form).to_string()
}
