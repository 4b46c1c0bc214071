//! What must never be shown of the file: tokens that were written into it, which are refused too,
//! and the values of `env`.

use std::{borrow::Cow, fmt::Write as _, ops::Range};

use super::problem::Problem;
use crate::core::digest::Digest;

/// How the tokens of the services that the file is about begin, and what they are.
const PREFIXES: &[(&str, &str)] = &[
    ("ghp_", "a GitHub token"),
    ("gho_", "a GitHub token"),
    ("ghu_", "a GitHub token"),
    ("ghs_", "a GitHub token"),
    ("ghr_", "a GitHub token"),
    ("github_pat_", "a GitHub token"),
    ("nfp_", "a Netlify token"),
];

/// What stands where the name of a variable should, and would send something if it were known.
const ADDRESS: &str = "an address that only some may know";

/// Fewer characters than this after the prefix are no token: real ones have 36 and more.
const SHORTEST: usize = 16;

/// The tokens in `text`, whole: up to the next blank or quote on both sides.
pub(super) fn find(text: &str) -> Vec<(Range<usize>, &'static str)> {
    let mut found: Vec<(Range<usize>, &str)> = Vec::new();
    for &(prefix, what) in PREFIXES {
        for (at, _) in text.match_indices(prefix) {
            let rest = &text.as_bytes()[at + prefix.len()..];
            let length = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_');
            if length.count() >= SHORTEST && !found.iter().any(|(span, _)| span.contains(&at)) {
                found.push((word_around(text, at), what));
            }
        }
    }
    for (at, _) in text.match_indices("://").filter(|(at, _)| is_of_env(text, *at)) {
        if !found.iter().any(|(span, _)| span.contains(&at)) {
            found.push((word_around(text, at), ADDRESS));
        }
    }
    found.sort_by_key(|(span, _)| span.start);
    found
}

/// Whether what stands at `at` is the value of a key like `url_env`, which names a variable.
fn is_of_env(text: &str, at: usize) -> bool {
    let before = text[..at].rsplit('\n').next().unwrap_or_default();
    let key = before.rsplit_once('=').map(|(key, _)| key.trim_end());
    key.is_some_and(|it| it.trim_end_matches(['"', '\'']).ends_with("_env"))
        && !before.contains('#')
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
    find(text).into_iter().map(|(span, what)| {
        let key = if what == ADDRESS { "this key" } else { "`token_env`" };
        Problem::at(span, format!("this looks like {what}, and secrets are never in the file"))
            .help(format!(
                "remove it, revoke it if others could have read it, and put the new one into an \
                 environment variable; {key} names the variable"
            ))
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

/// `text` as it may be shown: tokens masked, and in place of each line in which values of `env` may stand, that
/// it is not shown, with a digest, so that it can be told whether it changed.
pub(super) fn redacted(text: &str) -> String {
    let (masked, mut shown, mut end) = (mask(text), String::new(), 0);
    for line in env_lines(text).into_iter().filter(|it| !text[it.clone()].trim().is_empty()) {
        shown.push_str(&masked[end..line.start]);
        end = line.end;
        let digest = Digest::of([&text[line]]);
        let _ = writeln!(shown, "(env: a line that is not shown, {})", digest.short());
    }
    shown + &masked[end..]
}

/// The lines in which values of `env` may stand, whole. They are told by their looks, since a text
/// that is broken has no more than that; rather a line too many than one too few.
pub(super) fn env_lines(text: &str) -> Vec<Range<usize>> {
    let mut lines = Vec::new();
    let mut inside = Inside::Nothing;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        inside = inside.after(line);
        if inside != Inside::Nothing {
            lines.push(start..end);
        }
        start = end;
    }
    lines
}

/// What a line belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    Nothing,
    /// `[process.env]`.
    Table,
    /// `env = { ... }` or `env.NAME = ...`.
    Value {
        /// How many brackets are open after the line.
        open: usize,
        /// Whether a text of several lines is.
        text: bool,
    },
}

impl Inside {
    /// What `line` belongs to, which follows one that belongs to `self`.
    fn after(self, line: &str) -> Self {
        let line = line.trim();
        let header = line.strip_prefix('[').filter(|it| !it.contains(['=', ',', '"']));
        match (self, header) {
            (Self::Value { open, text: true }, _) => Self::value(line, open, true),
            (_, Some(names)) => {
                let is_env = |it: &str| it.trim_start_matches(['[', ' ', '\'']).starts_with("env");
                if names.split('.').any(is_env) { Self::Table } else { Self::Nothing }
            }
            (Self::Table, None) => Self::Table,
            (Self::Value { open: open @ 1.., .. }, None) => Self::value(line, open, false),
            _ if sets_env(line) => Self::value(line, 0, false),
            // A value goes on until the next key.
            (Self::Value { .. }, None) if !line.contains('=') => self,
            _ => Self::Nothing,
        }
    }

    fn value(line: &str, open: usize, text: bool) -> Self {
        let count = |brackets: [char; 2]| line.matches(brackets).count();
        let quotes = line.matches("\"\"\"").count() + line.matches("'''").count();
        Self::Value {
            open: (open + count(['{', '['])).saturating_sub(count(['}', ']'])),
            text: text ^ (quotes % 2 == 1),
        }
    }
}

/// Whether a key of this line begins with `env`: also `envs` and `environment`, which are slips.
fn sets_env(line: &str) -> bool {
    line.match_indices("env").any(|(at, _)| {
        let joins = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
        !line[..at].ends_with(joins) && line[at..].contains('=')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_env_are_found_in_broken_texts_too() {
        let hidden = |text: &str| {
            let lines = env_lines(text).into_iter().map(|it| text[it].trim_end().to_owned());
            lines.collect::<Vec<_>>().join("|")
        };
        assert_eq!(hidden("name = 'a'\nenv = { A = \"b }\n[[process]]"), "env = { A = \"b }");
        assert_eq!(hidden("env = { A = 'b' }\ncron = 'c'"), "env = { A = 'b' }");
        assert_eq!(hidden("env = { A = b,\n C = d\n}\ncron = 'c'"), "env = { A = b,| C = d|}");
        assert_eq!(hidden("env.A = '''\nb = c\n[x]\n'''\ncron = 'c'"), "env.A = '''|b = c|[x]|'''");
        assert_eq!(hidden("env.A =\n\"b\"\ncron = 'c'"), "env.A =|\"b\"");
        let table = "[process.env]\nA = \"b\nC = d\n[[process]]\nname = 'x'";
        assert_eq!(hidden(table), "[process.env]|A = \"b|C = d");
        assert_eq!(hidden("cwd = 'x' env={ A = 'b' }"), "cwd = 'x' env={ A = 'b' }");
        assert_eq!(hidden("\"env\" = { A = b }"), "\"env\" = { A = b }");
        assert_eq!(hidden("token_env = 'A'\nscript = 'my-env.sh'\nargs = [\"a=b\"]"), "");
    }

    #[test]
    fn what_is_shown_has_no_value_of_env_and_tells_whether_one_changed() {
        let text = |value: &str| format!("a = 1\n[process.env]\nA = \"{value}\"\n[x]\nb = 2\n");
        let (one, two) = (redacted(&text("secret-one")), redacted(&text("secret-two")));
        assert_ne!(one, two);
        assert!(!one.contains("secret") && one.starts_with("a = 1\n(env: "), "{one}");
        assert!(one.ends_with("[x]\nb = 2\n"), "{one}");
        assert_eq!(redacted("a = 1\n"), "a = 1\n");
    }

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

    #[test]
    fn an_address_where_a_variable_is_named_is_masked() {
        for text in ["url_env = \"https://a.b/c?d=e\"\n", "a = { hook_env='http://a.b' }\n"] {
            assert_eq!(find(text).len(), 1, "{text}");
            assert!(!mask(text).contains("a.b"), "{}", mask(text));
        }
        for text in ["api_url = \"https://a.b\"\n", "# url_env = \"https://a.b\"\n"] {
            assert!(matches!(mask(text), Cow::Borrowed(_)), "{text}");
        }
    }
}
