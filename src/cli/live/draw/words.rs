//! What is said below the list: what has to be known beside it, and what the keys do.

use ratatui::{
    style::{Color, Modifier, Style},
    text::Span,
};

use super::{BOLD, DIM, Palette};
use crate::core::live::{Mode, Source, View, plain};

/// What has to be known beside the list, a line each, the most urgent first.
pub(super) fn notes(view: &View, palette: Palette, is_overdue: bool) -> Vec<(String, Style)> {
    let Some(frame) = &view.frame else { return Vec::new() };
    let attention = palette.colour(Color::Yellow);
    let mut notes = Vec::new();
    if !frame.in_hand.is_empty() {
        let changes: Vec<String> =
            frame.in_hand.iter().take(8).map(|(verb, id)| format!("{verb} {id}")).collect();
        let more = frame.in_hand.len() - changes.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        notes.push((format!("* now: {}{more}", changes.join(", ")), BOLD));
    }
    if let Some(until) = frame.paused {
        notes.push((format!("= everything is paused until {until:.0}"), attention));
    }
    if let Source::Own(why) = &view.source {
        let text = format!("  looking without a watch: {why}; `redundancy start` begins one");
        let text = if frame.watch.is_some() { format!("  looking by itself: {why}") } else { text };
        notes.push((text, attention));
    }
    if is_overdue {
        let text = "  the watch has not looked for long: it hangs, or this machine was asleep; `redundancy \
                    monitor` replaces a watch that hangs";
        notes.push((text.to_owned(), attention));
    }
    for (provider, why) in &frame.unseen {
        notes.push((format!("  {provider} is not seen: {why}"), attention));
    }
    notes
}

/// What is asked or was said, or what the keys do.
pub(super) fn foot(view: &View, width: usize, palette: Palette) -> Vec<(String, Style)> {
    if let Mode::Confirm { question, .. } = &view.mode {
        let style = palette.colour(Color::Yellow).add_modifier(Modifier::BOLD);
        return wrapped(&format!("{question}  y yes  n no"), width, style);
    }
    if let Some(said) = &view.said {
        return wrapped(&plain(said), width, BOLD);
    }
    let text = match &view.mode {
        Mode::Filter => format!("/{}_  enter keeps it  esc shows all", view.filter),
        Mode::Open(_) => "q back  r read again  up down end".to_owned(),
        _ => {
            let filter = if view.filter.is_empty() {
                "/ filter".to_owned()
            } else {
                format!("/{}  esc shows all", view.filter)
            };
            let keys = view.selected().map(|row| {
                let pause = if row.paused.is_some() { "resume" } else { "pause" };
                let duty = match row.pair.as_ref().map(|it| it.backup_serves) {
                    Some(true) => "  f hand back",
                    Some(false) => "  f fail over",
                    None => "",
                };
                format!("  enter open  p {pause}{duty}")
            });
            format!("q quit  {filter}{}", keys.unwrap_or_default())
        }
    };
    vec![(text, DIM)]
}

/// Text in lines that are not wider than the screen, broken between words where that can be.
pub(super) fn wrapped(text: &str, width: usize, style: Style) -> Vec<(String, Style)> {
    let (mut lines, mut line, mut used) = (Vec::new(), String::new(), 0);
    for word in text.split_inclusive(' ') {
        let long = Span::raw(word.trim_end()).width();
        if used > 0 && used + long > width {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        if long <= width {
            line.push_str(word);
            used += Span::raw(word).width();
            continue;
        }
        for c in word.chars() {
            let wide = Span::raw(c.encode_utf8(&mut [0; 4]).to_owned()).width();
            if used > 0 && used + wide > width {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push(c);
            used += wide;
        }
    }
    lines.push(line);
    lines.into_iter().map(|it| (it.trim_end().to_owned(), style)).collect()
}
