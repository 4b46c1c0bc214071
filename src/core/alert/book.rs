//! What was told, and what is to be told next.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Alert, Key, Kind, Level, Message, Severity, What};
use crate::core::span::{after, signed};

/// The time within which only so many messages are sent.
const HOUR: Duration = Duration::from_hours(1);

/// How long what could not be delivered is remembered after the last time.
const REMEMBERED: Duration = Duration::from_hours(7 * 24);

/// How often things are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The time after which what is still so is told again.
    pub remind_every: Duration,
    /// The most messages within an hour, at least one.
    pub at_most: u32,
    /// How long something has to be over before that is told. What comes back within that time was
    /// never over.
    pub calm: Duration,
}

/// All that was told and is not over. It outlives the controller, so that one that is restarted tells
/// nothing twice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Book {
    open: BTreeMap<Key, Open>,
    /// What happened and has no end.
    events: BTreeMap<Key, Event>,
    /// When messages were sent within the last hour, the oldest first.
    sent: Vec<Timestamp>,
    /// How many were not sent because there were too many, and nobody knows it yet.
    unsent: u32,
    /// Whether a controller is running, or was when it was last heard of.
    running: bool,
    /// What could not be delivered, by the name of the sink.
    lost: BTreeMap<String, Loss>,
}

/// An alert that is not over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// What is so.
    #[serde(flatten)]
    pub alert: Alert,
    /// When it was told last, or would have been if not for the limit.
    pub told_at: Option<Timestamp>,
    /// Whether it was told.
    pub told: bool,
    /// Since when it is over, if it is; not told yet.
    pub over_since: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Event {
    told_at: Timestamp,
    /// How often it happened again, and was not told.
    again: u32,
}

/// What could not be delivered to a sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// How many messages.
    pub messages: u64,
    /// When the last one was given up.
    pub at: Timestamp,
    /// Why.
    pub why: String,
}

impl Book {
    /// Notes that a controller begins. Whether the last one ended without saying so.
    pub fn begin(&mut self) -> bool {
        std::mem::replace(&mut self.running, true)
    }

    /// Notes that the controller ends as it should.
    pub fn end(&mut self) {
        self.running = false;
    }

    /// What is so and not over, the worst first.
    #[must_use]
    pub fn open(&self, now: Timestamp) -> Vec<&Open> {
        let is_open = |it: &&Open| it.told_at.is_some() || it.alert.has_lasted(now);
        let mut open: Vec<&Open> = self.open.values().filter(is_open).collect();
        open.sort_by_key(|it| (std::cmp::Reverse(it.alert.severity), it.alert.since));
        open
    }

    /// Notes that nobody heard of what was told, as there was nobody to hear it: whoever comes is told
    /// all that is open then.
    pub fn was_not_heard(&mut self) {
        for open in self.open.values_mut() {
            (open.told_at, open.told) = (None, false);
        }
        self.sent.clear();
        self.unsent = 0;
    }

    /// How many messages were not sent because there were too many, since that was last told.
    #[must_use]
    pub fn unsent(&self) -> u32 {
        self.unsent
    }

    /// What could not be delivered, by the name of the sink.
    #[must_use]
    pub fn lost(&self) -> &BTreeMap<String, Loss> {
        &self.lost
    }

    /// Notes that `messages` more could not be delivered to a sink.
    pub fn note_lost(&mut self, sink: &str, messages: u64, why: String, now: Timestamp) {
        let before = self.lost.get(sink).map_or(0, |it| it.messages);
        let loss = Loss { messages: before.saturating_add(messages), at: now, why };
        self.lost.insert(sink.to_owned(), loss);
    }

    /// Takes what is so now into account, and what happened since; what is to be told, in the order in
    /// which it should be.
    pub fn tell(
        &mut self,
        level: Level<'_>,
        events: Vec<Alert>,
        policy: &Policy,
        now: Timestamp,
    ) -> Vec<Message> {
        self.set_back(now);
        self.sent.retain(|at| now.duration_since(*at) < signed(HOUR));
        let Level { alerts, is_unknown } = level;
        let mut is_so: BTreeMap<Key, Alert> =
            alerts.into_iter().map(|it| (it.key.clone(), it)).collect();
        for (key, open) in &mut self.open {
            match is_so.remove(key) {
                Some(alert) => {
                    open.alert = Alert { since: open.alert.since, ..alert };
                    open.over_since = None;
                }
                None if is_unknown(key) => open.over_since = None,
                None => {
                    open.over_since.get_or_insert(now);
                }
            }
        }
        for (key, alert) in is_so {
            let alert = Alert { since: alert.since.min(now), ..alert };
            self.open.insert(key, Open { alert, told_at: None, told: false, over_since: None });
        }
        let mut due = self.resolved(policy, now);
        let mut events: Vec<Alert> =
            events.into_iter().filter_map(|it| self.note_event(it, policy, now)).collect();
        events.sort_by_key(|it| std::cmp::Reverse(it.severity));
        due.extend(events.into_iter().map(|it| (What::Event, it)));
        due.extend(self.due(policy, now));
        let mut messages = Vec::new();
        for (what, alert) in due {
            let is_sent = self.may_send(policy, now);
            if matches!(what, What::Firing | What::Reminder)
                && let Some(open) = self.open.get_mut(&alert.key)
            {
                open.told_at = Some(now);
                open.told |= is_sent;
            }
            if is_sent {
                let more = std::mem::take(&mut self.unsent);
                messages.push(Message { what, alert, at: now, more });
            } else {
                self.unsent = self.unsent.saturating_add(1);
            }
        }
        if self.unsent > 0 && self.may_send(policy, now) {
            let alert = Alert {
                key: Key::new(Kind::More, ""),
                severity: Severity::Critical,
                text:
                    "there was more to tell than may be told within an hour; `redundancy alerts` \
                       lists what is open"
                        .to_owned(),
                since: now,
            };
            let more = std::mem::take(&mut self.unsent);
            messages.push(Message { what: What::Event, alert, at: now, more });
        }
        messages
    }

    /// When there may be something to tell by the clock alone.
    #[must_use]
    pub fn wake_at(&self, policy: &Policy, now: Timestamp) -> Option<Timestamp> {
        let of_open = |it: &Open| match (it.over_since, it.told_at) {
            (Some(since), _) => after(since, policy.calm),
            (None, Some(at)) => after(at, policy.remind_every),
            (None, None) => after(it.alert.since, it.alert.key.kind.patience()),
        };
        let room = (self.unsent > 0).then(|| self.sent.first().map(|at| after(*at, HOUR)));
        let open = self.open.values().filter(|it| !self.is_worse(&it.alert.key)).map(of_open);
        let times = open.chain(room.flatten());
        times.filter(|it| *it > now).min()
    }

    /// Whether one more message may be sent now; then it counts as sent.
    fn may_send(&mut self, policy: &Policy, now: Timestamp) -> bool {
        let may = self.sent.len() < usize::try_from(policy.at_most).unwrap_or(usize::MAX);
        if may {
            self.sent.push(now);
        }
        may
    }

    /// Takes out what has been over for long enough. What was never told is not worth a word.
    fn resolved(&mut self, policy: &Policy, now: Timestamp) -> Vec<(What, Alert)> {
        let is_over = |it: &Open| {
            it.over_since.is_some_and(|since| now.duration_since(since) >= signed(policy.calm))
        };
        let over: Vec<Key> =
            self.open.iter().filter(|(_, it)| is_over(it)).map(|(key, _)| key.clone()).collect();
        let over = over.iter().filter_map(|key| self.open.remove(key)).filter(|it| it.told);
        over.map(|it| (What::Resolved, it.alert)).collect()
    }

    /// What is so and has to be told, the worst first.
    fn due(&self, policy: &Policy, now: Timestamp) -> Vec<(What, Alert)> {
        let what = |it: &Open| match it.told_at {
            _ if it.over_since.is_some() || self.is_worse(&it.alert.key) => None,
            None => it.alert.has_lasted(now).then_some(What::Firing),
            Some(at) if now.duration_since(at) < signed(policy.remind_every) => None,
            Some(_) if it.told => Some(What::Reminder),
            Some(_) => Some(What::Firing),
        };
        let due = self.open.values().filter_map(|it| Some((what(it)?, it.alert.clone())));
        let mut due: Vec<(What, Alert)> = due.collect();
        due.sort_by_key(|(_, it)| (std::cmp::Reverse(it.severity), it.since));
        due
    }

    /// Whether worse is told of the same.
    fn is_worse(&self, key: &Key) -> bool {
        key.kind == Kind::Unwell && self.open.contains_key(&Key::new(Kind::Failed, &key.about))
    }

    /// An event, unless the same one was told a short while ago: then it is only counted.
    fn note_event(&mut self, alert: Alert, policy: &Policy, now: Timestamp) -> Option<Alert> {
        let before = self.events.get_mut(&alert.key);
        let again = match before {
            Some(it) if now.duration_since(it.told_at) < signed(policy.remind_every) => {
                it.again = it.again.saturating_add(1);
                return None;
            }
            Some(it) => it.again,
            None => 0,
        };
        self.events.insert(alert.key.clone(), Event { told_at: now, again: 0 });
        let text = match again {
            0 => alert.text,
            again => format!("{} (and {again} times since it was last told)", alert.text),
        };
        Some(Alert { text, ..alert })
    }

    /// Where the clock was set back, what is yet to come by it happened just now. What was lost long
    /// ago is forgotten.
    fn set_back(&mut self, now: Timestamp) {
        for open in self.open.values_mut() {
            open.alert.since = open.alert.since.min(now);
            open.told_at = open.told_at.map(|it| it.min(now));
            open.over_since = open.over_since.map(|it| it.min(now));
        }
        for event in self.events.values_mut() {
            event.told_at = event.told_at.min(now);
        }
        for at in &mut self.sent {
            *at = (*at).min(now);
        }
        for loss in self.lost.values_mut() {
            loss.at = loss.at.min(now);
        }
        self.lost.retain(|_, it| now.duration_since(it.at) < signed(REMEMBERED));
    }
}
