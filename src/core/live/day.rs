//! How resources did in the last day: the worst that was seen of each in every half hour.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::core::{health::Health, id::Id};

/// Into so many parts a day is divided.
pub const PARTS: usize = 48;

/// How long a part is, in seconds.
const PART: i64 = 24 * 3600 / 48;

/// A day, the oldest part first. A part in which nobody looked is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Strip(pub [Option<Health>; PARTS]);

impl Strip {
    /// The same in `width` parts, each as bad as the worst of those that it stands for.
    #[must_use]
    pub fn in_parts(&self, width: usize) -> Vec<Option<Health>> {
        let width = width.min(PARTS);
        let part = |n: usize| {
            let parts = &self.0[n * PARTS / width..(n + 1) * PARTS / width];
            parts.iter().copied().flatten().max_by_key(|it| badness(*it))
        };
        (0..width).map(part).collect()
    }
}

impl Default for Strip {
    fn default() -> Self {
        Self([None; PARTS])
    }
}

impl From<Strip> for String {
    fn from(strip: Strip) -> Self {
        let letter = |it: &Option<Health>| match it {
            None => '-',
            Some(Health::Healthy) => 'h',
            Some(Health::Stopped) => 's',
            Some(Health::Unknown) => '?',
            Some(Health::Unhealthy) => 'u',
            Some(Health::Failed) => 'f',
        };
        strip.0.iter().map(letter).collect()
    }
}

impl TryFrom<String> for Strip {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let health = |it: char| match it {
            '-' => Ok(None),
            'h' => Ok(Some(Health::Healthy)),
            's' => Ok(Some(Health::Stopped)),
            '?' => Ok(Some(Health::Unknown)),
            'u' => Ok(Some(Health::Unhealthy)),
            'f' => Ok(Some(Health::Failed)),
            _ => Err(format!("{it:?} is no letter for a health")),
        };
        let parts = text.chars().map(health).collect::<Result<Vec<_>, _>>()?;
        let count = parts.len();
        let parts =
            parts.try_into().map_err(|_| format!("a day has {PARTS} parts, not {count}"))?;
        Ok(Self(parts))
    }
}

/// Of two that were seen in the same half hour the worse one is kept. Off on purpose tells the least.
fn badness(health: Health) -> u8 {
    match health {
        Health::Stopped => 0,
        Health::Healthy => 1,
        Health::Unknown => 2,
        Health::Unhealthy => 3,
        Health::Failed => 4,
    }
}

/// A day that goes on.
#[derive(Debug)]
struct Day {
    /// The number of the last part, counted since 1970.
    last: i64,
    strip: Strip,
}

impl Day {
    /// Goes on to the part of the number `to`. A clock that was set back a little goes on in the last part.
    fn go_on(&mut self, to: i64) {
        let parts = i64::try_from(PARTS).unwrap_or(i64::MAX);
        let by = to - self.last;
        if by >= parts || by <= -parts {
            self.strip = Strip::default();
        } else if let Ok(by) = usize::try_from(by) {
            self.strip.0.rotate_left(by);
            self.strip.0[PARTS - by..].fill(None);
        } else {
            return;
        }
        self.last = to;
    }
}

/// The last day of each resource.
#[derive(Debug, Default)]
pub struct Days(BTreeMap<Id, Day>);

impl Days {
    /// Notes how a resource does now.
    pub fn note(&mut self, id: &Id, health: Health, now: Timestamp) {
        let part = now.as_second().div_euclid(PART);
        if !self.0.contains_key(id) {
            self.0.insert(id.clone(), Day { last: part, strip: Strip::default() });
        }
        let Some(day) = self.0.get_mut(id) else { return };
        day.go_on(part);
        let kept = &mut day.strip.0[PARTS - 1];
        if kept.is_none_or(|it| badness(it) < badness(health)) {
            *kept = Some(health);
        }
    }

    /// The last day of a resource.
    #[must_use]
    pub fn of(&self, id: &Id) -> Strip {
        self.0.get(id).map(|it| it.strip.clone()).unwrap_or_default()
    }

    /// Forgets what was not seen for a day.
    pub fn prune(&mut self, now: Timestamp) {
        let part = now.as_second().div_euclid(PART);
        let parts = i64::try_from(PARTS).unwrap_or(i64::MAX);
        self.0.retain(|_, day| (part - day.last).abs() < parts);
    }
}
