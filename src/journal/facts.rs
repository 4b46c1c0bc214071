//! What a watch writes down for reports: its sessions, and in each of them what changed.
//!
//! A journal of an older version has none of it, and an older version passes it by.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{Error, Journal, time};
use crate::core::{
    chronicle::Fact,
    id::Id,
    report::{Period, Record, Row, Session},
    span::after,
};

/// How many facts wait at most to be written. Where there are more, the session ends before them.
const MOST_WAITING: usize = 50_000;

/// How often old facts are forgotten.
const PRUNE_EVERY: Duration = Duration::from_hours(1);

/// Facts of resources, each with its time.
type Dated = Vec<(Timestamp, Id, Fact)>;

/// What is to be written.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// The session that goes on.
    session: Option<Open>,
    /// What belongs to sessions that are over, and to the one that goes on.
    waiting: Vec<(Open, Dated)>,
    /// How many facts that are.
    count: usize,
}

/// A session that is being written.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Open {
    /// What it is called, and no other one: by whom it is written, and since when.
    name: String,
    began: Timestamp,
    looked: Timestamp,
}

impl Facts {
    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Writes all of it.
    pub(super) fn insert(&self, to: &Transaction<'_>) -> rusqlite::Result<()> {
        for (session, facts) in &self.waiting {
            let sql = "INSERT INTO session (name, began, looked) VALUES (?1, ?2, ?3)
                ON CONFLICT (name) DO UPDATE SET looked = max(looked, excluded.looked)";
            let (began, looked) = (time(session.began), time(session.looked));
            to.prepare(sql)?.execute(params![session.name, began, looked])?;
            let sql = "INSERT INTO fact (session, at, id, word, what)
                SELECT number, ?2, ?3, ?4, ?5 FROM session WHERE name = ?1";
            let mut insert = to.prepare(sql)?;
            for (at, id, fact) in facts {
                let what = serde_json::to_string(fact)
                    .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
                let row = params![session.name, time(*at), id.to_string(), fact.word(), what];
                insert.execute(row)?;
            }
        }
        Ok(())
    }

    /// Notes that all of it was written.
    pub(super) fn written(&mut self) {
        self.waiting.clear();
        self.count = 0;
    }

    fn note(&mut self, facts: Dated) {
        let Some(session) = &self.session else { return };
        self.count = self.count.saturating_add(facts.len());
        match self.waiting.last_mut() {
            Some((last, its)) if last.name == session.name => {
                *last = session.clone();
                its.extend(facts);
            }
            _ => self.waiting.push((session.clone(), facts)),
        }
    }
}

impl Journal {
    /// Begins a session, at `now`. It is written with the next entries, as all that follows of it.
    pub fn begin_session(&mut self, now: Timestamp) {
        let name = format!("{} {}", std::process::id(), now);
        self.facts.session = Some(Open { name, began: now, looked: now });
        self.facts.note(Vec::new());
    }

    /// Notes what there is to write of a look at `now`, also where that is only that somebody looked. False where too
    /// much waits to be written: then that is forgotten, and another session has to begin.
    #[must_use]
    pub fn note_facts(&mut self, facts: Vec<(Id, Fact)>, now: Timestamp) -> bool {
        let Some(session) = &mut self.facts.session else { return false };
        session.looked = session.looked.max(now);
        if self.facts.count.saturating_add(facts.len()) > MOST_WAITING {
            self.facts = Facts::default();
            return false;
        }
        self.facts.note(facts.into_iter().map(|(id, fact)| (now, id, fact)).collect());
        true
    }

    /// What was written of `period` and of what was so when it began.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn record(&self, period: Period) -> Result<Record, Error> {
        let read = || {
            let sql = "SELECT count(*) FROM sqlite_schema WHERE name IN ('session', 'fact')";
            if self.connection.query_row(sql, [], |row| row.get::<_, i64>(0))? < 2 {
                return Ok(Record::default());
            }
            let mut record = Record::default();
            // Later ones too: one whose clock was wrong gives way to what came after it.
            let sql = "SELECT number, began, looked FROM session
                WHERE number >= (SELECT coalesce(min(number), 0) FROM session WHERE looked >= ?1)
                ORDER BY number";
            let from = time(period.from());
            read_rows(&self.connection, sql, &[&from], |row| {
                let (began, looked): (String, String) = (row.get(1)?, row.get(2)?);
                match (parsed(&began), parsed(&looked)) {
                    (Some(began), Some(looked)) => {
                        let number = row.get(0)?;
                        record.sessions.push(Session { number, began, looked });
                    }
                    _ => record.unread += 1,
                }
                Ok(())
            })?;
            let Some(first) = record.sessions.first().map(|it| it.number) else {
                return Ok(record);
            };
            // In the order in which they were written.
            let sql = "SELECT session, at, id, what FROM (
                SELECT * FROM fact WHERE session >= ?1 AND at >= ?2
                UNION ALL
                SELECT * FROM fact WHERE number IN (
                    SELECT max(number) FROM fact
                    WHERE session >= ?1 AND at < ?2 AND word IN ('state', 'gone')
                    GROUP BY session, id)
                ) ORDER BY number";
            read_rows(&self.connection, sql, &[&first, &from], |row| {
                let (at, id): (String, String) = (row.get(1)?, row.get(2)?);
                let what: String = row.get(3)?;
                match (parsed(&at), parsed(&id), serde_json::from_str(&what)) {
                    (Some(at), Some(id), Ok(fact)) => {
                        record.rows.push(Row { session: row.get(0)?, at, id, fact });
                    }
                    // A newer version wrote it.
                    _ => record.unread += 1,
                }
                Ok(())
            })?;
            let sql = "SELECT DISTINCT id FROM fact
                WHERE word = 'state' AND json_extract(what, '$.exercised')";
            read_rows(&self.connection, sql, &[], |row| {
                record.exercised.extend(parsed::<Id>(&row.get::<_, String>(0)?));
                Ok(())
            })?;
            Ok(record)
        };
        read().map_err(|source| self.error(source))
    }

    /// Forgets what was written before `oldest`, but for what was so then. All rows are gone through for it, so it
    /// does so once an hour. Where there are twice as many as `most`, it does so at once, and forgets what was
    /// written before the last `most` of them.
    pub(super) fn prune_facts(&mut self, oldest: Timestamp, most: i64) -> Result<(), Error> {
        let before = self.facts_pruned.filter(|it| *it <= oldest);
        let last = self.last_facts(most).map_err(|source| self.error(source))?;
        if last.is_none() && before.is_some_and(|it| oldest < after(it, PRUNE_EVERY)) {
            return Ok(());
        }
        self.facts_pruned = Some(oldest);
        let oldest = last.into_iter().fold(time(oldest), String::max);
        let prune = || {
            let sql =
                "DELETE FROM fact WHERE session IN (SELECT number FROM session WHERE looked < ?1)";
            self.connection.execute(sql, [&oldest])?;
            self.connection.execute("DELETE FROM session WHERE looked < ?1", [&oldest])?;
            let sql = "DELETE FROM fact WHERE at < ?1 AND number NOT IN (
                SELECT max(number) FROM fact WHERE at < ?1 AND word IN ('state', 'gone')
                GROUP BY session, id)";
            self.connection.execute(sql, [&oldest])
        };
        prune().map(drop).map_err(|source| self.error(source))
    }

    /// When the last `most` facts begin, where there are twice as many.
    fn last_facts(&self, most: i64) -> rusqlite::Result<Option<String>> {
        let sql = "SELECT count(*) FROM fact";
        if self.connection.query_row(sql, [], |row| row.get::<_, i64>(0))? < most.saturating_mul(2)
        {
            return Ok(None);
        }
        let sql = "SELECT at FROM fact ORDER BY number DESC LIMIT 1 OFFSET ?1";
        self.connection.query_row(sql, [most], |row| row.get(0)).optional()
    }
}

fn read_rows(
    connection: &Connection,
    sql: &str,
    with: &[&dyn rusqlite::ToSql],
    mut take: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut query = connection.prepare(sql)?;
    let mut rows = query.query(with)?;
    while let Some(row) = rows.next()? {
        take(row)?;
    }
    Ok(())
}

fn parsed<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

#[cfg(test)]
mod tests;
