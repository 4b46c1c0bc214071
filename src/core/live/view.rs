//! The view: what is on the screen, and what keys and news make of it. What it asks to be done is an [`Act`].

use std::{collections::BTreeMap, ops::Range};

use jiff::Timestamp;

use super::frame::{Frame, Row};
use crate::core::{duty::Asked, id::Id, strip::Strip};

/// A key, as far as any means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    /// Enter.
    Enter,
    /// Escape.
    Escape,
    /// Up.
    Up,
    /// Down.
    Down,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// To the first.
    Home,
    /// To the last.
    End,
    /// What was typed last is taken back.
    Backspace,
}

/// Something that happens to the view.
#[derive(Debug)]
pub enum Input {
    /// A key was pressed.
    Key(Key),
    /// So many lines of the list fit on the screen now.
    Fits(usize),
    /// A new frame, and whether the watch gave it.
    Frame(Box<Frame>),
    /// How each resource did in the last day, as far as somebody saw it.
    Days(BTreeMap<Id, Strip>),
    /// The watch gives the frames.
    Heard,
    /// The watch gives none; why.
    Alone(String),
    /// What was to be opened.
    Opened(Id, Vec<String>),
    /// What came of an act.
    Said(String),
}

/// Something that the view asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// To end.
    Quit,
    /// To read what there is of a resource.
    Open(Id),
    /// To leave a resource alone for a while.
    Pause(Id),
    /// To leave it alone no longer.
    Resume(Id),
    /// To move duty: of the pair of this backup.
    Move(Id, Asked),
}

/// Where the frames come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Source {
    /// Nothing was seen yet.
    #[default]
    Waiting,
    /// From the watch.
    Watch,
    /// From looks of our own; why.
    Own(String),
}

/// What the keys mean.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Mode {
    /// They move in the list.
    #[default]
    List,
    /// They are the filter.
    Filter,
    /// They move in what is open.
    Open(Page),
    /// They answer a question.
    Confirm {
        /// The question.
        question: String,
        /// What is done after a yes.
        act: Act,
    },
}

/// What is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The resource.
    pub id: Id,
    /// What there is of it, once that is read.
    pub lines: Option<Vec<String>>,
    /// The first line on the screen.
    pub top: usize,
}

/// A line of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// A provider: its resources that are shown, by their places among the rows of the frame.
    Provider {
        /// The first.
        first: usize,
        /// How many.
        count: usize,
    },
    /// A resource, by its place among the rows of the frame.
    Resource(usize),
}

/// What is on the screen.
#[derive(Debug, Default)]
pub struct View {
    /// The last frame.
    pub frame: Option<Frame>,
    /// How each resource did in the last day, as far as somebody saw it.
    pub days: BTreeMap<Id, Strip>,
    /// Where the frame comes from.
    pub source: Source,
    /// What the keys mean.
    pub mode: Mode,
    /// Only what has this in it is shown.
    pub filter: String,
    /// What came of the last act, until the next key.
    pub said: Option<String>,
    /// How many lines of the list fit.
    fits: usize,
    lines: Vec<Line>,
    /// The place of the line that is selected.
    at: usize,
    selected: Option<Id>,
}

impl View {
    /// The lines of the list.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The row of the resource that is selected.
    #[must_use]
    pub fn selected(&self) -> Option<&Row> {
        match self.lines.get(self.at)? {
            Line::Resource(index) => self.frame.as_ref()?.rows.get(*index),
            Line::Provider { .. } => None,
        }
    }

    /// Whether it is being changed just now.
    #[must_use]
    pub fn is_in_hand(&self, id: &Id) -> bool {
        self.frame.iter().any(|it| it.in_hand.iter().any(|(_, changed)| changed == id))
    }

    /// Which lines of the list are on a screen that has room for `height`.
    #[must_use]
    pub fn window(&self, height: usize) -> Range<usize> {
        let last = self.lines.len().saturating_sub(height);
        let top = self.at.saturating_sub(height / 2).min(last);
        top..(top + height).min(self.lines.len())
    }

    /// Whether the line at this place is selected.
    #[must_use]
    pub fn is_selected(&self, place: usize) -> bool {
        place == self.at && matches!(self.lines.get(place), Some(Line::Resource(_)))
    }

    /// Takes what happened; what is to be done now.
    pub fn update(&mut self, input: Input) -> Option<Act> {
        match input {
            Input::Key(key) => return self.key(key),
            Input::Fits(lines) => self.fits = lines,
            Input::Frame(frame) => {
                self.frame = Some(*frame);
                self.arrange();
            }
            Input::Days(days) => self.days = days,
            Input::Heard => self.source = Source::Watch,
            Input::Alone(why) => self.source = Source::Own(why),
            Input::Opened(id, lines) => {
                if let Mode::Open(page) = &mut self.mode
                    && page.id == id
                {
                    page.top = page.top.min(lines.len().saturating_sub(1));
                    page.lines = Some(lines);
                }
            }
            Input::Said(text) => self.said = Some(text),
        }
        None
    }

    fn key(&mut self, key: Key) -> Option<Act> {
        self.said = None;
        match &mut self.mode {
            Mode::List => return self.key_in_list(key),
            Mode::Filter => {
                match key {
                    Key::Char(c) => self.filter.push(c),
                    Key::Backspace => drop(self.filter.pop()),
                    Key::Enter => self.mode = Mode::List,
                    Key::Escape => {
                        self.filter.clear();
                        self.mode = Mode::List;
                    }
                    key => self.go(key),
                }
                self.arrange();
            }
            Mode::Open(page) => {
                // A long line takes more than one of the screen, so the last ones may be below its end.
                let count = page.lines.as_ref().map_or(0, Vec::len);
                let (last, end) = (count.saturating_sub(self.fits), count.saturating_sub(1));
                match key {
                    Key::Char('q' | 'h') | Key::Escape | Key::Backspace => self.mode = Mode::List,
                    Key::Char('r') => return Some(Act::Open(page.id.clone())),
                    Key::End => page.top = last,
                    Key::Char('j') => page.top = moved(page.top, Key::Down, self.fits, end),
                    Key::Char('k') => page.top = moved(page.top, Key::Up, self.fits, end),
                    key => page.top = moved(page.top, key, self.fits, end),
                }
            }
            Mode::Confirm { act, .. } => match key {
                Key::Char('y' | 'Y') => {
                    let act = act.clone();
                    self.mode = Mode::List;
                    return Some(act);
                }
                Key::Char('n' | 'N' | 'q') | Key::Escape => self.mode = Mode::List,
                _ => {}
            },
        }
        None
    }

    fn key_in_list(&mut self, key: Key) -> Option<Act> {
        match key {
            Key::Char('q') => return Some(Act::Quit),
            Key::Char('/') => self.mode = Mode::Filter,
            Key::Escape => {
                self.filter.clear();
                self.arrange();
            }
            Key::Enter => {
                let id = self.selected()?.id.clone();
                self.mode = Mode::Open(Page { id: id.clone(), lines: None, top: 0 });
                return Some(Act::Open(id));
            }
            Key::Char('p') => {
                let row = self.selected()?;
                let (id, act) = (&row.id, Act::Pause(row.id.clone()));
                let (question, act) = if row.paused.is_some() {
                    (format!("End the pause of {id}?"), Act::Resume(id.clone()))
                } else {
                    (format!("Leave {id} alone for an hour?"), act)
                };
                self.mode = Mode::Confirm { question, act };
            }
            Key::Char('f') => self.ask_to_move(),
            Key::Char('j') => self.go(Key::Down),
            Key::Char('k') => self.go(Key::Up),
            Key::Char('g') => self.go(Key::Home),
            Key::Char('G') => self.go(Key::End),
            key => self.go(key),
        }
        None
    }

    fn ask_to_move(&mut self) {
        let Some(row) = self.selected() else { return };
        let Some(pair) = &row.pair else {
            self.said = Some(format!("{} is in no pair between which duty moves", row.id));
            return;
        };
        let (from, to, asked) = if pair.backup_serves {
            (&pair.backup, &pair.primary, Asked::HandBack)
        } else {
            (&pair.primary, &pair.backup, Asked::FailOver)
        };
        let question = format!("Stop {from} and give duty to {to}?");
        self.mode = Mode::Confirm { question, act: Act::Move(pair.backup.clone(), asked) };
    }

    /// Moves the selection.
    fn go(&mut self, key: Key) {
        let end = self.lines.len().saturating_sub(1);
        let to = moved(self.at, key, self.fits, end);
        let on_resource = |it: &usize| matches!(self.lines.get(*it), Some(Line::Resource(_)));
        // A provider's line is passed over; at the very top there is one.
        let found = if to < self.at {
            (0..=to).rev().find(on_resource).or((0..=end).find(on_resource))
        } else {
            (to..=end).find(on_resource)
        };
        if let Some(at) = found {
            self.at = at;
            self.selected = self.selected().map(|it| it.id.clone());
        }
    }

    /// Arranges the lines anew, after another frame or filter. What is selected stays so.
    fn arrange(&mut self) {
        let Some(frame) = &self.frame else { return };
        let wanted = self.filter.to_lowercase();
        let is_shown = |row: &Row| wanted.is_empty() || words(row).contains(&wanted);
        self.lines.clear();
        let (mut provider, mut heading) = (None, 0);
        for (index, row) in frame.rows.iter().enumerate().filter(|(_, row)| is_shown(row)) {
            if provider != Some(&row.id.provider) {
                (provider, heading) = (Some(&row.id.provider), self.lines.len());
                self.lines.push(Line::Provider { first: index, count: 0 });
            }
            if let Line::Provider { count, .. } = &mut self.lines[heading] {
                *count += 1;
            }
            self.lines.push(Line::Resource(index));
        }
        let is_it = |line: &Line| match line {
            Line::Resource(index) => Some(&frame.rows[*index].id) == self.selected.as_ref(),
            Line::Provider { .. } => false,
        };
        match self.lines.iter().position(is_it) {
            Some(at) => self.at = at,
            // It is gone, or filtered out: the one that is now in its place.
            None => {
                self.at = self
                    .at
                    .clamp(1.min(self.lines.len()), self.lines.len().saturating_sub(1).max(1));
                if !matches!(self.lines.get(self.at), Some(Line::Resource(_))) {
                    self.at = (self.at + 1).min(self.lines.len().saturating_sub(1));
                }
                if self.filter.is_empty() {
                    self.selected = self.selected().map(|it| it.id.clone());
                }
            }
        }
    }

    /// Whether the watch should have looked again long ago.
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.source == Source::Watch
            && self.frame.as_ref().is_some_and(|frame| {
                let quiet = now.duration_since(frame.looked_at.unwrap_or(frame.at)).as_secs();
                u64::try_from(quiet)
                    .is_ok_and(|it| it > frame.look_every.saturating_mul(2).saturating_add(30))
            })
    }
}

/// What a filter is looked for in.
fn words(row: &Row) -> String {
    let duty = row.duty.as_deref().unwrap_or_default();
    format!("{} {} {} {} {duty}", row.id, row.kind, row.health, row.state).to_lowercase()
}

fn moved(at: usize, key: Key, page: usize, end: usize) -> usize {
    match key {
        Key::Up => at.saturating_sub(1),
        Key::Down => at.saturating_add(1),
        Key::PageUp => at.saturating_sub(page.max(2) - 1),
        Key::PageDown => at.saturating_add(page.max(2) - 1),
        Key::Home => 0,
        Key::End => end,
        Key::Char(_) | Key::Enter | Key::Escape | Key::Backspace => at,
    }
    .min(end)
}
