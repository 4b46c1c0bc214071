//! The file as a tree that knows where everything stands.

use std::{collections::HashSet, ops::Range};

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

/// Keys that were taken out of the tree because of a problem: the start of their table, and the
/// key. Asking whether something is missing must not forget them.
pub(super) type Removed = HashSet<(usize, String)>;

/// One step from a table or a list to something in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// The ways to everything in `table` whose key (or else whose value) stands at `span`, outermost
/// first.
pub(super) fn find(table: &DeTable<'_>, span: &Range<usize>, keys: bool) -> Vec<Vec<Step>> {
    let mut found = Vec::new();
    search_table(table, span, keys, &mut Vec::new(), &mut found);
    found
}

fn search_table(
    table: &DeTable<'_>,
    span: &Range<usize>,
    keys: bool,
    way: &mut Vec<Step>,
    found: &mut Vec<Vec<Step>>,
) {
    for (key, value) in table {
        way.push(Step::Key(key.get_ref().to_string()));
        if keys && key.span() == *span {
            found.push(way.clone());
        }
        search_value(value, span, keys, way, found);
        way.pop();
    }
}

fn search_value(
    value: &Spanned<DeValue<'_>>,
    span: &Range<usize>,
    keys: bool,
    way: &mut Vec<Step>,
    found: &mut Vec<Vec<Step>>,
) {
    if !keys && value.span() == *span {
        found.push(way.clone());
    }
    match value.get_ref() {
        DeValue::Table(table) => search_table(table, span, keys, way, found),
        DeValue::Array(list) => {
            for (index, item) in list.iter().enumerate() {
                way.push(Step::Index(index));
                search_value(item, span, keys, way, found);
                way.pop();
            }
        }
        _ => {}
    }
}

/// What is at the end of `way`.
pub(super) fn get<'t, 'i>(root: &'t DeTable<'i>, way: &[Step]) -> Option<&'t Spanned<DeValue<'i>>> {
    let (Step::Key(first), rest) = way.split_first()? else { return None };
    rest.iter().try_fold(root.get(first.as_str())?, |at, step| match step {
        Step::Key(key) => at.get_ref().get(key.as_str()),
        Step::Index(index) => at.get_ref().get(*index),
    })
}

/// Takes what `way` leads to out of the tree: an item of a list at the top (one `[[process]]`),
/// else the innermost key with all that it holds.
pub(super) fn remove(root: &mut DeTable<'_>, way: &[Step], removed: &mut Removed) {
    if let [Step::Key(list), Step::Index(index)] = way {
        let items = root.get_mut(list.as_str()).map(Spanned::get_mut);
        if let Some(DeValue::Array(items)) = items
            && *index < items.len()
        {
            *items = items
                .iter()
                .enumerate()
                .filter(|(at, _)| at != index)
                .map(|(_, item)| item.clone())
                .collect();
        }
        return;
    }
    let Some(last) = way.iter().rposition(|step| matches!(step, Step::Key(_))) else { return };
    let Step::Key(key) = &way[last] else { return };
    let Some((start, table)) = table_at(root, &way[..last]) else { return };
    table.remove(key.as_str());
    removed.insert((start, key.clone()));
}

/// Gives the table that `way` leads to some name for its missing `key`. No two are alike.
pub(super) fn stand_in(root: &mut DeTable<'_>, way: &[Step], key: &str) {
    let Some((start, table)) = table_at(root, way) else { return };
    let key = Spanned::new(start..start, DeString::Owned(key.to_owned()));
    let name = DeValue::String(DeString::Owned(format!("at-{start}")));
    table.insert(key, Spanned::new(start..start, name));
}

/// The table that `way` leads to, and where it starts.
fn table_at<'t, 'i>(
    root: &'t mut DeTable<'i>,
    way: &[Step],
) -> Option<(usize, &'t mut DeTable<'i>)> {
    let mut start = 0;
    let mut table = root;
    let mut steps = way.iter();
    while let Some(Step::Key(key)) = steps.next() {
        let mut value = table.get_mut(key.as_str())?;
        while value.get_ref().is_array() {
            let Some(Step::Index(index)) = steps.next() else { return None };
            let DeValue::Array(items) = value.get_mut() else { return None };
            value = items.get_mut(*index)?;
        }
        start = value.span().start;
        let DeValue::Table(next) = value.get_mut() else { return None };
        table = next;
    }
    Some((start, table))
}

/// A table of the file, asked for what stands where.
#[derive(Clone)]
pub(super) struct Item<'t> {
    table: &'t DeTable<'t>,
    removed: &'t Removed,
    span: Range<usize>,
}

impl<'t> Item<'t> {
    pub(super) fn root(table: &'t DeTable<'t>, removed: &'t Removed) -> Self {
        Self { table, removed, span: 0..0 }
    }

    /// Where its header, or all of it, stands.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Whether the file gives it `key`, rightly or not.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key) || self.removed.contains(&(self.span.start, key.to_owned()))
    }

    /// Where the value of `key` stands; the table itself when there is none.
    pub(super) fn value(&self, key: &str) -> Range<usize> {
        self.table.get(key).map_or_else(|| self.span(), Spanned::span)
    }

    /// Where `key` itself stands, if it does.
    pub(super) fn key(&self, key: &str) -> Option<Range<usize>> {
        self.table.get_key_value(key).map(|(key, _)| key.span())
    }

    /// Where one item of the list `key` stands; the whole list when there is no such item.
    pub(super) fn element(&self, key: &str, index: usize) -> Range<usize> {
        let list = self.table.get(key);
        let item = list.and_then(|list| list.get_ref().get(index));
        item.map_or_else(|| self.value(key), Spanned::span)
    }

    /// The table under `key`.
    pub(super) fn child(&self, key: &str) -> Option<Self> {
        self.of(self.table.get(key)?)
    }

    /// The tables of the list under `key`.
    pub(super) fn children(&self, key: &str) -> Vec<Self> {
        let list = self.table.get(key).and_then(|list| list.get_ref().as_array());
        list.into_iter().flat_map(|list| list.iter()).filter_map(|item| self.of(item)).collect()
    }

    fn of(&self, value: &'t Spanned<DeValue<'t>>) -> Option<Self> {
        let table = value.get_ref().as_table()?;
        Some(Self { table, removed: self.removed, span: value.span() })
    }
}
