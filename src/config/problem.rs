//! What is wrong or worth a word in a file, and where.

use std::ops::Range;

/// A reason not to take the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The bytes of the file that it is about; none when it is about the file as a whole.
    pub span: Option<Range<usize>>,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
    /// Another place of the file that belongs to it, and what is there.
    pub related: Option<(Range<usize>, String)>,
}

impl Problem {
    /// A problem of the file as a whole.
    pub fn whole(message: impl Into<String>) -> Self {
        Self { span: None, message: message.into(), help: None, related: None }
    }

    /// A problem at `span`.
    pub fn at(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span: Some(span), ..Self::whole(message) }
    }

    /// The same, saying what would be right.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// The same, pointing at another place too.
    #[must_use]
    pub fn related(self, span: Range<usize>, label: impl Into<String>) -> Self {
        Self { related: Some((span, label.into())), ..self }
    }
}

/// Something that the user should know and that keeps the file from nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The bytes of the file that it is about.
    pub span: Range<usize>,
    /// What there is to know, in one sentence without a full stop.
    pub message: String,
}

/// The line and the column of a byte of `text`, both from 1, the column in characters. A byte
/// beyond the end counts as the end.
#[must_use]
pub fn position(text: &str, byte: usize) -> (usize, usize) {
    let byte = text.floor_char_boundary(byte);
    let before = &text[..byte];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.bytes().filter(|&b| b == b'\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::position;

    #[test]
    fn columns_count_characters() {
        let text = "a\nüb = 1\n";
        assert_eq!(position(text, 0), (1, 1));
        assert_eq!(position(text, 4), (2, 2));
        assert_eq!(position(text, 3), (2, 1), "inside a character is at it");
        assert_eq!(position(text, 99), (3, 1));
        assert_eq!(position("", 0), (1, 1));
    }
}
