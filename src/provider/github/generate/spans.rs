//! Where everything is in the text of a workflow: its nodes with their places, read by
//! `saphyr-parser`. What they mean is read by `serde_yaml`; [`super::agreement`] compares the two.

use std::{collections::HashSet, ops::Range};

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

/// A node of the text.
#[derive(Debug)]
pub(super) struct Node {
    /// Its bytes: from its anchor or tag, if it has one, to the end of what it holds. Comments and
    /// empty lines after it are not in. For a text block it begins below the line with the `|`.
    pub(super) at: Range<usize>,
    /// Its line, from 1.
    pub(super) line: usize,
    /// Whether it has a tag, `!what`.
    pub(super) tagged: bool,
    /// What it is.
    pub(super) shape: Shape,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum Shape {
    /// A text, a number, a word, nothing.
    Scalar(ScalarStyle, String),
    /// `*name`
    Alias,
    /// A list.
    Sequence { flow: bool, items: Vec<Node> },
    /// A table.
    Mapping { flow: bool, entries: Vec<Entry> },
}

/// `key: value`
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: Node,
    /// The byte after the colon.
    pub(super) colon: usize,
    pub(super) value: Node,
}

impl Entry {
    /// The key as it is meant, if it is a scalar.
    pub(super) fn name(&self) -> Option<&str> {
        self.key.text()
    }
}

impl Node {
    pub(super) fn text(&self) -> Option<&str> {
        match &self.shape {
            Shape::Scalar(_, text) => Some(text),
            _ => None,
        }
    }

    /// The entries of a table that is written line by line.
    pub(super) fn block(&self) -> Option<&[Entry]> {
        match &self.shape {
            Shape::Mapping { flow: false, entries } => Some(entries),
            _ => None,
        }
    }

    /// The entry `key` of a table, however that is written.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.shape {
            Shape::Mapping { entries, .. } => entries.iter().find(|it| it.name() == Some(key)),
            _ => None,
        }
    }

    /// The line of the first node, keys included, for which `is` holds.
    pub(super) fn first(&self, is: &impl Fn(&Self) -> bool) -> Option<usize> {
        if is(self) {
            return Some(self.line);
        }
        match &self.shape {
            Shape::Scalar(..) | Shape::Alias => None,
            Shape::Sequence { items, .. } => items.iter().find_map(|it| it.first(is)),
            Shape::Mapping { entries, .. } => {
                entries.iter().find_map(|it| it.key.first(is).or_else(|| it.value.first(is)))
            }
        }
    }

    /// The line of the first key of a table that is there for the second time.
    pub(super) fn second_of_a_key(&self) -> Option<usize> {
        match &self.shape {
            Shape::Scalar(..) | Shape::Alias => None,
            Shape::Sequence { items, .. } => items.iter().find_map(Self::second_of_a_key),
            Shape::Mapping { entries, .. } => {
                let mut keys = HashSet::new();
                let twice = entries.iter().find(|it| it.name().is_some_and(|it| !keys.insert(it)));
                let below = || entries.iter().find_map(|it| it.value.second_of_a_key());
                twice.map(|it| it.key.line).or_else(below)
            }
        }
    }

    /// Follows keys.
    pub(super) fn find(&self, way: &[&str]) -> Option<&Entry> {
        let (key, rest) = way.split_first()?;
        let entry = self.entry(key)?;
        if rest.is_empty() { Some(entry) } else { entry.value.find(rest) }
    }
}

/// Nodes deeper than this are not read. `serde_yaml` has the same limit, and takes minutes to come
/// to it where nothing but `[` follows.
const DEEPEST: usize = 128;

/// Why there are no nodes.
#[derive(Debug)]
pub(super) enum Unread {
    /// They are nested deeper than anybody nests a workflow; the line where that begins.
    TooDeep(usize),
    /// It is no single document that can be read so.
    Otherwise,
}

/// The nodes of `text`.
pub(super) fn read(text: &str) -> Result<Node, Unread> {
    let (bytes, parser) = (byte_offsets(text), Parser::new_from_str(text));
    let mut reader = Reader { text, bytes, parser, end: 0, too_deep: None };
    let root = reader.document();
    root.ok_or(reader.too_deep.map_or(Unread::Otherwise, Unread::TooDeep))
}
/// The byte at which each character begins, and the end. None where these are the same.
fn byte_offsets(text: &str) -> Option<Vec<usize>> {
    let offsets = || text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    (!text.is_ascii()).then(offsets)
}

struct Reader<'t> {
    text: &'t str,
    bytes: Option<Vec<usize>>,
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    /// The end of what the last node with something in it holds.
    end: usize,
    /// The line where it goes too deep.
    too_deep: Option<usize>,
}

impl<'t> Reader<'t> {
    fn document(&mut self) -> Option<Node> {
        loop {
            match self.next()? {
                (Event::StreamStart | Event::DocumentStart(_), _) => {}
                (event, span) => {
                    let root = self.node(event, span, 0)?;
                    let last = [self.next()?.0, self.next()?.0];
                    let is_all = matches!(last, [Event::DocumentEnd, Event::StreamEnd]);
                    return is_all.then_some(root);
                }
            }
        }
    }

    fn next(&mut self) -> Option<(Event<'t>, Span)> {
        match self.parser.next_event()? {
            Ok(event) => Some(event),
            Err(error) => {
                // The scanner looks ahead, and has a limit of its own.
                let is_depth = error.info().contains("recursion limit");
                self.too_deep = is_depth.then(|| error.marker().line());
                None
            }
        }
    }

    fn byte(&self, at: usize) -> usize {
        let last = self.text.len();
        self.bytes.as_ref().map_or(at.min(last), |it| it.get(at).copied().unwrap_or(last))
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Option<Node> {
        if depth > DEEPEST {
            self.too_deep = Some(span.start.line());
            return None;
        }
        let (start, line) = (self.byte(span.start.index()), span.start.line());
        let tagged = matches!(
            event,
            Event::Scalar(_, _, _, Some(_))
                | Event::SequenceStart(_, Some(_))
                | Event::MappingStart(_, Some(_))
        );
        let shape = match event {
            Event::Alias(_) => {
                self.end = self.byte(span.end.index());
                Shape::Alias
            }
            Event::Scalar(text, style, _, _) => {
                let end = self.byte(span.end.index());
                let is_empty = start >= end;
                self.end = match style {
                    // It stands where the next thing begins, and holds nothing.
                    ScalarStyle::Plain if is_empty => {
                        let shape = Shape::Scalar(style, String::new());
                        return Some(Node { at: start..start, line, tagged, shape });
                    }
                    ScalarStyle::Plain => start + self.text.get(start..end)?.trim_end().len(),
                    ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
                        self.quoted_end(start)?
                    }
                    ScalarStyle::Literal | ScalarStyle::Folded => {
                        self.block_end(start..end, span.start.col())
                    }
                };
                Shape::Scalar(style, text.into_owned())
            }
            Event::SequenceStart(..) => {
                let flow = self.text.as_bytes().get(self.content(start)) == Some(&b'[');
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, span) if flow => {
                            self.end = self.byte(span.start.index()) + 1;
                            break;
                        }
                        (Event::SequenceEnd, _) => break,
                        (event, span) => items.push(self.node(event, span, depth + 1)?),
                    }
                }
                Shape::Sequence { flow, items }
            }
            Event::MappingStart(..) => {
                let flow = self.text.as_bytes().get(self.content(start)) == Some(&b'{');
                let mut entries = Vec::new();
                loop {
                    match self.next()? {
                        (Event::MappingEnd, span) if flow => {
                            self.end = self.byte(span.start.index()) + 1;
                            break;
                        }
                        (Event::MappingEnd, _) => break,
                        (event, span) => entries.push(self.entry(event, span, depth + 1)?),
                    }
                }
                Shape::Mapping { flow, entries }
            }
            _ => return None,
        };
        Some(Node { at: start..self.end.max(start), line, tagged, shape })
    }

    fn entry(&mut self, event: Event<'t>, span: Span, depth: usize) -> Option<Entry> {
        let key = self.node(event, span, depth)?;
        // In `{a, b: c}` the first has no colon. Then there is nothing to be put behind it.
        let gap = self.text.get(key.at.end..)?;
        let colon = key.at.end + gap.find(':').map_or(0, |at| at + 1);
        self.end = colon;
        let (event, span) = self.next()?;
        let mut value = self.node(event, span, depth)?;
        if value.at.is_empty() {
            value.at = colon..colon;
        }
        Some(Entry { key, colon, value })
    }

    /// Where the content of a node begins, behind its anchor and its tag.
    fn content(&self, mut at: usize) -> usize {
        let is_space = |it: char| it.is_whitespace();
        while self.text.as_bytes().get(at).is_some_and(|it| matches!(it, b'&' | b'!')) {
            let rest = &self.text[at..];
            let word = rest.find(is_space).unwrap_or(rest.len());
            let space = rest[word..].find(|it| !is_space(it)).unwrap_or(rest.len() - word);
            at += word + space;
        }
        at
    }

    /// The end of a text in quotes; the parser's own reaches over a comment behind it.
    fn quoted_end(&self, start: usize) -> Option<usize> {
        let start = self.content(start);
        let bytes = self.text.as_bytes();
        let quote = *bytes.get(start)?;
        let mut at = start + 1;
        loop {
            match *bytes.get(at)? {
                b'\\' if quote == b'"' => at += 2,
                b'\'' if quote == b'\'' && bytes.get(at + 1) == Some(&b'\'') => at += 2,
                it if it == quote => return Some(at + 1),
                _ => at += 1,
            }
        }
    }

    /// The end of a text block: of its last line that is not empty.
    fn block_end(&self, at: Range<usize>, column: usize) -> usize {
        let mut end = at.start;
        let mut place = at.start;
        for (index, line) in self.text.get(at).unwrap_or_default().split_inclusive('\n').enumerate()
        {
            let indent = line.len() - line.trim_start_matches(' ').len();
            if !line.trim().is_empty() {
                // What is less deep is a comment behind the block.
                if index > 0 && indent < column {
                    break;
                }
                end = place + line.trim_end_matches(['\r', '\n']).len();
            }
            place += line.len();
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the value of each key of a table is, as it is written.
    fn values(text: &str) -> Vec<(&str, &str)> {
        let root = Box::leak(Box::new(read(text).unwrap()));
        let Shape::Mapping { entries, .. } = &root.shape else { panic!("{root:?}") };
        entries.iter().map(|it| (it.name().unwrap(), &text[it.value.at.clone()])).collect()
    }

    #[test]
    fn a_node_ends_where_what_it_holds_ends() {
        let text = "# top\na: \"x é\\\" \" # why\nb: 'it''s'  # why\nc: x y # why\nd: |  # why\n  1\n\n  2\n\n# of e\ne:\n  - x # why\n  -   y # why\n\n# of f\nf: # null\ng: {a: [b, c], d}  # why\n\
                    h: &n 'x' # why\ni: >-\n  a\n    # in it\nj:\n  k:\n    l: *n # why\nm: end";
        assert_eq!(
            values(text),
            [
                ("a", "\"x é\\\" \""),
                ("b", "'it''s'"),
                ("c", "x y"),
                ("d", "1\n\n  2"),
                ("e", "- x # why\n  -   y"),
                ("f", ""),
                ("g", "{a: [b, c], d}"),
                ("h", "&n 'x'"),
                ("i", "a\n    # in it"),
                ("j", "k:\n    l: *n"),
                ("m", "end"),
            ]
        );
    }

    #[test]
    fn a_value_that_is_empty_is_behind_its_colon() {
        let text = "on:\n  push:\n  x :   # why\njobs: a\n";
        let root = read(text).unwrap();
        let x = root.find(&["on", "x"]).unwrap();
        assert_eq!(&text[..x.colon], "on:\n  push:\n  x :");
        assert_eq!(x.value.at, x.colon..x.colon);
        assert_eq!(x.key.line, 3);
        assert_eq!(&text[root.entry("on").unwrap().value.at.clone()], "push:\n  x :");
    }

    #[test]
    fn what_is_no_single_document_is_not_read() {
        assert!(matches!(read(&"[".repeat(300)), Err(Unread::TooDeep(1))));
        assert!(matches!(
            read(&format!("a: 1\nb: {}", "{a: ".repeat(300))),
            Err(Unread::TooDeep(2))
        ));
        for text in ["", "a: [", "a: 1\n---\nb: 2\n", "\"a", &"[".repeat(100_000)] {
            assert!(read(text).is_err(), "{}", &text[..text.len().min(20)]);
        }
    }
}
