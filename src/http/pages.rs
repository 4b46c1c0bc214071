//! Lists that come in pages.

use std::{collections::HashSet, hash::Hash};

use reqwest::Url;
use serde::de::DeserializeOwned;

use super::{
    Error,
    transport::{Call, Transport},
};

/// How many pages are read at most, of 100 each.
const MOST_PAGES: usize = 10;

/// Where GitHub ends a list that is filtered, without a word.
const MOST_ITEMS: usize = 1000;

/// A list, as far as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// What is in it, in the service's order, each once.
    pub items: Vec<T>,
    /// Whether that is all. If not, there are more than anybody could go through.
    pub complete: bool,
}

/// One page of a list, which a service wraps into an object or not.
pub(crate) trait Page: DeserializeOwned {
    /// What it is a list of.
    type Item;

    /// What is in it.
    fn items(self) -> Vec<Self::Item>;
}

impl<T: DeserializeOwned> Page for Vec<T> {
    type Item = T;

    fn items(self) -> Vec<T> {
        self
    }
}

/// Reads a list page by page. What moved to a later page meanwhile comes once: `key` tells.
pub(crate) async fn all<P: Page, K: Eq + Hash>(
    transport: &Transport,
    mut call: Call,
    key: impl Fn(&P::Item) -> K,
) -> Result<Listed<P::Item>, Error> {
    let mut seen = HashSet::new();
    let mut listed = Listed { items: Vec::new(), complete: false };
    for _ in 0..MOST_PAGES {
        let (page, next): (P, Option<Url>) = transport.get(&call).await?;
        listed.items.extend(page.items().into_iter().filter(|it| seen.insert(key(it))));
        let Some(next) = next else {
            listed.complete = listed.items.len() < MOST_ITEMS;
            break;
        };
        call.url = next;
    }
    Ok(listed)
}
