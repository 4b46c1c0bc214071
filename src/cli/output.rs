//! Writing to the person or program that called.

use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};

use crate::config::{LoadError, render};

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const GREEN: Style = AnsiColor::Green.on_default();
pub(super) const YELLOW: Style = AnsiColor::Yellow.on_default();
pub(super) const RED: Style = AnsiColor::Red.on_default();
pub(super) const CYAN: Style = AnsiColor::Cyan.on_default();

/// Writes to standard output, without colours where nobody sees them. A reader that went away (as
/// `head` does) is no error.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("cannot write to standard output"))
        }
        _ => Ok(()),
    }
}

/// Writes to standard error: what is not the result.
pub(super) fn remark(text: &str) {
    // Where standard error is gone there is nobody to tell.
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

/// Tells why the verb failed.
pub(super) fn error(error: &anyhow::Error) {
    match error.downcast_ref::<LoadError>() {
        Some(error) => remark(&error.render(render::Style::Coloured)),
        None => remark(&render::error(&whole(error), render::Style::Coloured)),
    }
}

/// An error with its causes, each told once: many name their cause themselves.
pub(super) fn whole(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Asks a question that wants a yes. None when there is nobody to ask.
pub(super) fn ask(question: &str) -> anyhow::Result<Option<bool>> {
    if !io::stdin().is_terminal() {
        return Ok(None);
    }
    remark(question);
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(Some(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")))
}

/// How many letters of a line of a difference are shown, where it has no more.
const MOST_LETTERS: usize = 1_000;

/// How many of one that has more.
const BEGIN_LETTERS: usize = 200;

/// `text` with the control characters made visible that a terminal would obey.
pub(super) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && !matches!(c, '\n' | '\t') {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// `n` things, in words: `1 file`, `2 files`.
pub(super) fn count(n: usize, thing: &str) -> String {
    if n == 1 { format!("1 {thing}") } else { format!("{n} {thing}s") }
}

/// A line of a difference as it is shown: of one that nobody would read to its end, such as a packed file,
/// the beginning, and how much more there is.
pub(super) fn shortened(line: &str) -> String {
    let shown = visible(line);
    let letters = shown.chars().count();
    if letters <= MOST_LETTERS {
        return shown;
    }
    let begin: String = shown.chars().take(BEGIN_LETTERS).collect();
    format!("{begin}… and {} more characters", letters - BEGIN_LETTERS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_would_read_is_shortened() {
        assert_eq!(shortened(&"ü".repeat(MOST_LETTERS)), "ü".repeat(MOST_LETTERS));
        let long = shortened(&"ü".repeat(MOST_LETTERS + 1));
        assert_eq!(long, format!("{}… and 801 more characters", "ü".repeat(BEGIN_LETTERS)));
    }
}
