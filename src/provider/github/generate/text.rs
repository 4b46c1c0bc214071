//! Pieces of YAML text.

use serde_yaml::Value;

/// A text as a scalar that every reader takes for this text, in block and in flow style.
pub(super) fn scalar(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { quoted(text) }
}

/// Whether a text can stand without quotes anywhere and is a text to everybody.
fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let inner = |it: char| {
        it.is_ascii_alphanumeric() || matches!(it, ' ' | '_' | '-' | '.' | '/' | '(' | ')')
    };
    let ends = |it: char| it.is_ascii_alphanumeric() || it == ')';
    text.starts_with(|it: char| it.is_ascii_alphabetic())
        && text.ends_with(ends)
        && text.chars().all(inner)
        && !WORDS.iter().any(|it| it.eq_ignore_ascii_case(text))
}

/// A text in double quotes, on one line.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for it in text.chars() {
        match it {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\u{2028}' | '\u{2029}' | '\u{feff}' => quoted.push_str(&escaped(it)),
            _ if it.is_control() => quoted.push_str(&escaped(it)),
            _ => quoted.push(it),
        }
    }
    quoted.push('"');
    quoted
}

fn escaped(it: char) -> String {
    format!("\\u{:04x}", u32::from(it))
}

/// A value on one line, for anywhere.
pub(super) fn flow(value: &Value) -> Option<String> {
    let all = |it: Vec<Option<String>>| it.into_iter().collect::<Option<Vec<_>>>();
    Some(match value {
        Value::String(text) => scalar(text),
        Value::Null => "null".to_owned(),
        Value::Bool(it) => it.to_string(),
        Value::Number(it) => it.to_string(),
        Value::Sequence(list) => format!("[{}]", all(list.iter().map(flow).collect())?.join(", ")),
        Value::Mapping(map) => {
            let pair = |(key, value): (&Value, &Value)| {
                Some(format!("{}: {}", scalar(key.as_str()?), flow(value)?))
            };
            format!("{{{}}}", all(map.iter().map(pair).collect())?.join(", "))
        }
        Value::Tagged(_) => return None,
    })
}

/// `key: value` over as many lines as it takes, at `indent` spaces, with a line end at the end.
pub(super) fn block(key: &str, value: &Value, indent: usize) -> Option<String> {
    if value.is_null() {
        return Some(format!("{:indent$}{key}:\n", ""));
    }
    let map = serde_yaml::Mapping::from_iter([(key.into(), value.clone())]);
    Some(indented(&serde_yaml::to_string(&map).ok()?, indent))
}

/// Lines, each so many spaces farther in.
pub(super) fn indented(lines: &str, indent: usize) -> String {
    let pad = |line: &str| match line.trim() {
        "" => line.to_owned(),
        _ => format!("{:indent$}{line}", ""),
    };
    lines.split_inclusive('\n').map(pad).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn simple_texts_stand_without_quotes() {
        for plain in ["CI (backup)", "a-b/c.d_e", "redundancy-ci-backup"] {
            assert_eq!(scalar(plain), plain);
        }
        for other in ["", "yes", "No", "1", "a: b", "a #b", "a ", " a", "a,b", "[", "-a", "a:"] {
            assert!(scalar(other).starts_with('"'), "{other}");
        }
    }

    proptest! {
        #[test]
        fn a_scalar_reads_back(text in "\\PC{0,20}|[a-z:# \\-\n\t'\"\u{85}\u{2028}\u{feff}\u{7f}\u{0}]{0,12}") {
            let read: Value = serde_yaml::from_str(&format!("[{}]", scalar(&text))).unwrap();
            prop_assert_eq!(read, Value::Sequence(vec![text.into()]));
        }
    }
}
