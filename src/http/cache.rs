//! The last answer to each question, for when the service says that it is the same still.
//! Such an answer (304) is short, and at GitHub costs nothing of the hour's requests.

use std::collections::HashMap;

use reqwest::Url;

/// How much is kept. What was not asked about for longest goes first.
const MOST_BYTES: usize = 32 << 20;

/// An answer that made sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    /// `etag`: the name of this very answer.
    pub(super) etag: String,
    pub(super) body: Vec<u8>,
    /// Where the next page is.
    pub(super) next: Option<Url>,
}

#[derive(Debug, Default)]
pub(super) struct Cache {
    entries: HashMap<Url, (u64, Kept)>,
    bytes: usize,
    /// Counts up with each use.
    uses: u64,
}

impl Cache {
    pub(super) fn get(&mut self, url: &Url) -> Option<Kept> {
        self.uses += 1;
        let (used, kept) = self.entries.get_mut(url)?;
        *used = self.uses;
        Some(kept.clone())
    }

    pub(super) fn put(&mut self, url: &Url, kept: Kept) {
        self.remove(url);
        if kept.body.len() > MOST_BYTES {
            return;
        }
        self.uses += 1;
        self.bytes += kept.body.len();
        self.entries.insert(url.clone(), (self.uses, kept));
        while self.bytes > MOST_BYTES {
            let oldest = self.entries.iter().min_by_key(|(_, (used, _))| *used);
            let Some(oldest) = oldest.map(|(url, _)| url.clone()) else { break };
            self.remove(&oldest);
        }
    }

    fn remove(&mut self, url: &Url) {
        if let Some((_, kept)) = self.entries.remove(url) {
            self.bytes -= kept.body.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(n: usize) -> Url {
        format!("https://example.com/{n}").parse().unwrap()
    }

    fn kept(bytes: usize) -> Kept {
        Kept { etag: bytes.to_string(), body: vec![0; bytes], next: None }
    }

    #[test]
    fn what_was_not_used_for_longest_makes_room() {
        let mut cache = Cache::default();
        let third = MOST_BYTES / 3;
        for n in 0..3 {
            cache.put(&url(n), kept(third));
        }
        assert_eq!(cache.get(&url(0)), Some(kept(third)));
        cache.put(&url(3), kept(third));
        assert_eq!(cache.get(&url(1)), None);
        assert_eq!(cache.get(&url(0)), Some(kept(third)));
        cache.put(&url(0), kept(1));
        cache.put(&url(4), kept(MOST_BYTES + 1));
        assert_eq!(cache.get(&url(4)), None);
        assert_eq!(cache.bytes, 2 * third + 1);
    }
}
