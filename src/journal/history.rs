//! What was written down, read back, and what is old forgotten.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{OptionalExtension, params};

use super::{CHECKPOINT_AFTER, Error, Event, Journal, MOST_ROWS, time};
use crate::core::id::Id;

impl Journal {
    /// Forgets what is older than `keep` or more than [`MOST_ROWS`], and now and then makes what was written outlive
    /// a power loss. A journal that was removed meanwhile is begun anew.
    pub fn prune(&mut self, now: Timestamp, keep: Duration) -> Result<(), Error> {
        let keep = SignedDuration::try_from(keep).unwrap_or(SignedDuration::MAX);
        if !self.is_in_place() {
            self.begin_anew()?;
        }
        // Longer than time itself: there is nothing to forget.
        let Ok(oldest) = now.checked_sub(keep) else { return Ok(()) };
        self.prune_events(oldest, MOST_ROWS)?;
        self.prune_facts(oldest, MOST_ROWS)?;
        if self.written >= CHECKPOINT_AFTER {
            // Passive: nobody who reads is waited for. Where it can't be made now, the next one is.
            let checkpoint = self.connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)");
            checkpoint.map_err(|source| self.error(source))?;
            self.written = 0;
        }
        Ok(())
    }

    /// Forgets events from before `oldest`, and all but the last `most`.
    pub(super) fn prune_events(&mut self, oldest: Timestamp, most: i64) -> Result<(), Error> {
        let sql =
            "DELETE FROM event WHERE at < ?1 OR number <= (SELECT max(number) FROM event) - ?2";
        let forget = self.connection.execute(sql, params![time(oldest), most]);
        forget.map(drop).map_err(|source| self.error(source))
    }

    /// The last `limit` events, of one resource or of all, the oldest of them first.
    pub fn history(&self, id: Option<&Id>, limit: u32) -> Result<Vec<Event>, Error> {
        let sql = "SELECT number, at, kind, id, text FROM event
            WHERE ?1 IS NULL OR id = ?1 ORDER BY number DESC LIMIT ?2";
        let read = || {
            let mut query = self.connection.prepare(sql)?;
            let rows = query.query_map(params![id.map(Id::to_string), limit], event)?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        let mut events = read().map_err(|source| self.error(source))?;
        events.reverse();
        Ok(events)
    }

    /// The number of the last event; 0 where there is none.
    pub fn last_number(&self) -> Result<i64, Error> {
        let sql = "SELECT coalesce(max(number), 0) FROM event";
        let found = self.connection.query_row(sql, [], |row| row.get(0));
        found.map_err(|source| self.error(source))
    }

    /// The events after the one of `number`, the oldest first.
    pub fn since(&self, number: i64) -> Result<Vec<Event>, Error> {
        let sql = "SELECT number, at, kind, id, text FROM event WHERE number > ?1 ORDER BY number";
        let read = || {
            let mut query = self.connection.prepare(sql)?;
            let rows = query.query_map([number], event)?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        read().map_err(|source| self.error(source))
    }

    /// The last change of a resource that was made or failed.
    pub fn last_change(&self, id: &Id) -> Result<Option<Event>, Error> {
        let sql = "SELECT number, at, kind, id, text FROM event
            WHERE id = ?1 AND kind IN ('done', 'failed') ORDER BY number DESC LIMIT 1";
        let read = || self.connection.prepare(sql)?.query_row([id.to_string()], event).optional();
        read().map_err(|source| self.error(source))
    }
}

fn event(row: &rusqlite::Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        number: row.get(0)?,
        at: row.get(1)?,
        kind: row.get(2)?,
        id: row.get(3)?,
        text: row.get(4)?,
    })
}
