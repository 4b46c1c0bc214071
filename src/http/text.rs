//! Text from outside, made fit to be shown.

/// How `text` begins, in one line of at most `most` characters, in which nothing moves a cursor.
pub(crate) fn harmless(text: &str, most: usize) -> String {
    let shown = |c: char| {
        let fine = c.is_ascii_graphic() || c == ' ' || c.is_alphanumeric();
        if fine {
            c
        } else if c.is_whitespace() {
            ' '
        } else {
            '?'
        }
    };
    // Texts may be long, and blanks in them are not shown.
    let line: String = text.chars().take(16 * most).map(shown).collect();
    let words: Vec<&str> = line.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(most) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn what_is_shown_is_one_short_line() {
        assert_eq!(harmless(" a\r\n\tb \u{1b}[2J\u{202e}é\0", 20), "a b ?[2J?é?");
        assert_eq!(harmless("ééééé", 3), "ééé...");
        assert_eq!(harmless("ééé", 3), "ééé");
        assert_eq!(harmless("", 3), "");
    }
}
