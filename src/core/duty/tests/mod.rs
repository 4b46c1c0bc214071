//! What duty does where the model does not go: rules that differ, times that are long, and what a
//! person says. All of it through [`step`], but for `parts`.

mod moves;
mod news;
mod parts;
mod sights;
mod stops;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};

use super::*;
use crate::core::evidence::Patience;
use Side::{Backup, Primary};

const WELL: Sight = Sight::Well { crashes: 0, proven: true };
const UNPROVEN: Sight = Sight::Well { crashes: 0, proven: false };

fn ill(occasion: i64) -> Sight {
    let occasion = Timestamp::from_second(occasion).unwrap();
    Sight::Ill { occasion, proven: true, how: "hangs".to_owned() }
}

fn lost() -> Sight {
    Sight::Lost { how: "was given up".to_owned() }
}

fn rules() -> Rules {
    Rules {
        exclusive: true,
        controls_primary: true,
        patience: Patience { fall: 3, calm: Duration::from_secs(30) },
        settle: Duration::from_secs(10),
        hold: Duration::from_mins(5),
        hand_back: HandBack::Auto,
        budget: 3,
        window: Duration::from_hours(1),
        fence: Duration::from_mins(1),
    }
}

/// A pair, and what was told of it.
#[derive(Clone)]
struct Pair {
    duty: Duty,
    rules: Rules,
    now: Timestamp,
    look: Look,
    news: Vec<News>,
}

impl Pair {
    fn new(rules: Rules) -> Self {
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        let sight = Both { primary: WELL, backup: Sight::Off };
        let look =
            Look { sight, settled: true, storm: false, paused: false, precheck: None, asked: None };
        let mut pair = Self { duty: Duty::new(now), rules, now, look, news: Vec::new() };
        pair.see(0, WELL, Sight::Off);
        assert_eq!(pair.duty.phase, Phase::On(Primary));
        pair
    }

    /// One look, so many seconds after the last one.
    fn see(&mut self, seconds: i64, primary: Sight, backup: Sight) -> Phase {
        self.now += SignedDuration::from_secs(seconds);
        self.look.sight = Both { primary, backup };
        let (duty, news) = step(self.duty.clone(), &self.rules, &self.look, self.now);
        self.look.asked = None;
        self.duty = duty;
        self.news.extend(news);
        self.duty.phase
    }

    fn ask(&mut self, asked: Asked, primary: Sight, backup: Sight) -> Phase {
        self.look.asked = Some(asked);
        self.see(1, primary, backup)
    }

    fn wants(&self, side: Side) -> Want {
        self.duty.wants(side, &self.rules, &self.look)
    }

    /// The primary fails, and the backup comes on duty.
    fn fail_over(&mut self) {
        let begun = self.now.as_second();
        assert_eq!(self.see(1, ill(begun), Sight::Off), Phase::Fence(Primary));
        self.arrive(Backup);
    }

    /// The one that goes off duty stops, and the other one starts and does well.
    fn arrive(&mut self, side: Side) {
        let sights = |side: Side, sight: Sight| match side {
            Primary => (sight, Sight::Off),
            Backup => (Sight::Off, sight),
        };
        for (seconds, sight, phase) in [
            (1, Sight::Off, Phase::Start(side)),
            (1, WELL, Phase::Start(side)),
            (10, WELL, Phase::On(side)),
        ] {
            let (primary, backup) = sights(side, sight);
            assert_eq!(self.see(seconds, primary, backup), phase);
        }
    }

    fn hold(&self) -> SignedDuration {
        self.duty.hold_ends_at(&self.rules).unwrap().duration_since(self.duty.since)
    }

    /// The hold passes, and the primary has duty again.
    fn hand_back(&mut self) {
        let hold = self.hold().as_secs();
        assert_eq!(self.see(hold - 1, Sight::Off, WELL), Phase::On(Backup));
        assert_eq!(self.see(1, Sight::Off, WELL), Phase::Fence(Backup));
        self.arrive(Primary);
    }

    fn restart(&mut self) {
        self.duty = self.duty.clone().recovered(self.now);
    }
}

/// A pair whose backup has been on duty for longer than any hold.
fn on_backup(rules: Rules) -> Pair {
    let mut pair = Pair::new(Rules { hand_back: HandBack::Never, ..rules.clone() });
    pair.fail_over();
    assert_eq!(pair.see(7 * 3600, Sight::Off, WELL), Phase::On(Backup));
    pair.rules = rules;
    pair.news.clear();
    pair
}
