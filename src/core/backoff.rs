//! Backoff: how long something that keeps failing rests before it is tried again.

use std::time::Duration;

/// Exponential backoff: nothing after the first failure of a row, then `initial`, then `factor`
/// times as long after each further one, never more than `max`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    /// The rest after the second failure in a row.
    pub initial: Duration,
    /// How much longer each further rest is; at least 1.
    pub factor: f64,
    /// The longest rest.
    pub max: Duration,
}

impl Backoff {
    /// The rest after `failures` failures in a row.
    #[must_use]
    pub fn rest(&self, failures: u32) -> Duration {
        let Some(doublings) = failures.checked_sub(2) else { return Duration::ZERO };
        if self.initial.is_zero() {
            // However often that is multiplied, also by what is no number any more.
            return Duration::ZERO;
        }
        let growth = self.factor.powi(i32::try_from(doublings).unwrap_or(i32::MAX));
        let rest = Duration::try_from_secs_f64(self.initial.as_secs_f64() * growth);
        rest.unwrap_or(self.max).min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rests_grow_to_the_limit() {
        let second = Duration::from_secs(1);
        let backoff = Backoff { initial: second, factor: 2.0, max: 5 * second };
        let rests: Vec<u64> = (0..7).map(|n| backoff.rest(n).as_secs()).collect();
        assert_eq!(rests, [0, 0, 1, 2, 4, 5, 5]);
        let none = Backoff { initial: Duration::ZERO, ..backoff };
        assert_eq!([3, 2000, u32::MAX].map(|it| none.rest(it)), [Duration::ZERO; 3]);
    }

    proptest! {
        #[test]
        fn a_rest_never_shrinks_and_never_exceeds_the_limit(
            initial in 0u64..10_000, factor in 1.0f64..100.0, max in 0u64..1_000_000, n in any::<u32>(),
        ) {
            let ms = Duration::from_millis;
            let backoff = Backoff { initial: ms(initial), factor, max: ms(max) };
            prop_assert!(backoff.rest(n) <= backoff.max);
            prop_assert!(backoff.rest(n) <= backoff.rest(n.saturating_add(1)));
        }
    }
}
