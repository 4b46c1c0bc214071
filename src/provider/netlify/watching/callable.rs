//! Which functions may be called to see whether they answer: not those that work by a schedule or in
//! the background, whose work would be done once more.

/// What the name of a function ends in that Netlify runs in the background.
const BACKGROUND: &str = "-background";

/// The words by which the text of a function says that it works by itself.
const WORDS: [&str; 2] = ["schedule", "background"];

/// Why the function called `name`, whose text, or whose primary's, is `text`, is not called, if it is
/// not. Rather one too many is not called.
pub(super) fn not_called(name: &str, text: Option<&str>, by_file: bool) -> Option<String> {
    let word = || {
        let text = text?;
        WORDS.into_iter().find(|word| text.contains(word))
    };
    let why = if name.ends_with(BACKGROUND) {
        "its name says that it works in the background".to_owned()
    } else if by_file {
        "netlify.toml gives it a schedule, or the background".to_owned()
    } else if let Some(word) = word() {
        format!("its text has the word `{word}`")
    } else {
        return None;
    };
    Some(format!("it is not called, because {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_works_by_itself_is_not_called() {
        assert!(not_called("a-background", Some(""), false).is_some());
        assert!(
            not_called("a", Some("export const config = { schedule: '@daily' }"), false).is_some()
        );
        assert!(not_called("a", Some(""), true).is_some());
        assert_eq!(not_called("a", Some("export default () => new Response('x')"), false), None);
    }
}
