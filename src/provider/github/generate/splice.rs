//! The text of a backup: the primary's own, with changes where something changes. All else stays
//! byte for byte, comments and all.
//!
//! Nothing here is taken on trust: what comes out is read again and compared with what it has to
//! mean. So a form of YAML that was not thought of leads to a refusal of this way, never to
//! another meaning.

use std::ops::Range;

use saphyr_parser::ScalarStyle;
use serde_yaml::{Mapping, Value};

use super::{
    concurrency::Change,
    edit::{Edit, JobEdit},
    keys,
    source::{Source, ends_lines_with_two},
    spans::{Entry, Node, Shape},
    text,
    triggers::Triggers,
};

/// The text of the backup, or why the primary's text can't be used.
pub(super) fn spliced(source: &Source<'_>, edit: &Edit) -> Result<String, String> {
    let root = source.nodes.as_ref().ok_or("its places can't be told")?;
    let entries = root.block().ok_or("it is written in flow style")?;
    let first = entries.first().ok_or("there is nothing in it")?;
    let mut splice = Splice { text: &source.text, changes: Vec::new() };
    let indent = splice.column(first.key.at.start);
    match root.entry(keys::NAME) {
        Some(entry) => splice.set_text(entry, source.tree.get(keys::NAME), &edit.name),
        None => {
            let line = format!("name: {}\n{:indent$}", text::scalar(&edit.name), "");
            splice.insert(first.key.at.start, line);
        }
    }
    let on = root.entry(keys::ON).ok_or("it has no `on`")?;
    let own_group = text::block(keys::CONCURRENCY, &edit.own_group, indent)
        .ok_or("its group can't be written")?;
    let group = root.entry(keys::CONCURRENCY);
    splice.triggers(on, &edit.triggers, indent, group.is_none().then_some(&own_group))?;
    match (group, &edit.group) {
        (Some(entry), Some(change)) => {
            splice.group(entry, source.tree.get(keys::CONCURRENCY), change);
        }
        (Some(entry), None) => {
            let lines = own_group.split_once(':').map_or("", |(_, lines)| lines);
            splice.replace(entry.colon..entry.value.at.end, lines.trim_end().to_owned());
        }
        (None, _) => {}
    }
    splice.jobs(root.entry(keys::JOBS).ok_or("it has no jobs")?, source, edit)?;
    splice.done()
}

struct Splice<'t> {
    text: &'t str,
    changes: Vec<(Range<usize>, String)>,
}

impl Splice<'_> {
    fn replace(&mut self, at: Range<usize>, with: String) {
        self.changes.push((at, with));
    }

    fn insert(&mut self, at: usize, what: String) {
        self.replace(at..at, what);
    }

    /// How many characters stand before a place in its line.
    fn column(&self, at: usize) -> usize {
        let line = self.text[..at].rfind('\n').map_or(0, |end| end + 1);
        self.text[line..at].chars().count()
    }

    /// The rest of the line behind a place, without its end.
    fn rest(&self, at: usize) -> &str {
        let rest = &self.text[at..];
        rest.find('\n').map_or(rest, |end| &rest[..end]).trim_end_matches('\r')
    }

    /// The comment that is all of the rest of a line, with a space before it; empty where there is
    /// none.
    fn comment(&self, at: usize) -> String {
        let rest = self.rest(at);
        let comment = rest.trim();
        let is_one = comment.starts_with('#') && rest.starts_with([' ', '\t']);
        if is_one { format!(" {comment}") } else { String::new() }
    }

    /// A place, or the end of its line where only a comment stands between.
    fn line_end(&self, at: usize) -> usize {
        let rest = self.rest(at);
        if rest.trim().is_empty() || !self.comment(at).is_empty() { at + rest.len() } else { at }
    }

    /// Gives an entry another text as its value. What is only made longer keeps its quotes.
    fn set_text(&mut self, entry: &Entry, old: Option<&Value>, new: &str) {
        let suffix = old.and_then(Value::as_str).filter(|it| !it.is_empty());
        let suffix = suffix.and_then(|it| new.strip_prefix(it));
        let suffix = suffix.filter(|it| text::scalar(&format!("a{it}")) == format!("a{it}"));
        let end = entry.value.at.end;
        match (&entry.value.shape, suffix) {
            (Shape::Scalar(ScalarStyle::Plain, _), Some(suffix)) => {
                self.insert(end, suffix.to_owned());
            }
            (
                Shape::Scalar(ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted, _),
                Some(suffix),
            ) => {
                self.insert(end - 1, suffix.to_owned());
            }
            _ => self.set(entry, &text::scalar(new)),
        }
    }

    /// Gives an entry another value, which is one line.
    fn set(&mut self, entry: &Entry, new: &str) {
        match entry.value.shape {
            Shape::Scalar(ScalarStyle::Literal | ScalarStyle::Folded, _) => {
                self.replace(entry.colon..entry.value.at.end, format!(" {new}"));
            }
            _ if entry.value.at.is_empty() => self.insert(entry.colon, format!(" {new}")),
            _ => self.replace(entry.value.at.clone(), new.to_owned()),
        }
    }

    fn triggers(
        &mut self,
        on: &Entry,
        triggers: &Triggers,
        indent: usize,
        group: Option<&String>,
    ) -> Result<(), String> {
        let events = on.value.block().unwrap_or_default();
        let deep = events.first().map_or(indent + 2, |it| self.column(it.key.at.start));
        let dispatch = events.iter().find(|it| it.name() == Some(keys::DISPATCH));
        let mut new = self.comment(on.colon);
        if new.is_empty() && on.value.block().is_none() {
            new = self.comment(on.value.at.end);
        }
        new.push('\n');
        match dispatch.filter(|_| triggers.kept) {
            Some(entry) => {
                let lines = &self.text
                    [self.with_comments(entry.key.at.start)..self.line_end(entry.value.at.end)];
                new.push_str(&format!("{:deep$}{lines}\n", "").replace('\r', ""));
            }
            None => {
                let lines = text::block(keys::DISPATCH, &triggers.dispatch, deep);
                new.push_str(&lines.ok_or("its `workflow_dispatch` can't be written")?);
            }
        }
        let schedule = &triggers.schedule;
        let pad = " ".repeat(deep);
        new.extend([&pad, "schedule:\n", &pad, "  - cron: \"", &schedule.cron, "\"\n"]);
        if let Some(zone) = &schedule.zone {
            new.extend([&pad, "    timezone: ", &text::scalar(zone), "\n"]);
        }
        if let Some(group) = group {
            new.push_str(group);
        }
        new.truncate(new.trim_end().len());
        self.replace(on.colon..self.line_end(on.value.at.end), new);
        Ok(())
    }

    /// Where the comment lines begin that stand right above a key.
    fn with_comments(&self, key: usize) -> usize {
        let mut start = key;
        let mut line = key - self.column(key);
        while let Some(above) = line.checked_sub(1) {
            let begin = self.text[..above].rfind('\n').map_or(0, |end| end + 1);
            let text = self.text[begin..above].trim_start();
            if !text.starts_with('#') {
                break;
            }
            (start, line) = (above - text.len(), begin);
        }
        start
    }

    fn group(&mut self, entry: &Entry, old: Option<&Value>, change: &Change) {
        let group = entry.value.entry(keys::GROUP);
        if let Some(new) = &change.group {
            let value = old.and_then(|it| it.get(keys::GROUP)).or(old);
            self.set_text(group.unwrap_or(entry), value, new);
        }
        if let Some(cancel) = entry.value.entry(keys::CANCEL).filter(|_| change.calm) {
            self.set(cancel, "false");
        }
    }

    fn jobs(&mut self, jobs: &Entry, source: &Source<'_>, edit: &Edit) -> Result<(), String> {
        let entries = jobs.value.block().ok_or("its jobs are written in flow style")?;
        let first = entries.first().ok_or("it has no jobs")?;
        if let Some(guard) = &edit.guard {
            let line =
                self.text[jobs.colon..].find('\n').map_or(jobs.colon, |at| jobs.colon + at + 1);
            if line > first.key.at.start {
                return Err("its first job is on the line of `jobs`".to_owned());
            }
            self.insert(line, guard.lines(self.column(first.key.at.start)));
        }
        for change in &edit.jobs {
            let id = change.id.as_str();
            let job = entries.iter().find(|it| it.name() == Some(id)).map(|it| &it.value);
            match job {
                // It changes with what it stands for.
                Some(Node { shape: Shape::Alias, .. }) => {}
                Some(node) => {
                    let job = source.tree.get(keys::JOBS).and_then(|it| it.get(id)?.as_mapping());
                    self.job(node, job, change)
                        .ok_or_else(|| format!("the job `{id}` is not written line by line"))?;
                }
                None => return Err(format!("the job `{id}` was not found")),
            }
        }
        Ok(())
    }

    fn job(&mut self, node: &Node, job: Option<&Mapping>, change: &JobEdit) -> Option<()> {
        let first = node.block()?.first()?.key.at.start;
        let indent = self.column(first);
        if let Some((guard, condition)) = &change.guarded {
            match node.entry(keys::NEEDS) {
                Some(entry) => self.needs(entry, guard)?,
                None => self.insert(first, format!("needs: {guard}\n{:indent$}", "")),
            }
            let style = if condition.contains('\n') { "|-" } else { ">-" };
            let lines = text::indented(condition, indent + 2);
            match node.entry(keys::IF) {
                Some(entry) => {
                    let value = &entry.value;
                    let is_block = matches!(
                        value.shape,
                        Shape::Scalar(ScalarStyle::Literal | ScalarStyle::Folded, _)
                    );
                    let comment = if is_block {
                        let header = self.rest(entry.colon);
                        header.find(" #").map(|at| header[at..].to_owned()).unwrap_or_default()
                    } else {
                        self.comment(value.at.end)
                    };
                    let end = self.line_end(value.at.end);
                    self.replace(entry.colon..end, format!(" {style}{comment}\n{lines}"));
                }
                None => self.insert(first, format!("if: {style}\n{lines}\n{:indent$}", "")),
            }
        }
        if let Some(change) = &change.group {
            let entry = node.entry(keys::CONCURRENCY)?;
            self.group(entry, job.and_then(|it| it.get(keys::CONCURRENCY)), change);
        }
        Some(())
    }

    /// Puts the guard in front of what a job needs.
    fn needs(&mut self, entry: &Entry, guard: &str) -> Option<()> {
        let start = entry.value.at.start;
        match &entry.value.shape {
            Shape::Scalar(_, text) if text.is_empty() => self.set(entry, guard),
            Shape::Scalar(ScalarStyle::Literal | ScalarStyle::Folded, _)
            | Shape::Mapping { .. } => {
                return None;
            }
            Shape::Scalar(..) | Shape::Alias => {
                let old = &self.text[entry.value.at.clone()];
                self.set(entry, &format!("[{guard}, {old}]"));
            }
            Shape::Sequence { items, .. } if items.is_empty() => self.set(entry, guard),
            Shape::Sequence { flow: true, .. } => {
                let open = self.text[start..].find('[')?;
                let space = if self.rest(start + open + 1).starts_with(' ') { "" } else { " " };
                self.insert(start + open + 1, format!("{guard},{space}"));
            }
            Shape::Sequence { flow: false, items } => {
                // The item may have an anchor, and the list too.
                let item = items.first()?.at.start;
                let dash = self.text[..item].rfind('-')?;
                self.text[dash + 1..item].trim().is_empty().then_some(())?;
                let indent = self.column(dash);
                self.insert(dash, format!("- {guard}\n{:indent$}", ""));
            }
        }
        Some(())
    }

    /// The text with all changes, with the line ends of its first line.
    fn done(mut self) -> Result<String, String> {
        // What is inserted at one place stays in its order.
        self.changes.sort_by_key(|(at, _)| at.start);
        let crlf = ends_lines_with_two(self.text);
        let (mut new, mut done) = (String::with_capacity(self.text.len() + 8192), 0);
        for (at, with) in &self.changes {
            let kept = self.text.get(done..at.start).ok_or("two changes meet in it")?;
            new.push_str(kept);
            if crlf {
                new.push_str(&with.replace('\n', "\r\n"));
            } else {
                new.push_str(with);
            }
            done = at.end;
        }
        new.push_str(&self.text[done..]);
        Ok(new)
    }
}
