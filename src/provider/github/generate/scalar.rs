//! Scalars that two readers of YAML take for different things.
//!
//! GitHub reads by the core schema of YAML 1.2 (its `@actions/workflow-parser` uses the npm package
//! `yaml`). `serde_yaml` differs in the few plain scalars that are looked for here. After reading,
//! they can't be told from a quoted text, so they are found in the source.

use serde_yaml::Value;

/// The first thing that would come out with another meaning, with its line (from 1) where that is
/// known.
pub(super) fn ambiguous(source: &str, tree: &Value) -> Option<(Option<usize>, String)> {
    for (index, line) in source.lines().enumerate() {
        if line.contains(SEPARATORS) {
            return Some((Some(index + 1), "an unusual line separator".to_owned()));
        }
        if !line.contains('0') {
            continue;
        }
        for token in plain_tokens(line).filter(|token| differs(token)) {
            // The same characters in a script are no scalar.
            let read = serde_yaml::from_str(token).unwrap_or(Value::Null);
            if any_leaf(tree, &|leaf| *leaf == read) {
                return Some((Some(index + 1), format!("the number {token}, written unusually")));
            }
        }
    }
    // They may have been written as `"\u2028"`, which is well, and could not be written again.
    let has = |leaf: &Value| leaf.as_str().is_some_and(|text| text.contains(SEPARATORS));
    any_leaf(tree, &has).then(|| (None, "an unusual line separator".to_owned()))
}

/// Characters that YAML 1.1 takes for line ends and YAML 1.2 does not.
const SEPARATORS: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];

/// Whether `is` holds for any scalar of `tree`, keys included.
fn any_leaf(tree: &Value, is: &impl Fn(&Value) -> bool) -> bool {
    match tree {
        Value::Mapping(map) => {
            map.iter().any(|(key, value)| any_leaf(key, is) || any_leaf(value, is))
        }
        Value::Sequence(list) => list.iter().any(|it| any_leaf(it, is)),
        leaf => is(leaf),
    }
}

/// What may be a plain scalar on a line.
fn plain_tokens(line: &str) -> impl Iterator<Item = &str> {
    let line = line.split_once(" #").map_or(line, |(before, _)| before);
    (line.split(['[', ']', '{', '}', ',']))
        .flat_map(|part| part.split(": "))
        .map(|token| token.trim().trim_start_matches("- ").trim_end_matches(':').trim())
}

fn differs(token: &str) -> bool {
    let unsigned = token.strip_prefix(['+', '-']).unwrap_or(token);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let octal_look = unsigned.len() > 1 && unsigned.starts_with('0') && digits(unsigned);
    let signed = unsigned.len() < token.len();
    let signed_radix = signed
        && ["0x", "0o"].iter().any(|it| {
            let rest = unsigned.strip_prefix(it);
            rest.is_some_and(|it| !it.is_empty() && it.bytes().all(|b| b.is_ascii_hexdigit()))
        });
    octal_look || signed_radix || is_binary(token)
}

fn is_binary(token: &str) -> bool {
    let unsigned = token.strip_prefix(['+', '-']).unwrap_or(token);
    let rest = unsigned.strip_prefix("0b");
    rest.is_some_and(|it| !it.is_empty() && it.bytes().all(|b| matches!(b, b'0' | b'1')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(source: &str) -> Option<usize> {
        let found = ambiguous(source, &serde_yaml::from_str(source).unwrap());
        found.map(|(line, _)| line.unwrap_or(0))
    }

    #[test]
    fn what_readers_disagree_on_is_found() {
        for scalar in ["010", "-007", "0b11", "-0x1F", "+0o7"] {
            assert_eq!(look(&format!("x: 1\na: {scalar} # why\n")), Some(2), "{scalar}");
            assert_eq!(look(&format!("- 1\n- {scalar}\n")), Some(2), "{scalar}");
            assert_eq!(look(&format!("a: [1, {scalar}]")), Some(1), "{scalar}");
            assert_eq!(look(&format!("{scalar}: x")), Some(1), "{scalar}");
        }
        assert_eq!(look("a: 'x\u{2028}y'"), Some(1));
        assert_eq!(look("a: \"x\\u2028y\""), Some(0));
    }

    #[test]
    fn what_all_take_for_the_same_is_let_pass() {
        for scalar in ["'010'", "\"0b11\"", "0x1F", "0o14", "1.10", "0", "0.5", "12:30", "x010"] {
            assert_eq!(look(&format!("a: {scalar}\n")), None, "{scalar}");
        }
        assert_eq!(look("run: |\n  mode: 0644\n  mask: 0b11\n"), None);
    }
}
