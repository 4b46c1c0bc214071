//! Writing to the person or program that called.

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use anstyle::{AnsiColor, Style};
use anyhow::{Context, bail};

use crate::{
    config::{LoadError, render},
    core::live::plain,
};

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

/// Whether whoever called agrees. `yes` says so beforehand, as `--yes` does, which `does_so` without asking.
pub(super) fn agreed(question: &str, yes: bool, does_so: &str) -> anyhow::Result<bool> {
    if yes {
        return Ok(true);
    }
    if !io::stdin().is_terminal() {
        bail!("there is no terminal to ask on; `--yes` {does_so} without asking");
    }
    remark(&format!("{BOLD}{question}{BOLD:#} [y/N] "));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).context("cannot read the answer")?;
    let agrees = matches!(answer.trim().to_lowercase().as_str(), "y" | "yes");
    if !agrees {
        remark("Nothing was changed.\n");
    }
    Ok(agrees)
}

/// The exit code of a verb of which all went as it should, or not all.
pub(super) fn exit_code(all: bool) -> ExitCode {
    if all { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How many letters of a line of a difference are shown, where it has no more.
const MOST_LETTERS: usize = 1_000;

/// How many of one that has more.
const BEGIN_LETTERS: usize = 200;

/// `text` with what a terminal would obey made visible: control characters but the ends of lines and tabs, and
/// what turns the direction of writing, by which a line could be read as another one.
pub(super) fn visible(text: &str) -> String {
    let is_kept = ['\n', '\t'];
    let mut shown = String::with_capacity(text.len());
    for part in text.split_inclusive(is_kept) {
        let plainly = plain(part.strip_suffix(is_kept).unwrap_or(part));
        shown.push_str(&plainly);
        shown.extend(part.chars().next_back().filter(|it| is_kept.contains(it)));
    }
    shown
}

/// `n` things, in words: `1 file`, `2 files`.
pub(super) fn count(n: usize, thing: &str) -> String {
    if n == 1 { format!("1 {thing}") } else { format!("{n} {thing}s") }
}

/// The same of what is called otherwise where there are many: `2 entries`.
pub(super) fn count_of(n: usize, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

/// Whether whoever looks on has not said that they want no colours (<https://no-color.org>).
pub(super) fn may_be_coloured() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty())
}

/// A word as a shell takes it.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_');
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", visible(word).replace('\'', r"'\''"))
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
    fn nothing_that_a_terminal_obeys_is_left() {
        let text = "a\u{1b}[2J\tb\r\n\nc\u{202e}d\u{9b}";
        assert_eq!(visible(text), "a\\u{1b}[2J\tb\\r\n\nc\\u{202e}d\\u{9b}");
        assert_eq!(visible(""), "");
    }

    #[test]
    fn a_shell_gets_each_word_as_it_is() {
        assert_eq!(
            ["a/b-c.d", "a b", "it's", ""].map(quoted),
            ["a/b-c.d", "'a b'", r"'it'\''s'", "''"]
        );
    }

    #[test]
    fn only_what_nobody_would_read_is_shortened() {
        assert_eq!(shortened(&"ü".repeat(MOST_LETTERS)), "ü".repeat(MOST_LETTERS));
        let long = shortened(&"ü".repeat(MOST_LETTERS + 1));
        assert_eq!(long, format!("{}… and 801 more characters", "ü".repeat(BEGIN_LETTERS)));
    }
}
