//! What duty does where the model does not go: rules that differ, times that are long, and what a
//! person says. Nearly all of it through [`step`].

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};

use super::*;
use crate::core::evidence::Patience;
use Side::{Backup, Primary};

const WELL: Sight = Sight::Well { crashes: 0 };

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

#[test]
fn a_failing_primary_is_stopped_before_the_backup_starts() {
    let mut pair = Pair::new(rules());
    pair.see(1, ill(0), Sight::Off);
    assert_eq!((pair.wants(Primary), pair.wants(Backup)), (Want::Off, Want::AsIs));
    // What is on its way off is not proven off by not being seen.
    assert_eq!(pair.see(1, Sight::Unknown, Sight::Off), Phase::Fence(Primary));
    assert_eq!(pair.wants(Backup), Want::AsIs);
    assert_eq!(pair.see(1, Sight::Off, Sight::Off), Phase::Start(Backup));
    assert_eq!((pair.wants(Primary), pair.wants(Backup)), (Want::Off, Want::On));
}

#[test]
fn each_failover_makes_the_hold_twice_as_long_up_to_a_limit() {
    let mut pair = Pair::new(Rules { budget: 100, ..rules() });
    for minutes in [5, 10, 20, 40, 80, 160, 320, 360, 360] {
        pair.fail_over();
        assert_eq!(pair.hold(), SignedDuration::from_mins(minutes));
        pair.hand_back();
    }
    // A day later it is forgotten.
    pair.see(25 * 3600, WELL, Sight::Off);
    pair.fail_over();
    assert_eq!(pair.hold(), SignedDuration::from_mins(5));
}

#[test]
fn a_hold_that_is_asked_for_is_not_cut_to_the_limit() {
    let mut pair = Pair::new(Rules { hold: Duration::from_hours(9), ..rules() });
    pair.fail_over();
    assert_eq!(pair.hold(), SignedDuration::from_hours(9));
}

#[test]
fn a_restart_of_the_controller_prolongs_no_hold() {
    let mut pair = Pair::new(rules());
    pair.fail_over();
    let ends = pair.duty.hold_ends_at(&pair.rules);
    pair.see(100, Sight::Off, WELL);
    pair.restart();
    pair.see(100, Sight::Off, WELL);
    assert_eq!(pair.duty.hold_ends_at(&pair.rules), ends);
}

#[test]
fn a_spent_budget_keeps_duty_where_it_is_until_it_is_free_again() {
    let mut pair = Pair::new(Rules { budget: 1, ..rules() });
    pair.fail_over();
    let spent = pair.now;
    // The backup fails too. Nobody is stopped, and it is told once.
    for second in 0..3 {
        assert_eq!(pair.see(1, Sight::Off, ill(second)), Phase::On(Backup));
        assert_eq!((pair.wants(Primary), pair.wants(Backup)), (Want::Off, Want::On));
    }
    assert_eq!(pair.duty.stuck(), Some(Stuck::BudgetSpent));
    let stuck = pair.news.iter().filter(|it| matches!(it, News::Stuck { .. })).count();
    assert_eq!(stuck, 1);
    let wakes = pair.duty.wakes_at(&pair.rules, pair.now).unwrap();
    assert!(wakes > pair.now && wakes <= spent + SignedDuration::from_hours(1));
    pair.see(3600, Sight::Off, ill(3));
    assert_eq!(pair.duty.phase, Phase::Fence(Backup));
    assert_eq!(pair.duty.stuck(), None);
}

#[test]
fn duty_goes_back_when_the_rules_say() {
    let window = |from: i8, to: i8| HandBack::Window {
        from: civil::time(from, 0, 0, 0),
        to: civil::time(to, 0, 0, 0),
        zone: TimeZone::UTC,
    };
    // It is about 19:00.
    let (stays, goes) = (Phase::On(Backup), Phase::Fence(Backup));
    let waits = Some(Stuck::WaitsForPerson);
    for (hand_back, phase, stuck) in [
        (HandBack::Auto, goes, None),
        (HandBack::Manual, stays, waits),
        (HandBack::Never, stays, None),
        (window(18, 20), goes, None),
        (window(2, 4), stays, None),
    ] {
        let mut pair = on_backup(Rules { hand_back: hand_back.clone(), ..rules() });
        assert_eq!(pair.see(1, Sight::Off, WELL), phase, "{hand_back:?}");
        assert_eq!(pair.duty.stuck(), stuck, "{hand_back:?}");
        // Who asks gets it, in any mode.
        if phase == stays {
            assert_eq!(pair.ask(Asked::HandBack, Sight::Off, WELL), goes, "{hand_back:?}");
        }
    }
}

#[test]
fn what_keeps_duty_from_going_back() {
    type Change = (&'static str, fn(&mut Pair));
    let change: [Change; 4] = [
        ("it is known not to work", |it| it.look.precheck = Some(false)),
        ("a storm", |it| it.look.storm = true),
        ("a pause", |it| it.look.paused = true),
        ("no failover would be left", |it| it.rules.budget = 0),
    ];
    for (what, change) in change {
        let mut pair = on_backup(rules());
        change(&mut pair);
        let phase = pair.see(1, Sight::Off, WELL);
        assert!(matches!(phase, Phase::On(Backup) | Phase::Paused), "{what}: {phase:?}");
    }
    for primary in [lost(), Sight::Gone, Sight::Unknown] {
        let mut pair = on_backup(rules());
        assert_eq!(pair.see(1, primary.clone(), WELL), Phase::On(Backup), "{primary:?}");
    }
    let mut pair = on_backup(rules());
    pair.look.precheck = Some(true);
    assert_eq!(pair.see(1, Sight::Off, WELL), Phase::Fence(Backup));
}

#[test]
fn what_a_person_moved_stays_until_a_person_moves_it() {
    let asked: fn(&mut Pair) = |pair| {
        assert_eq!(pair.ask(Asked::FailOver, WELL, Sight::Off), Phase::Fence(Primary));
        pair.arrive(Backup);
    };
    let by_hand: fn(&mut Pair) = |pair| {
        for seconds in [1, 1, 10] {
            pair.see(seconds, Sight::StoppedByHand, WELL);
        }
    };
    // Also while nobody looked.
    let unseen: fn(&mut Pair) = |pair| {
        pair.restart();
        pair.see(1, Sight::StoppedByHand, WELL);
    };
    for (what, moves) in [("asked", asked), ("by hand", by_hand), ("unseen", unseen)] {
        let mut pair = Pair::new(rules());
        moves(&mut pair);
        assert_eq!(pair.duty.phase, Phase::On(Backup), "{what}");
        assert_eq!(pair.duty.failovers_within(&pair.rules, pair.now), 0, "{what}");
        assert_eq!(pair.see(9 * 3600, Sight::Off, WELL), Phase::On(Backup), "{what}");
        assert_eq!(pair.duty.stuck(), Some(Stuck::WaitsForPerson), "{what}");
        // Also by a controller that begins anew.
        pair.restart();
        assert_eq!(pair.see(1, Sight::Off, WELL), Phase::On(Backup), "{what}");
        assert_eq!(pair.ask(Asked::HandBack, Sight::Off, WELL), Phase::Fence(Backup), "{what}");
    }
}

#[test]
fn duty_that_was_on_its_way_when_the_controller_ended_is_nobodys_doing() {
    let mut pair = Pair::new(rules());
    pair.see(1, ill(0), Sight::Off);
    pair.see(1, Sight::Off, Sight::Off);
    assert_eq!(pair.duty.phase, Phase::Start(Backup));
    pair.restart();
    assert_eq!(pair.see(1, Sight::Off, WELL), Phase::On(Backup));
    assert!(matches!(pair.duty.cause, Cause::Failing { side: Primary, .. }));
    // It arrives also where a person had stopped the backup long before.
    let mut pair = Pair::new(rules());
    pair.see(1, ill(0), Sight::StoppedByHand);
    pair.restart();
    assert_eq!(pair.see(1, Sight::Off, Sight::StoppedByHand), Phase::Start(Backup));
    assert!(pair.duty.is_starting(Backup));
}

#[test]
fn what_a_person_stopped_or_what_is_done_is_no_failure() {
    for sight in [Sight::StoppedByHand, Sight::Done] {
        let mut pair = Pair::new(rules());
        for seconds in [1, 60, 3600] {
            let phase = pair.see(seconds, sight.clone(), Sight::Off);
            assert_eq!(phase, Phase::On(Primary), "{sight:?}");
            assert!(!pair.duty.is_starting(Primary));
        }
        // Nor is it one for a controller that begins anew, or after a pause.
        pair.restart();
        assert_eq!(pair.see(1, sight.clone(), Sight::Off), Phase::On(Primary), "{sight:?}");
        pair.look.paused = true;
        assert_eq!(pair.see(1, sight.clone(), Sight::Off), Phase::Paused);
        pair.look.paused = false;
        assert_eq!(pair.see(1, sight.clone(), Sight::Off), Phase::On(Primary), "{sight:?}");
    }
}

#[test]
fn what_is_off_and_nobody_stopped_is_a_failure() {
    let mut pair = Pair::new(rules());
    assert_eq!(pair.see(1, Sight::Off, Sight::Off), Phase::On(Primary));
    assert_eq!(pair.wants(Primary), Want::On);
    pair.see(5, Sight::Off, Sight::Off);
    assert_eq!(pair.see(5, Sight::Off, Sight::Off), Phase::Start(Backup));
}

#[test]
fn in_a_storm_nothing_moves() {
    for exclusive in [true, false] {
        let mut pair = Pair::new(Rules { exclusive, ..rules() });
        pair.look.storm = true;
        let backup = if exclusive { Sight::Off } else { WELL };
        assert_eq!(pair.see(1, ill(0), backup.clone()), Phase::On(Primary));
        assert_eq!(pair.duty.stuck(), Some(Stuck::Storm));
        // It was no storm, or is over, and still fails.
        pair.look.storm = false;
        assert_ne!(pair.see(1, ill(0), backup), Phase::On(Primary));
    }
}

#[test]
fn of_a_parallel_pair_both_run_always_and_only_the_word_moves() {
    let mut pair = Pair::new(Rules { exclusive: false, ..rules() });
    let both_run = |pair: &Pair| (pair.wants(Primary), pair.wants(Backup)) == (Want::On, Want::On);
    for (seconds, primary, backup, phase) in [
        (1, WELL, WELL, Phase::On(Primary)),
        (1, ill(0), WELL, Phase::On(Backup)),
        // Well, but not for long enough yet.
        (1, WELL, WELL, Phase::On(Backup)),
        (30, WELL, WELL, Phase::On(Primary)),
        // Nobody is better.
        (1, ill(1), ill(1), Phase::On(Primary)),
        (1, Sight::Unknown, WELL, Phase::On(Primary)),
    ] {
        assert_eq!(pair.see(seconds, primary, backup), phase);
        assert!(both_run(&pair));
    }
}

#[test]
fn a_clock_that_was_set_back_moves_nothing_and_makes_nothing_endless() {
    let mut pair = Pair::new(rules());
    pair.fail_over();
    assert_eq!(pair.see(-86_400, Sight::Off, WELL), Phase::On(Backup));
    let hold = pair.duty.hold_ends_at(&pair.rules).unwrap().duration_since(pair.now);
    assert_eq!(hold, SignedDuration::from_mins(5));
    assert_eq!(pair.duty.failovers_within(&pair.rules, pair.now), 1);
    pair.hand_back();
}

#[test]
fn a_primary_that_may_not_be_stopped_is_never_stopped_and_never_run_beside() {
    let mut pair = Pair::new(Rules { controls_primary: false, ..rules() });
    // It fails and runs on: nothing can be done.
    assert_eq!(pair.see(1, ill(0), Sight::Off), Phase::On(Primary));
    assert_eq!(pair.duty.stuck(), Some(Stuck::NoControl));
    assert_eq!((pair.wants(Primary), pair.wants(Backup)), (Want::AsIs, Want::Off));
    // It ends: that is proof.
    assert_eq!(pair.see(1, lost(), Sight::Off), Phase::Start(Backup));
    assert_eq!((pair.wants(Primary), pair.wants(Backup)), (Want::AsIs, Want::On));
    pair.see(1, lost(), WELL);
    assert_eq!(pair.see(10, lost(), WELL), Phase::On(Backup));
    assert_eq!(pair.see(7 * 3600, lost(), WELL), Phase::On(Backup));
    // It is back, well or not: only the backup can give way.
    let mut other =
        Pair { duty: pair.duty.clone(), rules: pair.rules.clone(), ..on_backup(rules()) };
    for (pair, primary) in [(&mut pair, WELL), (&mut other, ill(1))] {
        assert_eq!(pair.see(1, primary.clone(), WELL), Phase::Fence(Backup), "{primary:?}");
        assert_eq!((pair.wants(Primary), pair.wants(Backup)), (Want::AsIs, Want::Off));
        assert_eq!(pair.see(1, primary, Sight::Off), Phase::Start(Primary));
    }
    // Also before the backup has come up.
    let mut pair = Pair::new(pair.rules);
    assert_eq!(pair.see(1, lost(), Sight::Off), Phase::Start(Backup));
    assert_eq!(pair.see(1, ill(2), Sight::Off), Phase::Start(Primary));
}

#[test]
fn a_stop_that_is_not_proven_ends_in_blocked() {
    let mut pair = Pair::new(rules());
    pair.see(1, ill(0), Sight::Off);
    assert_eq!(pair.see(59, ill(0), Sight::Off), Phase::Fence(Primary));
    assert_eq!(pair.duty.wakes_at(&pair.rules, pair.now).unwrap(), {
        pair.now + SignedDuration::from_secs(1)
    });
    assert_eq!(pair.see(1, ill(0), Sight::Off), Phase::Blocked);
    assert_eq!((pair.wants(Primary), pair.wants(Backup)), (Want::Off, Want::AsIs));
    assert!(pair.news.contains(&News::Blocked { side: Primary }));
    // Nor is it proven by time, or by not being seen.
    assert_eq!(pair.see(3600, Sight::Unknown, Sight::Off), Phase::Blocked);
    assert_eq!(pair.see(1, Sight::Off, Sight::Off), Phase::Start(Backup));
}

#[test]
fn blocked_duty_can_be_given_back_to_the_one_that_runs_on() {
    let mut pair = Pair::new(rules());
    pair.ask(Asked::FailOver, WELL, Sight::Off);
    assert_eq!(pair.see(60, WELL, Sight::Off), Phase::Blocked);
    assert_eq!(pair.ask(Asked::FailOver, WELL, Sight::Off), Phase::Blocked);
    assert_eq!(pair.ask(Asked::HandBack, WELL, Sight::Off), Phase::Start(Primary));
    pair.see(1, WELL, Sight::Off);
    assert_eq!(pair.see(10, WELL, Sight::Off), Phase::On(Primary));
}

/// Blocked, and a person has said that the primary is stopped.
fn assumed(primary: &Sight) -> Pair {
    let mut pair = Pair::new(rules());
    pair.see(1, ill(0), Sight::Off);
    assert_eq!(pair.see(60, Sight::Unknown, Sight::Off), Phase::Blocked);
    let phase = pair.ask(Asked::AssumeStopped, primary.clone(), Sight::Off);
    assert_eq!(phase, Phase::Start(Backup));
    pair
}

#[test]
fn what_a_person_says_is_stopped_is_not_waited_for() {
    for primary in [Sight::Unknown, ill(0), lost()] {
        let mut pair = assumed(&primary);
        assert_eq!(pair.wants(Backup), Want::On, "{primary:?}");
        pair.see(1, primary.clone(), WELL);
        assert_eq!(pair.see(10, primary.clone(), WELL), Phase::On(Backup), "{primary:?}");
        // It is started again although nothing is seen of the primary, also by a later controller.
        pair.restart();
        assert_eq!(pair.see(1, primary.clone(), ill(5)), Phase::On(Backup), "{primary:?}");
        assert_eq!(pair.wants(Backup), Want::On, "{primary:?}");
        // But duty does not go to it before it was seen to be off.
        assert_eq!(pair.duty.stuck(), {
            (primary != Sight::Unknown).then_some(Stuck::OtherBroken)
        });
        assert_eq!(pair.see(1, Sight::Off, ill(6)), Phase::Fence(Backup), "{primary:?}");
    }
}

#[test]
fn what_a_person_says_is_stopped_and_is_seen_to_run_is_not() {
    let mut pair = Pair::new(rules());
    pair.see(1, ill(0), Sight::Off);
    pair.see(60, ill(0), Sight::Off);
    assert_eq!(pair.ask(Asked::AssumeStopped, WELL, Sight::Off), Phase::Blocked);
    // It was started again later.
    let mut pair = assumed(&Sight::Unknown);
    assert_eq!(pair.see(1, WELL, Sight::Off), Phase::Start(Primary));
    assert_ne!(pair.wants(Backup), Want::On);
}

#[test]
fn an_assumption_is_not_kept_for_the_next_move() {
    let mut pair = assumed(&Sight::Unknown);
    pair.see(1, Sight::Unknown, WELL);
    pair.see(10, Sight::Unknown, WELL);
    // Not to one that nobody sees: it would stop the only one that runs.
    assert_eq!(pair.ask(Asked::HandBack, Sight::Unknown, WELL), Phase::On(Backup));
    assert_eq!(pair.ask(Asked::HandBack, ill(7), WELL), Phase::Fence(Backup));
    assert_eq!(pair.see(1, Sight::Unknown, Sight::Off), Phase::Start(Primary));
    assert_eq!(pair.see(1, ill(8), Sight::Off), Phase::Fence(Primary));
}

#[test]
fn a_pause_freezes_everything_and_ends_with_a_look() {
    let mut pair = Pair::new(rules());
    pair.look.paused = true;
    for (primary, backup) in [(ill(0), Sight::Off), (Sight::Off, WELL), (WELL, WELL)] {
        assert_eq!(pair.see(60, primary, backup), Phase::Paused);
        assert_eq!((pair.wants(Primary), pair.wants(Backup)), (Want::AsIs, Want::AsIs));
    }
    // A restart ends no pause.
    pair.restart();
    assert_eq!(pair.see(1, WELL, WELL), Phase::Paused);
    pair.look.paused = false;
    assert_eq!(pair.see(1, Sight::Unknown, WELL), Phase::Recover);
    assert_eq!(pair.see(1, WELL, WELL), Phase::Fence(Backup));
}

#[test]
fn what_is_on_duty_is_not_started_beside_one_that_ran_when_it_was_seen_last() {
    let mut pair = Pair::new(rules());
    assert_eq!(pair.see(1, lost(), Sight::Unknown), Phase::On(Primary));
    assert_eq!(pair.wants(Primary), Want::On);
    // A person started the backup, while the primary was not seen.
    pair.see(1, Sight::Unknown, WELL);
    assert_eq!(pair.see(1, lost(), Sight::Unknown), Phase::On(Primary));
    assert_eq!(pair.wants(Primary), Want::AsIs);
}

#[test]
fn what_waits_for_a_proof_is_not_blamed_for_not_running() {
    let mut pair = Pair::new(rules());
    pair.see(1, ill(0), Sight::Off);
    pair.see(1, Sight::Off, Sight::Off);
    for _ in 0..9 {
        assert_eq!(pair.see(60, Sight::Unknown, Sight::Off), Phase::Start(Backup));
        assert_eq!(pair.wants(Backup), Want::AsIs);
    }
    assert_eq!(pair.see(1, Sight::Off, Sight::Off), Phase::Start(Backup));
    assert_eq!(pair.wants(Backup), Want::On);
}

#[test]
fn before_earlier_commands_are_over_nothing_is_decided() {
    let mut pair = Pair::new(rules());
    pair.restart();
    pair.look.settled = false;
    assert_eq!(pair.see(1, Sight::Off, Sight::Off), Phase::Recover);
    pair.look.settled = true;
    assert_eq!(pair.see(1, Sight::Off, WELL), Phase::On(Backup));
}

#[test]
fn a_primary_that_was_flapping_has_its_chance_when_the_backup_fails() {
    let crashed = |at: i64| Sight::Ill {
        occasion: Timestamp::from_second(at).unwrap(),
        proven: false,
        how: "crashed".to_owned(),
    };
    let mut pair = Pair::new(Rules { budget: 50, ..rules() });
    while pair.duty.phase == Phase::On(Primary) {
        pair.see(1, WELL, Sight::Off);
        pair.see(30, WELL, Sight::Off);
        let at = pair.now.as_second();
        pair.see(1, crashed(at), Sight::Off);
    }
    assert_eq!(pair.duty.phase, Phase::Fence(Primary), "it flaps");
    pair.arrive(Backup);
    let lost = Sight::Lost { how: "was given up".to_owned() };
    assert_eq!(pair.see(1, Sight::Off, lost), Phase::Fence(Backup));
    assert_eq!(pair.see(1, Sight::Off, Sight::Off), Phase::Start(Primary));
    // One failure more does not undo that.
    assert_eq!(pair.see(1, crashed(1), Sight::Off), Phase::Start(Primary));
    pair.see(1, WELL, Sight::Off);
    assert_eq!(pair.see(10, WELL, Sight::Off), Phase::On(Primary));
}

#[test]
fn a_person_may_stop_what_has_just_come_up() {
    let mut pair = Pair::new(rules());
    assert_eq!(pair.see(1, ill(1), Sight::Off), Phase::Fence(Primary));
    assert_eq!(pair.see(1, Sight::Off, Sight::StoppedByHand), Phase::Start(Backup));
    // It was stopped before duty called it.
    assert!(pair.duty.is_starting(Backup));
    assert_eq!(pair.see(1, Sight::Off, WELL), Phase::Start(Backup));
    assert_eq!(pair.see(1, Sight::Off, Sight::StoppedByHand), Phase::On(Backup));
    assert!(!pair.duty.is_starting(Backup));
}

#[test]
fn what_was_wrong_until_it_came_up_is_over_also_where_it_had_duty_before() {
    let Pair { mut duty, rules, now, .. } = Pair::new(rules());
    let enter = |duty: &mut Duty, to| {
        duty.enter(Move::new(to, Cause::Asked), now, &mut Vec::new());
    };
    enter(&mut duty, Phase::Start(Primary));
    let later = now + SignedDuration::from_mins(1);
    duty.evidence.primary.see(&ill(later.as_second()), rules.patience, later);
    assert_ne!(duty.evidence.primary.failures(), 0);
    enter(&mut duty, Phase::On(Primary));
    assert_eq!(duty.evidence.primary.failures(), 0);
    // What goes wrong while it has duty is not over by a pause.
    duty.evidence.primary.see(&ill(later.as_second() + 60), rules.patience, later);
    let failures = duty.evidence.primary.failures();
    enter(&mut duty, Phase::Paused);
    enter(&mut duty, Phase::On(Primary));
    assert_ne!(failures, 0);
    assert_eq!(duty.evidence.primary.failures(), failures);
}

#[test]
fn what_a_person_said_is_stopped_counts_as_stopped_until_it_is_started() {
    let Pair { mut duty, now, .. } = Pair::new(rules());
    let start = |duty: &mut Duty, side, assumes| {
        let it = Move { assumes, ..Move::new(Phase::Start(side), Cause::AssumedStopped) };
        duty.enter(it, now, &mut Vec::new());
    };
    start(&mut duty, Primary, true);
    assert_eq!(duty.assumed_stopped, Some(Backup));
    start(&mut duty, Primary, false);
    assert_eq!(duty.assumed_stopped, Some(Backup));
    start(&mut duty, Backup, false);
    assert_eq!(duty.assumed_stopped, None);
}

#[test]
fn it_wakes_for_what_is_still_to_come_and_for_nothing_else() {
    let Pair { mut duty, rules, now, .. } = Pair::new(rules());
    let ago = |minutes| now - SignedDuration::from_mins(minutes);
    assert_eq!(duty.wakes_at(&rules, now), None);
    // A failover counts for an hour.
    duty.failovers = vec![ago(90), ago(60), ago(20)];
    assert_eq!(duty.wakes_at(&rules, now), Some(now + SignedDuration::from_mins(40)));
    duty.failovers = vec![ago(90), ago(60)];
    assert_eq!(duty.wakes_at(&rules, now), None);
    assert_eq!(duty.failovers_within(&rules, now), 0);
    // A stop has a minute.
    (duty.phase, duty.since) = (Phase::Fence(Primary), ago(1));
    assert_eq!(duty.wakes_at(&rules, now), None);
    duty.since = now;
    assert_eq!(duty.wakes_at(&rules, now), Some(now + SignedDuration::from_mins(1)));
}

#[test]
fn it_wakes_when_a_failure_counts_again_until_it_has_failed_often_enough() {
    let Pair { mut duty, rules, now, .. } = Pair::new(rules());
    let mut fail = |seconds| {
        let at = now + SignedDuration::from_secs(seconds);
        let hangs = Sight::Ill { occasion: at, proven: false, how: "hangs".to_owned() };
        duty.evidence.primary.see(&hangs, rules.patience, at);
        (duty.evidence.primary.has_fallen(rules.patience), duty.wakes_at(&rules, at))
    };
    let (fallen, wakes_at) = fail(0);
    assert!(!fallen && wakes_at.is_some_and(|it| it > now), "{wakes_at:?}");
    let last = (1..1000).map(|n| fail(n * 60)).find(|it| it.0);
    assert_eq!(last, Some((true, None)));
}
