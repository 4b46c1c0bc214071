//! The terminal: taken over as a whole, and given back however this ends.

use std::io;

use anyhow::Context;
use ratatui::{
    DefaultTerminal, Frame,
    crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers},
    layout::Size,
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
};

use crate::core::live::Key;

/// So many keys may wait to be heard.
const KEYS: usize = 64;

/// The terminal, as long as it is ours.
pub(super) struct Screen {
    terminal: DefaultTerminal,
    heard: mpsc::Receiver<io::Result<Event>>,
}

/// What the terminal tells.
pub(super) enum Heard {
    Key(Key),
    /// What ends any program.
    Interrupt,
    /// Something else wrote on the screen.
    Redraw,
    /// Nothing but that its size may have changed.
    Nothing,
}

impl Screen {
    pub(super) fn open() -> anyhow::Result<Self> {
        // From now on a panic gives it back too, before it is told.
        let terminal = ratatui::try_init().inspect_err(|_| give_back());
        let terminal = terminal.context(
            "cannot take over the terminal; `redundancy status` prints how everything does once",
        )?;
        let (tell, heard) = mpsc::channel(KEYS);
        // It waits for the next key when this ends, and ends with the program.
        std::thread::spawn(move || {
            loop {
                let event = event::read();
                let failed = event.is_err();
                if tell.blocking_send(event).is_err() || failed {
                    break;
                }
            }
        });
        Ok(Self { terminal, heard })
    }

    pub(super) fn size(&self) -> anyhow::Result<Size> {
        self.terminal.size().context("cannot learn the size of the terminal")
    }

    pub(super) fn show(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> anyhow::Result<()> {
        self.terminal.draw(draw).context("cannot write to the terminal")?;
        Ok(())
    }

    pub(super) fn clear(&mut self) -> anyhow::Result<()> {
        self.terminal.clear().context("cannot write to the terminal")
    }

    /// The next thing that the terminal tells.
    pub(super) async fn heard(&mut self) -> anyhow::Result<Heard> {
        let event = self.heard.recv().await.context("the terminal is gone")?;
        let event = event.context("cannot read from the terminal")?;
        Ok(match event {
            Event::Key(KeyEvent { kind: KeyEventKind::Release, .. }) => Heard::Nothing,
            Event::Key(key) => meaning(key),
            _ => Heard::Nothing,
        })
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Where the terminal is gone there is nothing to give back.
        let _ = self.terminal.show_cursor();
        give_back();
    }
}

fn give_back() {
    let _ = ratatui::try_restore();
}

fn meaning(key: KeyEvent) -> Heard {
    if key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) {
        return match key.code {
            KeyCode::Char('c') => Heard::Interrupt,
            KeyCode::Char('l') => Heard::Redraw,
            _ => Heard::Nothing,
        };
    }
    Heard::Key(match key.code {
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::Backspace => Key::Backspace,
        _ => return Heard::Nothing,
    })
}

/// The signals that end it, each with the exit code that tells of it.
pub(super) struct Signals {
    hang_up: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(super) fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            hang_up: listen(SignalKind::hangup())?,
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    pub(super) async fn received(&mut self) -> u8 {
        tokio::select! {
            _ = self.hang_up.recv() => 128 + 1,
            _ = self.interrupt.recv() => 128 + 2,
            _ = self.terminate.recv() => 128 + 15,
        }
    }
}
