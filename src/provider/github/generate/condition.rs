//! Conditions: what the `if` of a job says, and how the guard joins it.
//!
//! Source of the rules: `ensureStatusFunction` of GitHub's `@actions/workflow-parser`. A condition
//! in which no status function is called means `success() && (…)`, so it is skipped with what it
//! needs. One with a status function decides by itself, whatever was skipped before.

use serde_yaml::Value;

/// Functions that look at how the jobs before went. GitHub does not mind their case.
const STATUS: [&str; 4] = ["success", "failure", "always", "cancelled"];

/// Why the `if` of a job can't be joined with anything.
const PARTLY: &str = "this `if` is a text around `${{ }}`, which is always true; write all of it \
                      into one `${{ }}`, or without";

/// The expression that an `if` is; none where there is nothing in it. Refuses what is no
/// expression as a whole.
pub(super) fn expression(condition: Option<&Value>) -> Result<Option<String>, &'static str> {
    let text = match condition {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.trim(),
        Some(Value::Bool(it)) => return Ok(Some(it.to_string())),
        Some(Value::Number(it)) => return Ok(Some(it.to_string())),
        Some(_) => return Err("this `if` is neither a text nor `true` or `false`"),
    };
    let inner = match text.strip_prefix("${{") {
        Some(rest) => match tokens(rest).find(|it| it.text == "}}") {
            Some(end) if end.at + end.text.len() == rest.len() => rest[..end.at].trim(),
            _ => return Err(PARTLY),
        },
        None if text.contains("${{") => return Err(PARTLY),
        None => text,
    };
    Ok((!inner.is_empty()).then(|| inner.to_owned()))
}

/// Whether a status function is called in `expression`.
pub(super) fn asks_for_status(expression: &str) -> bool {
    let tokens: Vec<Token<'_>> = tokens(expression).collect();
    tokens.iter().enumerate().any(|(index, token)| {
        let called = tokens.get(index + 1).is_some_and(|it| it.text == "(");
        let member = index > 0 && tokens[index - 1].text == ".";
        called && !member && STATUS.iter().any(|it| it.eq_ignore_ascii_case(token.text))
    })
}

/// `expression`, and the guard before it.
pub(super) fn joined(guard: &str, expression: Option<&str>) -> String {
    expression.map_or_else(|| guard.to_owned(), |it| format!("{guard} && ({it})"))
}

/// A word or a sign of an expression. What is in quotes is one token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    /// Where it begins, in bytes.
    pub(super) at: usize,
    /// How it is written.
    pub(super) text: &'a str,
}

/// The tokens of an expression, spaces left out: names, texts in quotes, numbers, `}}`, and each
/// other sign alone.
pub(super) fn tokens(expression: &str) -> impl Iterator<Item = Token<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        at += expression[at..].find(|it: char| !it.is_whitespace())?;
        let rest = &expression[at..];
        let word = |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | '-');
        let first = rest.chars().next()?;
        let length = if first == '\'' {
            // A quote in a text is written twice, which reads as two texts: that does no harm here.
            rest[1..].find('\'').map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with("}}") {
            2
        } else if word(first) {
            rest.find(|it: char| !word(it)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let token = Token { at, text: &rest[..length] };
        at += length;
        Some(token)
    })
}

/// What is looked up in `text`, which may hold expressions (`${{ … }}`) or be one: each chain of
/// names, such as `github.event.schedule`, in small letters. `github['run_number']` counts too.
pub(super) fn lookups(text: &str, is_expression: bool) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    if is_expression && !text.contains("${{") {
        chains(text, &mut found);
        return found;
    }
    while let Some((_, after)) = rest.split_once("${{") {
        let end = tokens(after).find(|it| it.text == "}}").map_or(after.len(), |it| it.at);
        chains(&after[..end], &mut found);
        rest = &after[end..];
    }
    found
}

fn chains(expression: &str, found: &mut Vec<String>) {
    let mut chain = String::new();
    let mut joins = false;
    for token in tokens(expression) {
        let name = token.text.trim_matches('\'');
        let quoted = token.text.starts_with('\'');
        let is_name =
            name.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_' || it == '*');
        match token.text {
            "." | "[" => joins = !chain.is_empty(),
            "]" => {}
            _ if joins && (is_name || token.text == "*") => {
                chain.push('.');
                chain.push_str(&name.to_ascii_lowercase());
                joins = false;
            }
            _ => {
                found.extend((!chain.is_empty()).then(|| std::mem::take(&mut chain)));
                joins = false;
                if is_name && !quoted {
                    chain = name.to_ascii_lowercase();
                }
            }
        }
    }
    found.extend((!chain.is_empty()).then_some(chain));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<String>, &'static str> {
        expression(Some(&text.into()))
    }

    #[test]
    fn a_condition_is_one_expression() {
        for (text, inner) in [
            ("a == b", "a == b"),
            ("${{ a == b }}", "a == b"),
            (" ${{a}}\n", "a"),
            ("${{ contains('}}', x) }}", "contains('}}', x)"),
            ("${{ 'it''s }}' == x }}", "'it''s }}' == x"),
            ("!cancelled()", "!cancelled()"),
        ] {
            assert_eq!(read(text), Ok(Some(inner.to_owned())), "{text}");
        }
        for nothing in ["", "  ", "${{ }}"] {
            assert_eq!(read(nothing), Ok(None), "{nothing:?}");
        }
        for partly in ["${{ a }} == b", "!${{ a }}", "${{ a }} && ${{ b }}", "x ${{ a }}", "${{ a"]
        {
            assert_eq!(read(partly), Err(PARTLY), "{partly}");
        }
        assert_eq!(expression(Some(&false.into())), Ok(Some("false".to_owned())));
        assert_eq!(expression(None), Ok(None));
        assert!(expression(Some(&Value::Sequence(Vec::new()))).is_err());
    }

    #[test]
    fn a_status_function_is_found_where_it_is_called() {
        for yes in [
            "always()",
            "ALWAYS ( )",
            "a && !cancelled()",
            "x == 'y' || failure()",
            "success('build')",
            "(Always())",
            "'it''s' == x && always()",
        ] {
            assert!(asks_for_status(yes), "{yes}");
        }
        for no in [
            "needs.a.result == 'success'",
            "always",
            "'always()' == x",
            "contains('it''s always()', x)",
            "steps.always()",
            "my_always()",
            "env.failure == success",
            "",
        ] {
            assert!(!asks_for_status(no), "{no}");
        }
    }

    #[test]
    fn what_is_looked_up_is_found() {
        let of = |text| lookups(text, false).join(" ");
        assert_eq!(
            of("v${{ github.RUN_NUMBER }}-${{github['event'].schedule}}"),
            "github.run_number github.event.schedule"
        );
        assert_eq!(of("echo github.run_number"), "");
        assert_eq!(of("${{ toJSON(needs) }} ${{ needs.*.result }}"), "tojson needs needs.*.result");
        assert_eq!(of("${{ 'github.run_number' }}"), "");
        assert_eq!(lookups("github.event_name == 'x'", true), ["github.event_name"]);
    }
}
