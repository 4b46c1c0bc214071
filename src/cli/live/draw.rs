//! The view as it is drawn: a function of the view, the room there is, and the time.

use jiff::Timestamp;
use ratatui::{
    Frame as Canvas,
    buffer::Buffer,
    layout::{Rect, Size},
    style::{Color, Modifier, Style},
    text::Span,
};

use crate::{
    cli::status::ago,
    core::{
        health::Health,
        live::{Frame, Happened, Line, Mode, PARTS, Page, Row, Source, View, plain},
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
        Self { coloured: std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty()) }
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
pub(super) fn room(size: Size, view: &View) -> usize {
    usize::from(Rows::of(size, view, Palette { coloured: false }).list)
}

impl Rows {
    fn of(size: Size, view: &View, palette: Palette) -> Self {
        let height = size.height;
        let foot = foot(view, usize::from(size.width), palette);
        let foot: Vec<_> =
            foot.into_iter().take(usize::from(height.saturating_sub(1).max(1))).collect();
        let is_open = matches!(view.mode, Mode::Open(_));
        let most = if is_open || height < 8 { 0 } else { usize::from(height / 5) };
        let notes: Vec<_> = notes(view, palette).into_iter().take(most).collect();
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
    let rows = Rows::of(area.as_size(), view, palette);
    let blank = u16::from(area.height >= 10);
    let buffer = canvas.buffer_mut();
    let mut y = area.y;
    let line = |y: u16| Rect { y, height: 1, ..area };
    head(buffer, line(y), view, palette, now);
    y += 1;
    let list = Rect { y: y + u16::from(rows.titles) + blank, height: rows.list, ..area };
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
            self::list(buffer, list, view, frame, &columns, palette);
        }
        (_, None) => drop(put(buffer, list, "  looking", DIM)),
    }
    y = list.bottom();
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

/// How wide each column is; 0 where there is no room for it.
struct Columns {
    name: u16,
    health: u16,
    duty: u16,
    state: u16,
    day: u16,
}

impl Columns {
    fn of(width: u16, frame: &Frame) -> Self {
        let longest = frame.rows.iter().map(|row| row.id.name.as_str().len()).max().unwrap_or(0);
        let longest = u16::try_from(longest).unwrap_or(u16::MAX).max(8);
        let parts = u16::try_from(PARTS).unwrap_or(u16::MAX);
        let day = match width {
            ..64 => 0,
            ..100 => parts / 4,
            ..160 => parts / 2,
            _ => parts,
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

    fn titles(&self, buffer: &mut Buffer, area: Rect) {
        let day = if self.day >= 12 { "LAST DAY" } else { "" };
        let titles = ["RESOURCE", "HEALTH", "DUTY", "STATE", day];
        for (place, title) in self.places(area).into_iter().zip(titles) {
            put(buffer, place, title, DIM);
        }
    }
}

fn list(
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
                let is_in_hand = frame.in_hand.iter().any(|(_, id)| *id == row.id);
                resource(buffer, area, row, is_in_hand, columns, palette);
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
    row: &Row,
    is_in_hand: bool,
    columns: &Columns,
    palette: Palette,
) {
    let [name, health, duty, state, day] = columns.places(area);
    let style = palette.health(row.health);
    if is_in_hand {
        put(buffer, Rect { width: 1, ..area }, "*", BOLD);
    } else if row.paused.is_some() {
        put(buffer, Rect { width: 1, ..area }, "=", DIM);
    }
    put(buffer, name, row.id.name.as_str(), Style::new());
    if columns.health > 2 {
        put(buffer, health, &row.health.to_string(), style);
    } else {
        put(buffer, health, mark(Some(row.health)), style);
    }
    put(buffer, duty, row.duty.as_deref().unwrap_or_default(), Style::new());
    put(buffer, state, &row.state, Style::new());
    let mut x = day.x;
    for part in row.day.in_parts(usize::from(day.width)) {
        let style = part.map_or(DIM, |it| palette.health(it));
        let style = if part == Some(Health::Healthy) { DIM } else { style };
        put(buffer, Rect { x, width: 1, ..day }, mark(part), style);
        x += 1;
    }
}

/// How it did, in one cell: the worse, the higher.
fn mark(health: Option<Health>) -> &'static str {
    match health {
        None => " ",
        Some(Health::Stopped) => "·",
        Some(Health::Unknown) => "?",
        Some(Health::Healthy) => "▁",
        Some(Health::Unhealthy) => "▄",
        Some(Health::Failed) => "█",
    }
}

fn notes(view: &View, palette: Palette) -> Vec<(String, Style)> {
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
    for (provider, why) in &frame.unseen {
        notes.push((format!("  {provider} is not seen: {why}"), attention));
    }
    notes
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
    for (y, text) in (y..area.bottom()).zip(lines.iter().skip(page.top)) {
        put(buffer, line(y), text, Style::new());
    }
}

fn foot(view: &View, width: usize, palette: Palette) -> Vec<(String, Style)> {
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
        _ if !view.filter.is_empty() => format!("/{}  esc shows all  q quit", view.filter),
        _ => {
            let moves = view.selected().and_then(|it| it.pair.as_ref());
            let duty = match moves.map(|it| it.backup_serves) {
                Some(true) => "f hand back  ",
                Some(false) => "f fail over  ",
                None => "",
            };
            let pause = if view.selected().is_some_and(|it| it.paused.is_some()) {
                "resume"
            } else {
                "pause"
            };
            format!("q quit  / filter  enter open  p {pause}  {duty}")
        }
    };
    vec![(text, DIM)]
}

/// Text in lines that are not wider than the screen, broken between words where that can be.
fn wrapped(text: &str, width: usize, style: Style) -> Vec<(String, Style)> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_inclusive(' ') {
        let long = Span::raw(word.trim_end()).width();
        if used > 0 && used + long > width {
            lines.push(String::new());
            used = 0;
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(word);
        }
        used += Span::raw(word).width();
    }
    lines.into_iter().map(|it| (it.trim_end().to_owned(), style)).collect()
}
