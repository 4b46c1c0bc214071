//! What is remembered for the program that comes after this one, by its key.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::{Error, Journal};

/// Remembers a value under a key.
pub(super) const REMEMBER: &str = "INSERT INTO memory (key, value) VALUES (?1, ?2)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value";

impl Journal {
    /// Notes what is to be remembered, as by [`Journal::remember`], with the next entries.
    pub fn note_memory(&mut self, key: &str, value: String) {
        self.to_remember.insert(key.to_owned(), value);
    }

    /// Remembers `value` under `key`, for the program that comes after this one.
    pub fn remember(&mut self, key: &str, value: &str) -> Result<(), Error> {
        if !self.is_in_place() {
            self.begin_anew()?;
        }
        self.written = self.written.saturating_add(1);
        let done = self.connection.execute(REMEMBER, [key, value]);
        done.map(drop).map_err(|source| self.error(source))
    }

    /// Makes of what is remembered under `key` what `change` says. Whoever else does so meanwhile
    /// waits, so that nothing of either is lost.
    pub fn revise<T>(
        &mut self,
        key: &str,
        change: impl FnOnce(Option<String>) -> (String, T),
    ) -> Result<T, Error> {
        if !self.is_in_place() {
            self.begin_anew()?;
        }
        let path = self.path.clone();
        let revise = |connection: &mut Connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let sql = "SELECT value FROM memory WHERE key = ?1";
            let before = transaction.query_row(sql, [key], |row| row.get(0)).optional()?;
            let (after, told) = change(before);
            transaction.execute(REMEMBER, [key, &after])?;
            transaction.commit()?;
            Ok(told)
        };
        revise(&mut self.connection).map_err(|source| Error::Sqlite { path, source })
    }

    /// What is remembered under `key`.
    pub fn recall(&self, key: &str) -> Result<Option<String>, Error> {
        let sql = "SELECT value FROM memory WHERE key = ?1";
        let found = self.connection.query_row(sql, [key], |row| row.get(0)).optional();
        found.map_err(|source| self.error(source))
    }

    /// What is remembered under the keys that begin with `prefix`, in their order.
    pub fn recall_all(&self, prefix: &str) -> Result<Vec<(String, String)>, Error> {
        let sql =
            "SELECT key, value FROM memory WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key";
        let read = || {
            let mut query = self.connection.prepare(sql)?;
            let rows = query.query_map([prefix], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        read().map_err(|source| self.error(source))
    }

    /// What is remembered under the keys that begin with `prefix`, in their order. It is forgotten, all
    /// of it or nothing.
    pub fn take_all(&mut self, prefix: &str) -> Result<Vec<(String, String)>, Error> {
        // Mostly there is nothing, and reading works on any disk.
        if self.recall_all(prefix)?.is_empty() {
            return Ok(Vec::new());
        }
        let sql = "DELETE FROM memory WHERE substr(key, 1, length(?1)) = ?1 RETURNING key, value";
        let take = || {
            let mut query = self.connection.prepare(sql)?;
            let rows = query.query_map([prefix], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<Result<Vec<(String, String)>, _>>()
        };
        let mut taken = take().map_err(|source| self.error(source))?;
        taken.sort_unstable();
        Ok(taken)
    }

    /// Forgets what is remembered under `key`.
    pub fn forget(&mut self, key: &str) -> Result<(), Error> {
        let done = self.connection.execute("DELETE FROM memory WHERE key = ?1", [key]);
        done.map(drop).map_err(|source| self.error(source))
    }
}
