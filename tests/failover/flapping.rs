//! What fails and is well again all the time, in the pure rules alone.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use redundancy::core::{
    duty::{Both, Duty, HandBack, Look, Phase, Rules, Side, step},
    evidence::{Patience, Sight},
};

fn rules() -> Rules {
    let second = Duration::from_secs(1);
    Rules {
        exclusive: true,
        controls_primary: true,
        patience: Patience { fall: 2, calm: second },
        settle: second,
        hold: second,
        hand_back: HandBack::Manual,
        budget: 50,
        window: Duration::from_hours(1),
        fence: Duration::from_secs(20),
    }
}

const WELL: Sight = Sight::Well { crashes: 0 };

/// A pair and its clock.
struct World {
    duty: Duty,
    now: Timestamp,
}

impl World {
    fn see(&mut self, primary: Sight, backup: Sight) {
        self.now += SignedDuration::from_secs(2);
        let sight = Both { primary, backup };
        let (settled, storm, paused) = (true, false, false);
        let look = Look { sight, settled, storm, paused, precheck: None, asked: None };
        self.duty = step(self.duty.clone(), &rules(), &look, self.now).0;
    }

    fn ill(&self) -> Sight {
        Sight::Ill { occasion: self.now, proven: false, how: "crashed".to_owned() }
    }
}

#[test]
#[ignore = "a side that was flapping is left again before it is even started: `Duty::starting`"]
fn a_side_that_was_flapping_has_its_chance_when_the_other_one_fails() {
    let now = Timestamp::UNIX_EPOCH;
    let mut world = World { duty: Duty::new(now), now };
    world.see(WELL, Sight::Off);
    for _ in 0..5 {
        world.see(WELL, Sight::Off);
        let ill = world.ill();
        world.see(ill, Sight::Off);
    }
    assert_eq!(world.duty.phase, Phase::Fence(Side::Primary), "it flaps");
    world.see(Sight::Off, Sight::Off);
    world.see(Sight::Off, WELL);
    world.see(Sight::Off, WELL);
    assert_eq!(world.duty.phase, Phase::On(Side::Backup));
    world.see(Sight::Off, Sight::Lost { how: "was given up".to_owned() });
    assert_eq!(world.duty.phase, Phase::Fence(Side::Backup));
    let spent = world.duty.failovers_within(&rules(), world.now);
    world.see(Sight::Off, Sight::Off);
    assert_eq!(world.duty.phase, Phase::Start(Side::Primary));
    assert_eq!(world.duty.failovers_within(&rules(), world.now), spent);
}
