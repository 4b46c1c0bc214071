//! Tokens that were written into the file: found, refused, and never shown.

use std::{borrow::Cow, ops::Range};

use super::problem::Problem;

/// How the tokens of the services that the file is about begin, and whose they are.
const PREFIXES: &[(&str, &str)] = &[
    ("ghp_", "GitHub"),
    ("gho_", "GitHub"),
    ("ghu_", "GitHub"),
    ("ghs_", "GitHub"),
    ("ghr_", "GitHub"),
    ("github_pat_", "GitHub"),
    ("nfp_", "Netlify"),
];

/// Fewer characters than this after the prefix are no token: real ones have 36 and more.
const SHORTEST: usize = 16;

/// The tokens in `text`, whole: up to the next blank or quote on both sides.
pub(super) fn find(text: &str) -> Vec<(Range<usize>, &'static str)> {
    let mut found: Vec<(Range<usize>, &str)> = Vec::new();
    for &(prefix, owner) in PREFIXES {
        for (at, _) in text.match_indices(prefix) {
            let rest = &text.as_bytes()[at + prefix.len()..];
            let length = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_');
            if length.count() >= SHORTEST && !found.iter().any(|(span, _)| span.contains(&at)) {
                found.push((word_around(text, at), owner));
            }
        }
    }
    found.sort_by_key(|(span, _)| span.start);
    found
}

fn word_around(text: &str, at: usize) -> Range<usize> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'');
    let last = text[..at].char_indices().rev().find(|(_, c)| ends(*c));
    let start = last.map_or(0, |(before, c)| before + c.len_utf8());
    let end = text[at..].find(ends).map_or(text.len(), |length| at + length);
    start..end
}

/// A problem for each token in `text`.
pub(super) fn problems(text: &str) -> impl Iterator<Item = Problem> {
    find(text).into_iter().map(|(span, owner)| {
        Problem::at(
            span,
            format!("this looks like a {owner} token, and secrets are never in the file"),
        )
        .help(
            "remove it, revoke it if others could have read it, and put the new one into an \
                 environment variable; `token_env` names the variable",
        )
    })
}

/// `text` with every token replaced by as many `x` as it has bytes, so that places stay the same
/// and nothing that quotes the text can show one.
pub(super) fn mask(text: &str) -> Cow<'_, str> {
    let found = find(text);
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut masked = text.to_owned();
    for (span, _) in found {
        masked.replace_range(span.clone(), &"x".repeat(span.len()));
    }
    Cow::Owned(masked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(prefix: &str) -> String {
        format!("{prefix}{}", "a1B2".repeat(9))
    }

    #[test]
    fn every_kind_of_token_is_masked_whole() {
        for (prefix, _) in PREFIXES {
            let text = format!("a = \"Bearer:{}-x/y z\"\n# {}\n", token(prefix), token(prefix));
            let masked = mask(&text);
            assert_eq!(masked.len(), text.len());
            assert!(!masked.contains("a1B2"), "{masked}");
            assert!(masked.contains(" z\""), "{masked}");
            assert_eq!(find(&text).len(), 2);
        }
    }

    #[test]
    fn a_prefix_alone_is_no_token() {
        let text = "token = 'ghp_...'\nname = \"nfp_worker\"\n";
        assert!(matches!(mask(text), Cow::Borrowed(_)));
    }
}
