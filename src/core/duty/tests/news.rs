//! What is told, and of what a person hears at once.

use super::*;

/// What was told since the last time; `!` is before what a person should hear of at once.
fn told(pair: &mut Pair) -> Vec<String> {
    let id = "p/b".parse().unwrap();
    let line = |news: News| {
        let mark = if news.is_alert() { "! " } else { "" };
        format!("{mark}{}", news.about(&id))
    };
    pair.news.drain(..).map(line).collect()
}

#[test]
fn that_all_is_as_usual_is_no_news() {
    let mut pair = Pair::new(rules());
    pair.restart();
    pair.see(1, WELL, Sight::Off);
    // It is started where it is off, and that the other one is stopped first is usual too.
    let mut off = Pair::new(rules());
    off.restart();
    off.see(1, Sight::Off, Sight::Off);
    assert_eq!(told(&mut pair).len() + told(&mut off).len(), 0);
}

#[test]
fn a_failover_is_told_at_once_and_a_hand_back_is_told() {
    let mut pair = Pair::new(rules());
    pair.fail_over();
    let fails = [
        "! duty goes to the backup: the primary hangs",
        "! the backup is on duty: the primary hangs",
    ];
    assert_eq!(told(&mut pair), fails);
    let mut again = pair.clone();
    again.restart();
    again.see(1, Sight::Off, WELL);
    assert_eq!(told(&mut again), fails[1..], "who begins anew says who is on duty");
    pair.hand_back();
    assert_eq!(
        told(&mut pair),
        ["hand-back: the primary gets its duty back", "the primary is on duty again"]
    );
    pair.restart();
    pair.see(1, WELL, Sight::Off);
    assert_eq!(told(&mut pair), [""; 0]);
}

#[test]
fn what_a_person_does_is_told_as_that() {
    let mut pair = Pair::new(rules());
    pair.ask(Asked::FailOver, WELL, Sight::Off);
    pair.arrive(Backup);
    assert_eq!(
        told(&mut pair),
        ["duty goes to the backup: you asked for it", "! the backup is on duty: you asked for it"]
    );
    pair.look.paused = true;
    pair.see(1, Sight::Off, WELL);
    pair.look.paused = false;
    pair.see(1, Sight::Off, WELL);
    let resumed = [
        "paused: nothing is changed",
        "the pause is over",
        "! the backup is on duty: you asked for it",
    ];
    assert_eq!(told(&mut pair), resumed);
    // The primary was started, and the backup stopped.
    for seconds in [1, 1, 10] {
        pair.see(seconds, WELL, Sight::Off);
    }
    assert_eq!(
        told(&mut pair),
        [
            "duty goes to the primary: somebody started the primary",
            "the primary is on duty: somebody started the primary"
        ]
    );
}

#[test]
fn what_can_not_be_proven_stopped_is_told_at_once() {
    let mut pair = Pair::new(rules());
    pair.see(1, ill(1), Sight::Off);
    pair.see(60, ill(1), Sight::Off);
    let told = told(&mut pair);
    assert!(told[1].starts_with("! blocked: the primary could not be proven stopped"), "{told:?}");
    assert!(told[1].ends_with("`redundancy resolve p/b --assume-stopped`"), "{told:?}");
}

#[test]
fn of_two_side_by_side_it_is_told_on_whom_the_work_rests() {
    let mut pair = Pair::new(Rules { exclusive: false, ..rules() });
    pair.see(1, ill(1), WELL);
    assert_eq!(told(&mut pair), ["! the backup is on duty: the primary hangs"]);
    pair.see(60, WELL, WELL);
    pair.see(30, WELL, WELL);
    assert_eq!(told(&mut pair), ["the primary is on duty again"]);
}

#[test]
fn who_is_off_and_lost_is_stood_in_for_without_a_stop() {
    let mut pair = Pair::new(Rules { controls_primary: false, ..rules() });
    pair.see(1, lost(), Sight::Off);
    assert_eq!(told(&mut pair), ["! duty goes to the backup: the primary was given up"]);
}
