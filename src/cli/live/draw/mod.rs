//! The view as it is drawn: a function of the view, the room there is, and the time.

mod list;
mod words;

use jiff::Timestamp;
use ratatui::{
    Frame as Canvas,
    buffer::Buffer,
    layout::{Rect, Size},
    style::{Color, Modifier, Style},
    text::Span,
};

use self::{
    list::{Columns, list},
    words::{foot, notes, wrapped},
};
use crate::{
    cli::{output::may_be_coloured, status::ago},
    core::{
        health::Health,
        live::{Happened, Mode, Page, Row, Source, View, plain},
    },
};

/// How things that differ are told apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Palette {
    /// Whether there are colours.
    pub(super) coloured: bool,
}

impl Palette {
    /// Without colours where whoever looks on wants none.
    pub(super) fn of_environment() -> Self {
        Self { coloured: may_be_coloured() }
    }

    fn colour(self, colour: Color) -> Style {
        if self.coloured { Style::new().fg(colour) } else { Style::new() }
    }

    fn health(self, health: Health) -> Style {
        match health {
            Health::Healthy => Style::new(),
            Health::Stopped | Health::Unknown => DIM,
            Health::Unhealthy => self.colour(Color::Yellow),
            Health::Failed => self.colour(Color::Red).add_modifier(Modifier::BOLD),
        }
    }
}

const DIM: Style = Style::new().add_modifier(Modifier::DIM);
const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);

/// The healths in the order in which they are counted out, the worst first.
const ORDER: [Health; 5] =
    [Health::Failed, Health::Unhealthy, Health::Unknown, Health::Stopped, Health::Healthy];

/// How the rows of the screen are shared out.
struct Rows {
    /// Whether there is a line of titles above the list.
    titles: bool,
    list: u16,
    notes: Vec<(String, Style)>,
    /// So many of the last events, below a line that says so.
    events: u16,
    foot: Vec<(String, Style)>,
}

/// How many lines of the list, or of what is open, fit.
pub(super) fn room(size: Size, view: &View, now: Timestamp) -> usize {
    let plain = Palette { coloured: false };
    usize::from(Rows::of(size, view, plain, view.is_overdue(now)).list)
}

impl Rows {
    fn of(size: Size, view: &View, palette: Palette, is_overdue: bool) -> Self {
        let height = size.height;
        let foot = foot(view, usize::from(size.width), palette);
        let foot: Vec<_> =
            foot.into_iter().take(usize::from(height.saturating_sub(1).max(1))).collect();
        let is_open = matches!(view.mode, Mode::Open(_));
        let most = if is_open || height < 8 { 0 } else { usize::from(height / 5) };
        let notes: Vec<_> = notes(view, palette, is_overdue).into_iter().take(most).collect();
        let events = if is_open || height < 16 {
            0
        } else {
            let known = view.frame.as_ref().map_or(0, |it| it.events.len());
            u16::try_from(known).unwrap_or(u16::MAX).min(height / 4)
        };
        let titles = height >= 10 && !is_open;
        let events_with_title = if events > 0 { events + 2 } else { 0 };
        let count = |it: &[(String, Style)]| u16::try_from(it.len()).unwrap_or(u16::MAX);
        let blank = u16::from(height >= 10);
        let taken = 1
            + u16::from(titles)
            + count(&notes)
            + events_with_title
            + count(&foot)
            + blank * (1 + u16::from(!notes.is_empty()));
        Self { titles, list: height.saturating_sub(taken), notes, events, foot }
    }
}

/// Draws it all.
pub(super) fn draw(canvas: &mut Canvas<'_>, view: &View, palette: Palette, now: Timestamp) {
    let area = canvas.area();
    if area.is_empty() {
        return;
    }
    let rows = Rows::of(area.as_size(), view, palette, view.is_overdue(now));
    let blank = u16::from(area.height >= 10);
    let buffer = canvas.buffer_mut();
    let mut y = area.y;
    let line = |y: u16| Rect { y, height: 1, ..area };
    head(buffer, line(y), view, palette, now);
    y += 1;
    let place = Rect { y: y + u16::from(rows.titles) + blank, height: rows.list, ..area };
    match (&view.mode, &view.frame) {
        (Mode::Open(page), frame) => {
            let row = frame.as_ref().and_then(|it| it.rows.iter().find(|row| row.id == page.id));
            open(buffer, Rect { y, height: rows.list + blank, ..area }, page, row, palette);
        }
        (_, Some(frame)) => {
            let columns = Columns::of(area.width, frame);
            if rows.titles {
                columns.titles(buffer, line(y + blank));
            }
            list(buffer, place, view, frame, &columns, palette);
        }
        (_, None) => drop(put(buffer, place, "  looking", DIM)),
    }
    y = place.bottom();
    if !rows.notes.is_empty() {
        y += blank;
    }
    for (text, style) in &rows.notes {
        put(buffer, line(y), text, *style);
        y += 1;
    }
    if rows.events > 0
        && let Some(frame) = &view.frame
    {
        y += 1;
        put(buffer, line(y), "  LAST EVENTS, times in UTC", DIM);
        y += 1;
        let last = frame.events.len().saturating_sub(usize::from(rows.events));
        for event in &frame.events[last..] {
            happened(buffer, line(y), event, palette);
            y += 1;
        }
    }
    let foot = area.bottom().saturating_sub(u16::try_from(rows.foot.len()).unwrap_or(1));
    for (y, (text, style)) in (foot..area.bottom()).zip(&rows.foot) {
        put(buffer, line(y), text, *style);
    }
}

/// Puts text on one line. What is cut off ends in a mark that says so; where it ends.
fn put(buffer: &mut Buffer, area: Rect, text: &str, style: Style) -> u16 {
    if area.is_empty() {
        return area.x;
    }
    let text = plain(text);
    let width = usize::from(area.width);
    // Each cell takes a byte at least, and what is far too long need not be measured to its end.
    if text.len() <= width || Span::raw(&*text).width() <= width {
        return buffer.set_stringn(area.x, area.y, &text, width, style).0;
    }
    let (x, y) = buffer.set_stringn(area.x, area.y, &text, width - 1, style);
    buffer.set_stringn(x, y, "…", 1, style).0
}

fn put_right(buffer: &mut Buffer, area: Rect, text: &str, style: Style) {
    let width = u16::try_from(Span::raw(text).width()).unwrap_or(u16::MAX).min(area.width);
    put(buffer, Rect { x: area.right() - width, width, ..area }, text, style);
}

fn head(buffer: &mut Buffer, area: Rect, view: &View, palette: Palette, now: Timestamp) {
    let Some(frame) = &view.frame else {
        put(buffer, area, "redundancy", BOLD);
        return;
    };
    let is_overdue = view.is_overdue(now);
    let looked = frame.looked_at.map_or("no look completed yet".to_owned(), |at| {
        let ago = ago(at, now);
        if is_overdue { format!("overdue, last look {ago}") } else { format!("looked {ago}") }
    });
    let watched = match (&view.source, &frame.watch) {
        (Source::Own(_), None) => "nobody watches",
        (Source::Own(_), Some(_)) => "watched, not heard",
        _ => "watched",
    };
    let is_calm = view.source == Source::Watch && !is_overdue;
    let style = if is_calm { DIM } else { palette.colour(Color::Yellow) };
    let right = format!("{watched}, {looked}");
    let wide = area.width >= 70;
    let mut x = put(buffer, area, if wide { "redundancy  " } else { "" }, BOLD);
    let mut counts: Vec<(String, Style)> = Vec::new();
    for health in ORDER {
        let count = frame.rows.iter().filter(|row| row.health == health).count();
        if count > 0 {
            counts.push((format!("{count} {health}"), palette.health(health)));
        }
    }
    if counts.is_empty() {
        counts.push(("nothing here yet".to_owned(), DIM));
    }
    for (index, (text, style)) in counts.into_iter().enumerate() {
        if index > 0 {
            x = put(buffer, rest(area, x), ", ", Style::new());
        }
        x = put(buffer, rest(area, x), &text, style);
    }
    let left = rest(area, (x + 2).min(area.right()));
    if usize::from(left.width) >= right.chars().count() {
        put_right(buffer, left, &right, style);
    } else if usize::from(left.width) >= looked.chars().count() {
        put_right(buffer, left, &looked, style);
    }
}

/// What is right of `x`.
fn rest(area: Rect, x: u16) -> Rect {
    Rect { x, width: area.right().saturating_sub(x), ..area }
}

fn happened(buffer: &mut Buffer, area: Rect, event: &Happened, palette: Palette) {
    let at = event.at.parse::<Timestamp>();
    let at = at.map_or("        ".to_owned(), |it| it.strftime("%H:%M:%S").to_string());
    let x = put(buffer, rest(area, (area.x + 2).min(area.right())), &at, DIM);
    let (about, text) = (event.id.as_deref().unwrap_or_default(), &event.text);
    let about = if about.is_empty() { String::new() } else { format!("{about}: ") };
    let style = match event.kind.as_str() {
        "failed" => palette.colour(Color::Red),
        "duty" | "alert" => palette.colour(Color::Yellow),
        _ => Style::new(),
    };
    let x =
        put(buffer, rest(area, (x + 2).min(area.right())), &format!("{:10}", event.kind), style);
    put(buffer, rest(area, (x + 2).min(area.right())), &format!("{about}{text}"), Style::new());
}

fn open(buffer: &mut Buffer, area: Rect, page: &Page, row: Option<&Row>, palette: Palette) {
    let line = |y: u16| Rect { y, height: 1, ..area }.intersection(area);
    let health = row.map(|it| it.health);
    let mut y = area.y;
    if area.height > 3 {
        let x = put(buffer, line(y), &page.id.to_string(), BOLD);
        if let Some(health) = health {
            let style = palette.health(health);
            put(buffer, rest(line(y), (x + 2).min(area.right())), &health.to_string(), style);
        }
        y += 1;
    }
    let Some(lines) = &page.lines else {
        put(buffer, line(y), "looking", DIM);
        return;
    };
    let width = usize::from(area.width);
    let shown = lines.iter().skip(page.top).flat_map(|it| wrapped(it, width, Style::new()));
    for (y, (text, style)) in (y..area.bottom()).zip(shown) {
        put(buffer, line(y), &text, style);
    }
}
