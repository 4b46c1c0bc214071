//! Whether two readers of YAML take a text for the same. Where they don't, GitHub's may be a third.

use saphyr_parser::ScalarStyle;
use serde_yaml::Value;

use super::spans::{Node, Shape};

/// The line of the first thing that the two readers of YAML take for different things, if there is
/// one: another shape, another key, another text. Which kind of number or word a plain scalar is
/// does not count.
pub(super) fn disagreement(node: &Node, value: &Value) -> Option<usize> {
    match (&node.shape, value) {
        // What it stands for was compared where it is written.
        (Shape::Alias, _) => None,
        (Shape::Scalar(_, text), Value::String(it)) => (text != it).then_some(node.line),
        (Shape::Scalar(ScalarStyle::Plain, _), Value::Null | Value::Bool(_) | Value::Number(_)) => {
            None
        }
        (Shape::Sequence { items, .. }, Value::Sequence(values)) if items.len() == values.len() => {
            items.iter().zip(values).find_map(|(node, value)| disagreement(node, value))
        }
        (Shape::Mapping { entries, .. }, Value::Mapping(map)) if entries.len() == map.len() => {
            entries.iter().zip(map).find_map(|(entry, (key, value))| {
                disagreement(&entry.key, key).or_else(|| disagreement(&entry.value, value))
            })
        }
        _ => Some(node.line),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::spans::read, *};

    #[test]
    fn what_two_readers_take_for_different_things_is_found() {
        let line =
            |text: &str| disagreement(&read(text).unwrap(), &serde_yaml::from_str(text).unwrap());
        assert_eq!(line("a: 1\nb: [x, 'y', {z: ~}]\nc: |\n  x\n"), None);
        // A next-line character ends a line in YAML 1.1 only.
        assert_eq!(line("a: 1\nb: 'x\u{85}y'\n"), Some(2));
    }
}
