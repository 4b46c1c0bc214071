//! The limits of a service, and how we keep within them. Pure: the time is an argument.
//!
//! GitHub's: <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>: after 403 or 429,
//! what `retry-after` says; else the reset of the hour, when nothing of it remains; else a minute, and
//! longer each time. Whoever goes on asking may be banned. Netlify speaks in the same headers, of
//! minutes.

use std::time::Duration;

use jiff::Timestamp;

use super::Service;

/// The rest after a refusal that doesn't say how long.
const FIRST: Duration = Duration::from_mins(1);

/// The longest rest that grew out of refusals.
const GROWN: Duration = Duration::from_hours(1);

/// The longest rest that we let ourselves be told: a date in the far future is a mistake.
const LONGEST: Duration = Duration::from_hours(24);

/// One request of so many is left to others who use the same token: people, `gh`, other programs.
const OTHERS: u64 = 10;

/// What an answer says about limits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signs {
    /// The status of the answer.
    pub status: u16,
    /// `retry-after`: seconds, or a date.
    pub retry_after: Option<String>,
    /// `x-ratelimit-limit`: how many requests an hour has, or whatever the service counts by.
    pub limit: Option<u64>,
    /// `x-ratelimit-remaining`: how many of them are left.
    pub remaining: Option<u64>,
    /// `x-ratelimit-reset`: when the next hour begins, in seconds since 1970.
    pub reset: Option<i64>,
    /// Whether the message speaks of a rate limit.
    pub spoken: bool,
}

impl Signs {
    /// Whether the request was refused because of a limit.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        let sign = self.retry_after.is_some() || self.remaining == Some(0) || self.spoken;
        self.status == 429 || (self.status == 403 && sign)
    }

    fn reset(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.reset?).ok()
    }

    fn retry_after(&self, now: Timestamp) -> Option<Timestamp> {
        let text = self.retry_after.as_deref()?.trim();
        match text.parse::<u64>() {
            Ok(seconds) => Some(after(now, Duration::from_secs(seconds))),
            Err(_) => Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp()),
        }
    }
}

/// What is left of the hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// How many requests the hour has.
    pub limit: u64,
    /// How many of them are left, for everybody with this token.
    pub remaining: u64,
    /// When the next hour begins.
    pub reset: Timestamp,
}

/// A time in which nothing is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rest {
    /// When it ends.
    pub until: Timestamp,
    /// What it is for, in words.
    pub why: String,
}

/// What the answers so far say about limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    service: &'static Service,
    /// The last budget that an answer told, and when it did.
    budget: Option<(Timestamp, Budget)>,
    /// A rest, and when it began.
    rest: Option<(Timestamp, Rest)>,
    /// Refusals in a row.
    refusals: u32,
}

impl Limits {
    /// The limits of `service`, of which no answer has told yet.
    #[must_use]
    pub fn of(service: &'static Service) -> Self {
        Self { service, budget: None, rest: None, refusals: 0 }
    }

    /// Whether a request may be sent now. If not, the rest that is kept.
    pub fn may_ask(&self, now: Timestamp) -> Result<(), Rest> {
        // Where the clock was set back, one request more will tell.
        if let Some((since, rest)) = &self.rest
            && (*since..rest.until).contains(&now)
        {
            return Err(rest.clone());
        }
        if let Some((since, budget)) = self.budget
            && budget.remaining <= budget.limit.div_ceil(OTHERS)
        {
            let until = budget.reset.min(after(since, LONGEST));
            if (since..until).contains(&now) {
                let Budget { limit, remaining, .. } = budget;
                let article = if self.service.span == "hour" { "an" } else { "a" };
                let why = format!(
                    "of the {limit} requests that this token has in {article} {} {remaining} are \
                     left, and the last tenth is left to others",
                    self.service.span
                );
                return Err(Rest { until, why });
            }
        }
        Ok(())
    }

    /// Notes what an answer says.
    pub fn note(&mut self, signs: &Signs, now: Timestamp) {
        if let (Some(limit), Some(remaining), Some(reset)) =
            (signs.limit, signs.remaining, signs.reset())
        {
            self.budget = Some((now, Budget { limit, remaining, reset }));
        }
        if signs.is_refusal() {
            self.refusals = self.refusals.saturating_add(1);
            let (until, why) = self.rest_after(signs, now);
            let until = until.min(after(now, LONGEST));
            self.rest = Some((now, Rest { until, why }));
        } else if signs.status < 400 {
            self.refusals = 0;
            self.rest = None;
        }
    }

    /// How long to rest after the last of `self.refusals`.
    fn rest_after(&self, signs: &Signs, now: Timestamp) -> (Timestamp, String) {
        let (status, service) = (signs.status, self.service);
        if let Some(until) = signs.retry_after(now) {
            // Who is told the same again and again asks too much all the same.
            let least = match self.refusals {
                0 | 1 => Duration::from_secs(1),
                more => grown(more - 1),
            };
            let why = format!("{service} asked to wait that long ({status} with retry-after)");
            return (until.max(after(now, least)), why);
        }
        if let (Some(0), Some(reset)) = (signs.remaining, signs.reset()) {
            // By our clock the hour may be over already.
            let until = reset.max(after(now, FIRST));
            return (
                until,
                format!("all requests of this {} are used up ({status})", service.span),
            );
        }
        let times = self.refusals;
        let why = format!("{service} said that we ask too much ({status}, {times} times in a row)");
        (after(now, grown(times)), why)
    }

    /// What is left of the hour, where an answer has told it and the hour is not over.
    #[must_use]
    pub fn budget(&self, now: Timestamp) -> Option<Budget> {
        self.budget.map(|(_, it)| it).filter(|it| now < it.reset)
    }
}

/// A minute, and twice as long with each further refusal.
fn grown(refusals: u32) -> Duration {
    let doublings = refusals.saturating_sub(1).min(16);
    (FIRST * (1 << doublings)).min(GROWN)
}

fn after(at: Timestamp, rest: Duration) -> Timestamp {
    at.checked_add(rest).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::EXAMPLE;
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn seconds_of_rest(limits: &Limits, now: i64) -> Option<i64> {
        limits.may_ask(at(now)).err().map(|it| it.until.as_second() - at(now).as_second())
    }

    fn refused(status: u16) -> Signs {
        Signs { status, spoken: true, ..Signs::default() }
    }

    fn budget(status: u16, limit: u64, remaining: u64, reset: i64) -> Signs {
        Signs {
            status,
            limit: Some(limit),
            remaining: Some(remaining),
            reset: Some(at(reset).as_second()),
            ..Signs::default()
        }
    }

    #[test]
    fn retry_after_is_obeyed_in_both_forms() {
        for (text, rest) in [
            ("120", Some(120)),
            ("0", Some(1)),
            ("Tue, 14 Nov 2023 22:15:00 GMT", Some(100)),
            ("Tue, 14 Nov 2000 22:15:00 GMT", Some(1)),
            ("99999999999999", Some(86_400)),
            ("soon", Some(60)),
        ] {
            let mut limits = Limits::of(&EXAMPLE);
            let signs =
                Signs { status: 429, retry_after: Some(text.to_owned()), ..Signs::default() };
            limits.note(&signs, at(0));
            assert_eq!(seconds_of_rest(&limits, 0), rest, "{text}");
        }
    }

    #[test]
    fn an_hour_that_is_used_up_rests_until_the_next() {
        let mut limits = Limits::of(&EXAMPLE);
        limits.note(&budget(403, 5000, 0, 1800), at(0));
        assert_eq!(seconds_of_rest(&limits, 0), Some(1800));
        assert_eq!(seconds_of_rest(&limits, 1799), Some(1));
        assert_eq!(seconds_of_rest(&limits, 1800), None);
        // By our clock that hour was over already.
        limits.note(&budget(403, 5000, 0, 1800), at(2000));
        assert_eq!(seconds_of_rest(&limits, 2000), Some(60));
    }

    #[test]
    fn a_refusal_without_a_time_rests_longer_each_time_and_an_hour_at_most() {
        let mut limits = Limits::of(&EXAMPLE);
        let rests: Vec<_> = (0..8)
            .map(|n| {
                limits.note(&refused(403), at(n));
                seconds_of_rest(&limits, n).unwrap()
            })
            .collect();
        assert_eq!(rests, [60, 120, 240, 480, 960, 1920, 3600, 3600]);
        // A broken answer says nothing about limits; a good one ends the row.
        limits.note(&Signs { status: 502, ..Signs::default() }, at(9));
        assert!(seconds_of_rest(&limits, 9).is_some());
        limits.note(&Signs { status: 200, ..Signs::default() }, at(10));
        limits.note(&refused(403), at(11));
        assert_eq!(seconds_of_rest(&limits, 11), Some(60));
    }

    #[test]
    fn a_403_without_any_sign_is_no_limit() {
        assert!(!Signs { status: 403, ..Signs::default() }.is_refusal());
        assert!(!budget(403, 5000, 4000, 60).is_refusal());
        assert!(Signs { status: 429, ..Signs::default() }.is_refusal());
    }

    #[test]
    fn the_last_tenth_of_the_hour_is_left_to_others() {
        let mut limits = Limits::of(&EXAMPLE);
        limits.note(&budget(200, 1000, 101, 600), at(0));
        assert_eq!(seconds_of_rest(&limits, 0), None);
        limits.note(&budget(304, 1000, 100, 600), at(0));
        assert_eq!(seconds_of_rest(&limits, 0), Some(600));
        assert_eq!(limits.budget(at(0)).map(|it| it.remaining), Some(100));
        assert_eq!(seconds_of_rest(&limits, 600), None);
        assert_eq!(limits.budget(at(600)), None);
        // An answer without headers, as of GitHub Enterprise, changes nothing.
        limits.note(&Signs { status: 200, ..Signs::default() }, at(1));
        assert_eq!(seconds_of_rest(&limits, 1), Some(599));
    }

    #[test]
    fn a_clock_that_was_set_back_ends_the_rest() {
        let mut limits = Limits::of(&EXAMPLE);
        limits.note(&refused(429), at(1000));
        assert_eq!(seconds_of_rest(&limits, 1000), Some(60));
        assert_eq!(seconds_of_rest(&limits, 0), None);
    }

    proptest! {
        /// Whatever a service or what pretends to be it says, a rest begins after a refusal, and it ends.
        #[test]
        fn every_rest_begins_and_ends(
            status in prop_oneof![Just(403_u16), Just(429)],
            retry_after in proptest::option::of("[0-9]{1,20}|[ -~]{0,30}"),
            remaining in proptest::option::of(any::<u64>()),
            reset in proptest::option::of(any::<i64>()),
            limit in proptest::option::of(any::<u64>()),
            rounds in 1..40_i64,
        ) {
            let mut limits = Limits::of(&EXAMPLE);
            let signs = Signs { status, retry_after, limit, remaining, reset, spoken: true };
            for now in 0..rounds {
                limits.note(&signs, at(now));
                prop_assert!(limits.may_ask(at(now)).is_err());
                prop_assert!(seconds_of_rest(&limits, now).is_some_and(|it| it <= 86_400));
                prop_assert!(limits.may_ask(at(now + 86_401)).is_ok());
            }
        }
    }
}
