//! What the TOML parser and serde say, in words for whoever edits the file.
//!
//! serde hands an error on as a text only, so its texts are taken apart here, in this one place;
//! `tests/config` holds them to what serde really says.

use toml::de::{DeTable, DeValue};

use super::{
    problem::Problem,
    schema,
    tree::{self, Step},
};

/// What serde had to say about a place in the tree.
pub(super) struct Complaint {
    pub(super) problem: Problem,
    /// The way to what it is about; it goes before serde is asked again.
    pub(super) way: Vec<Step>,
    /// The key that is missing, when that is the problem.
    pub(super) missing: Option<String>,
}

/// Understands `error`, or gives it back as it is when it points at nothing in the tree.
pub(super) fn complaint(
    root: &DeTable<'_>,
    text: &str,
    error: &toml::de::Error,
) -> Result<Complaint, Problem> {
    let said = error.message();
    let Some(span) = error.span() else { return Err(Problem::whole(said)) };
    let as_said = || Problem::at(span.clone(), said);

    if let Some(rest) = said.strip_prefix("unknown field `") {
        let way = tree::find(root, &span, true).into_iter().next().ok_or_else(as_said)?;
        let Some(Step::Key(key)) = way.last() else { return Err(as_said()) };
        let known = names(rest.get(key.len()..).unwrap_or_default());
        let problem = Problem::at(span, format!("unknown key `{key}`"));
        let problem = match other_key(key, &known) {
            Some(help) => problem.help(help),
            None => problem,
        };
        return Ok(Complaint { problem, way, missing: None });
    }

    let ways = tree::find(root, &span, false);
    if let Some(key) = said.strip_prefix("missing field `").and_then(|it| it.strip_suffix('`')) {
        let way = ways.into_iter().next_back().ok_or_else(as_said)?;
        let problem = Problem::at(span, format!("the key `{key}` is missing"));
        return Ok(Complaint { problem, way, missing: Some(key.to_owned()) });
    }

    let way = ways.into_iter().next().ok_or_else(as_said)?;
    let value = tree::get(root, &way).ok_or_else(as_said)?.get_ref();
    let key = way.iter().rev().find_map(|step| match step {
        Step::Key(key) => Some(key.as_str()),
        Step::Index(_) => None,
    });
    let key = key.unwrap_or_default();
    let source = text.get(span.clone()).unwrap_or_default();
    let problem = if let Some(rest) = said.strip_prefix("unknown variant `") {
        let value = value.as_str().unwrap_or_default();
        let known = names(rest.get(value.len()..).unwrap_or_default());
        let help = match nearest(value, &known) {
            Some(name) => format!("did you mean \"{name}\"?"),
            None => format!("it is one of {}", list(&known, '"')),
        };
        Problem::at(span, format!("`{key}` can't be {}", quoted(value))).help(help)
    } else if let Some((_, expected)) =
        said.starts_with("invalid ").then(|| said.split_once(", expected ")).flatten()
    {
        wrong_type(key, &way, value, expected, source, Problem::at(span, ""))
    } else if said == "wanted string or table" {
        wrong_type(key, &way, value, "a string", source, Problem::at(span, ""))
    } else {
        Problem::at(span, said)
    };
    Ok(Complaint { problem, way, missing: None })
}

fn wrong_type(
    key: &str,
    way: &[Step],
    value: &DeValue<'_>,
    expected: &str,
    source: &str,
    problem: Problem,
) -> Problem {
    let in_list = matches!(way.last(), Some(Step::Index(_)));
    let at_top = way.len() == 1;
    let expected = match expected {
        "a string" | "string" | "path string" => "a text in quotes",
        "a sequence" => "a list",
        "a map" => "a table",
        "a boolean" => "`true` or `false`",
        "f64" => "a number",
        other => other,
    };
    let range = whole_numbers(expected);
    let found = match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "`true` or `false`",
        DeValue::Datetime(_) => "a date or a time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    let what = if in_list { format!("an item of `{key}`") } else { format!("`{key}`") };
    let message = match (range, value) {
        (Some((least, most)), DeValue::Integer(_)) => {
            format!("{what} is {source}, and should be a whole number from {least} to {most}")
        }
        (Some((least, _)), _) => {
            format!("{what} is {found}, and should be a whole number, {least} or more")
        }
        (None, _) => format!("{what} is {found}, and should be {expected}"),
    };
    let problem = Problem { message, ..problem };
    let one_line = !source.contains('\n');
    let write = |it: String| if in_list { it } else { format!("{key} = {it}") };
    let help = match (expected, value) {
        (it, DeValue::Integer(n)) if it.starts_with("a duration") => {
            write(format!("\"{}s\"", n.as_str()))
        }
        ("a text in quotes", DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_)) => {
            write(format!("\"{source}\""))
        }
        ("a list", _) if at_top => format!("[[{key}]]"),
        ("a list", DeValue::String(words)) if one_line => {
            let words: Vec<String> = words.split_whitespace().map(quoted).collect();
            write(format!("[{}]", words.join(", ")))
        }
        ("a table", _) if at_top => format!("[{key}]"),
        ("a table", _) => write("{ ... }".to_owned()),
        ("`true` or `false`", DeValue::String(it)) if it == "true" || it == "false" => {
            write(it.to_string())
        }
        (_, DeValue::String(number)) if range.is_some() && number.parse::<u32>().is_ok() => {
            write(number.to_string())
        }
        (it, DeValue::String(number)) if it.contains("number") && number.parse::<f64>().is_ok() => {
            write(number.to_string())
        }
        _ => return problem,
    };
    problem.help(format!("write it as `{help}`"))
}

/// The least and the greatest of the whole numbers that serde calls `expected`, as far as anybody needs them.
fn whole_numbers(expected: &str) -> Option<(u32, u32)> {
    Some(match expected {
        "u8" => (0, u32::from(u8::MAX)),
        "u16" => (0, u32::from(u16::MAX)),
        "a nonzero u16" => (1, u32::from(u16::MAX)),
        "u32" | "u64" | "usize" => (0, u32::MAX),
        _ => return None,
    })
}

/// The names between backticks in what serde says after the unknown one.
fn names(said: &str) -> Vec<&str> {
    said.split_once("expected")
        .map_or(said, |(_, rest)| rest)
        .split('`')
        .skip(1)
        .step_by(2)
        .collect()
}

/// Names that people know from PM2 and from other tools, and what they are here.
const ELSEWHERE: &[(&str, &str)] = &[
    ("autorestart", "restart"),
    ("cmd", "command"),
    ("cron_restart", "cron"),
    ("environment", "env"),
    ("exec", "command"),
    ("exp_backoff_restart_delay", "backoff"),
    ("kill_signal", "stop_signal"),
    ("kill_timeout", "stop_timeout"),
    ("restart_delay", "backoff"),
    ("tz", "timezone"),
];

/// What may have been meant by a key that is not among `known`.
fn other_key(key: &str, known: &[&str]) -> Option<String> {
    if let Some(name) = nearest(key, known) {
        return Some(format!("did you mean `{name}`?"));
    }
    let here = ELSEWHERE.iter().find(|(there, here)| *there == key && known.contains(here));
    if let Some((_, here)) = here {
        return Some(format!("here it is called `{here}`"));
    }
    if let Some(header) = schema::home_of(key) {
        return Some(format!("`{key}` belongs under `{header}`"));
    }
    (!known.is_empty()).then(|| format!("the keys here are {}", list(known, '`')))
}

/// The one of `known` that `word` is a slip of, if there is one.
pub(super) fn nearest<'n>(word: &str, known: &[&'n str]) -> Option<&'n str> {
    let plain = |it: &str| it.to_lowercase().replace(['-', ' '], "_");
    let word = plain(word);
    let most = 1.max(word.chars().count() / 3);
    let by_distance = known.iter().map(|&name| (strsim::osa_distance(&word, &plain(name)), name));
    by_distance.filter(|(distance, _)| *distance <= most).min().map(|(_, name)| name)
}

fn list(names: &[&str], quote: char) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("{quote}{name}{quote}")).collect();
    names.join(", ")
}

/// `text` as TOML writes it, on one line.
pub(super) fn quoted(text: &str) -> String {
    // A JSON string is a TOML string, but for DEL, which only JSON takes as it is.
    let json = serde_json::Value::from(text).to_string();
    json.replace('\u{7f}', "\\u007f")
}

/// An error of the TOML parser.
pub(super) fn syntax(text: &str, error: &toml::de::Error) -> Problem {
    let said = error.message();
    let Some(span) = error.span() else { return Problem::whole(said) };
    let here = text.get(span.clone()).unwrap_or_default();
    let line_start =
        text[..text.floor_char_boundary(span.start)].rfind('\n').map_or(0, |at| at + 1);
    let line = text[line_start..].lines().next().unwrap_or_default();
    if ["<<<<<<<", "=======", ">>>>>>>"].iter().any(|mark| line.starts_with(mark)) {
        return Problem::at(line_start..line_start + line.len(), "a merge conflict is not settled")
            .help("keep one of the two versions, and remove the lines with the marks");
    }
    let problem = |message: &str| Problem::at(span.clone(), message);
    match said {
        "duplicate key" => problem(&format!("`{here}` is given twice")).help("keep one of them"),
        "string values must be quoted, expected literal string" => match here {
            "" => problem("there is no value after `=`"),
            "True" | "TRUE" | "yes" | "Yes" | "on" => {
                problem(&format!("`{here}` is no value")).help("write it as `true`")
            }
            "False" | "FALSE" | "no" | "No" | "off" => {
                problem(&format!("`{here}` is no value")).help("write it as `false`")
            }
            _ => {
                problem("a text must be in quotes").help(format!("write it as `{}`", quoted(here)))
            }
        },
        "key with no value, expected `=`" => {
            problem("a key has no value").help("a line is `key = value`, and a header is `[table]`")
        }
        _ => problem(said),
    }
}
