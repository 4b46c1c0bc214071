//! How something did through a time, in parts of it, the oldest first: what is drawn from left to right.

use serde::Serialize;

use super::health::Health;

/// Into so many parts a time is divided.
pub const PARTS: usize = 96;

/// The parts of a time. Written as text it is a letter for each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct Strip(pub [Health; PARTS]);

impl Strip {
    /// The same in at most `width` parts, each as bad as the worst of those that it stands for.
    #[must_use]
    pub fn in_parts(&self, width: usize) -> Vec<Health> {
        let width = width.min(PARTS);
        let part = |n: usize| {
            let parts = &self.0[n * PARTS / width..(n + 1) * PARTS / width];
            parts.iter().copied().max_by_key(|it| badness(*it)).unwrap_or(Health::Unknown)
        };
        (0..width).map(part).collect()
    }
}

impl Default for Strip {
    /// Nobody saw anything.
    fn default() -> Self {
        Self([Health::Unknown; PARTS])
    }
}

impl From<Strip> for String {
    fn from(strip: Strip) -> Self {
        let letter = |it: &Health| match it {
            Health::Healthy => 'h',
            Health::Stopped => 's',
            Health::Unknown => '?',
            Health::Unhealthy => 'u',
            Health::Failed => 'f',
        };
        strip.0.iter().map(letter).collect()
    }
}

/// Off on purpose tells the least.
fn badness(health: Health) -> u8 {
    match health {
        Health::Stopped => 0,
        Health::Healthy => 1,
        Health::Unknown => 2,
        Health::Unhealthy => 3,
        Health::Failed => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_of_several_is_the_worst_and_never_that_it_was_off() {
        use Health::{Failed, Healthy, Stopped, Unhealthy, Unknown};
        let order = [Stopped, Healthy, Unknown, Unhealthy, Failed];
        for (index, worst) in order.into_iter().enumerate() {
            let mut strip = Strip([Stopped; PARTS]);
            strip.0[..=index].copy_from_slice(&order[..=index]);
            assert_eq!(strip.in_parts(1), [worst]);
            let letters = String::from(strip);
            assert_eq!(letters, format!("{:s<PARTS$}", &"sh?uf"[..=index]));
        }
    }

    #[test]
    fn fewer_parts_hide_nothing_that_is_bad() {
        let mut strip = Strip([Health::Healthy; PARTS]);
        strip.0[10] = Health::Failed;
        strip.0[50] = Health::Unknown;
        for width in [1, 2, 24, 47, 48, 95, 96, 200] {
            let parts = strip.in_parts(width);
            assert_eq!(parts.len(), width.min(PARTS));
            assert_eq!(parts.iter().filter(|it| **it == Health::Failed).count(), 1, "{width}");
        }
        assert_eq!(strip.in_parts(2), [Health::Failed, Health::Unknown]);
        assert!(strip.in_parts(0).is_empty());
        assert_eq!(String::from(Strip::default()), "?".repeat(PARTS));
    }
}
