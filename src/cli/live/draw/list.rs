//! The list of the resources.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Modifier, Style},
};

use super::{BOLD, DIM, Palette, put, rest};
use crate::core::{
    health::Health,
    live::{Frame, Line, Row, View},
};

/// How wide each column is; 0 where there is no room for it.
pub(super) struct Columns {
    name: u16,
    health: u16,
    duty: u16,
    state: u16,
    day: u16,
}

impl Columns {
    pub(super) fn of(width: u16, frame: &Frame) -> Self {
        let longest = frame.rows.iter().map(|row| row.id.name.as_str().len()).max().unwrap_or(0);
        let longest = u16::try_from(longest).unwrap_or(u16::MAX).max(8);
        // A cell for two hours, for one, or for half of one.
        let day = match width {
            ..64 => 0,
            64..100 => 12,
            100..160 => 24,
            160.. => 48,
        };
        let paired = frame.rows.iter().any(|row| row.duty.is_some());
        let duty = if paired && width >= 50 { 13 } else { 0 };
        let health = if width >= 28 { 9 } else { 2 };
        let name = longest.min((width / 3).max(width.saturating_sub(16).min(24)).max(8));
        let gaps = |it: u16| if it > 0 { it + 2 } else { 0 };
        let taken = 2 + name + gaps(health) + gaps(duty) + gaps(day) + 2;
        let state = width.saturating_sub(taken);
        Self { name, health, duty, state: if state < 6 { 0 } else { state }, day }
    }

    /// Where the columns are.
    fn places(&self, area: Rect) -> [Rect; 5] {
        let mut x = area.x + 2;
        [self.name, self.health, self.duty, self.state, self.day].map(|width| {
            let place = Rect { x, width, ..area }.intersection(area);
            x = if width > 0 { (x + width + 2).min(area.right()) } else { x };
            place
        })
    }

    pub(super) fn titles(&self, buffer: &mut Buffer, area: Rect) {
        let day = if self.day >= 12 { "LAST DAY" } else { "" };
        let titles = ["RESOURCE", "HEALTH", "DUTY", "STATE", day];
        for (place, title) in self.places(area).into_iter().zip(titles) {
            put(buffer, place, title, DIM);
        }
    }
}

/// Draws the resources, by provider, as far as there is room for them.
pub(super) fn list(
    buffer: &mut Buffer,
    area: Rect,
    view: &View,
    frame: &Frame,
    columns: &Columns,
    palette: Palette,
) {
    if view.lines().is_empty() {
        let text = if view.filter.is_empty() {
            "  there is nothing here that the config asks for"
        } else {
            "  nothing is like that"
        };
        put(buffer, area, text, DIM);
        return;
    }
    let window = view.window(usize::from(area.height));
    let first = window.start;
    for (y, (place, line)) in (area.y..).zip((first..).zip(&view.lines()[window])) {
        let area = Rect { y, height: 1, ..area };
        match *line {
            Line::Provider { first, count } => {
                let Some(row) = frame.rows.get(first) else { continue };
                let x = put(buffer, area, row.id.provider.as_str(), BOLD);
                put(buffer, rest(area, x), &format!("  {count}"), DIM);
            }
            Line::Resource(index) => {
                let Some(row) = frame.rows.get(index) else { continue };
                resource(buffer, area, view, row, columns, palette);
                if view.is_selected(place) {
                    buffer.set_style(area, Style::new().add_modifier(Modifier::REVERSED));
                }
            }
        }
    }
}

fn resource(
    buffer: &mut Buffer,
    area: Rect,
    view: &View,
    row: &Row,
    columns: &Columns,
    palette: Palette,
) {
    let [name, health, duty, state, day] = columns.places(area);
    let style = palette.health(row.health);
    if view.is_in_hand(&row.id) {
        put(buffer, Rect { width: 1, ..area }, "*", BOLD);
    } else if row.paused.is_some() {
        put(buffer, Rect { width: 1, ..area }, "=", DIM);
    }
    put(buffer, name, row.id.name.as_str(), Style::new());
    if columns.health > 2 {
        put(buffer, health, &row.health.to_string(), style);
    } else {
        put(buffer, health, mark(row.health).unwrap_or("?"), style);
    }
    put(buffer, duty, row.duty.as_deref().unwrap_or_default(), Style::new());
    put(buffer, state, &row.state, Style::new());
    let mut parts =
        view.days.get(&row.id).cloned().unwrap_or_default().in_parts(usize::from(day.width));
    // Of the part that is going on less is written down than is seen just now.
    if let Some(last) = parts.last_mut().filter(|it| **it == Health::Unknown) {
        *last = row.health;
    }
    for (x, part) in (day.x..).zip(parts) {
        let style = if part == Health::Healthy { DIM } else { palette.health(part) };
        // What nobody saw is left empty.
        put(buffer, Rect { x, width: 1, ..day }, mark(part).unwrap_or(" "), style);
    }
}

/// How it did, in one cell: the worse, the higher; none where that is not known.
fn mark(health: Health) -> Option<&'static str> {
    match health {
        Health::Unknown => None,
        Health::Stopped => Some("·"),
        Health::Healthy => Some("▁"),
        Health::Unhealthy => Some("▄"),
        Health::Failed => Some("█"),
    }
}
