//! What people ask to be left alone for a while, and what they ask to be tried again.

use jiff::{SignedDuration, Timestamp};

use crate::{
    duty::{applied, refused, wait_for_duty, watched},
    project::{Project, is_alive, kill, wait_for},
};

/// A text without the times in it.
fn timeless(text: &str) -> String {
    let words = text.split_inclusive(|c: char| c.is_whitespace());
    let timeless = |word: &str| {
        let bare = word.trim_end_matches(|c: char| c.is_whitespace() || ":,;)".contains(c));
        if bare.parse::<Timestamp>().is_ok() { word.replace(bare, "TIME") } else { word.to_owned() }
    };
    words.map(timeless).collect()
}

#[test]
fn a_pause_holds_both_of_a_pair_and_says_so_everywhere() {
    let project = applied("");
    let watch = watched(&project);
    let pause = ["pause", "embedded/w-backup", "--for", "2h", "--reason", "the disk moves"];
    insta::assert_snapshot!(timeless(&project.run(&pause).ok().stdout), @r"
paused embedded/w-backup until TIME: the disk moves
embedded/w is paused with it: of the two, embedded/w-backup and embedded/w, only one may run
");
    kill(project.pid("w").unwrap());
    watch.wait_for_log("embedded/w: down: ");

    insta::assert_snapshot!(timeless(&project.run(&["plan"]).ok().stdout), @r"
! left    embedded/w  paused until TIME: the disk moves
    help: `redundancy resume embedded/w` ends the pause

Plan: 1 left alone.
");
    let applied = project.run(&["apply", "--yes", "--target", "embedded/w"]);
    assert_eq!(applied.code, 1, "{applied:?}");
    assert!(applied.stdout.contains("! left    embedded/w  paused until"), "{applied:?}");
    let recovered = project.run(&["recover", "embedded/w"]);
    assert_eq!(recovered.code, 1, "{recovered:?}");
    insta::assert_snapshot!(timeless(refused(&project.run(&["failover", "embedded/w"]))), @"nothing was moved, because of a pause of embedded/w-backup until TIME: the disk moves; `redundancy resume embedded/w-backup` ends it");
    let status = project.run(&["status"]).ok().stdout;
    insta::assert_snapshot!(timeless(status.lines().next_back().unwrap()), @"paused: embedded/w-backup until TIME: the disk moves");
    assert_eq!(project.status("embedded/w")["duty"]["phase"], "paused");
    assert_eq!(project.pid("w"), None, "nobody has started it");

    let other = project.run(&["resume", "embedded/nothing"]);
    assert_eq!(other.code, 1);
    insta::assert_snapshot!(timeless(&other.stderr), @r"
embedded/nothing is not paused
paused: embedded/w-backup until TIME: the disk moves
");
    assert_eq!(project.run(&["resume"]).code, 1, "a pause of one is not one of everything");

    // By the name of the other one, which was paused with it.
    project.run(&["resume", "embedded/w"]).ok();
    project.wait_for_pid("w", None);
    wait_for_duty(&project, "embedded/w", "on_duty");
    assert!(!project.run(&["status"]).ok().stdout.contains("paused"));
}

#[test]
fn a_pause_ends_by_itself() {
    let project = applied("");
    let watch = watched(&project);
    let before = project.pid("w").unwrap();
    project.run(&["pause", "--for", "4s"]).ok();
    let paused: serde_json::Value =
        serde_json::from_str(&project.run(&["status", "--json"]).ok().stdout).unwrap();
    let until: Timestamp = paused["paused"][0]["until"].as_str().unwrap().parse().unwrap();
    assert!(paused["paused"][0]["id"].is_null());
    let one = project.run(&["resume", "embedded/w"]);
    assert_eq!(one.code, 1);
    assert!(one.stderr.starts_with("embedded/w is not paused by itself\npaused: everything until"));
    assert!(one.stderr.ends_with("`redundancy resume` ends the pause of everything\n"));
    kill(before);
    let after = project.wait_for_pid("w", Some(before));
    assert!(is_alive(after) && Timestamp::now() >= until);
    watch.end_well();
}

#[test]
fn a_pause_needs_no_watch_and_outlives_its_clock() {
    let project = applied("");
    let slips: &[&[&str]] = &[
        &["pause", "embedded/w"],
        &["pause", "--for", "0s"],
        &["pause", "embedded/nothing", "--for", "1h"],
    ];
    for slip in slips {
        assert_eq!(project.run(slip).code, 1, "{slip:?}");
    }
    project.run(&["pause", "embedded/w", "--for", "1h"]).ok();
    let pid = project.pid("w").unwrap();
    kill(pid);
    wait_for("it is gone", || (!is_alive(pid)).then_some(()));
    let plan = project.run(&["plan"]).ok().stdout;
    assert!(plan.contains("! left    embedded/w  paused until"), "{plan}");
    // One of the same takes its place.
    project.run(&["pause", "embedded/w", "--for", "1ms"]).ok();
    wait_for("the pause is over", || {
        project.run(&["plan"]).ok().stdout.contains("> start   embedded/w").then_some(())
    });
    assert_eq!(project.run(&["resume", "embedded/w"]).code, 1, "there is none any more");
}

#[test]
fn a_clock_set_back_prolongs_no_pause() {
    use redundancy::{controller::requests, core::pause::Pause, journal::Journal};

    let project = applied("");
    let (mut journal, _) = Journal::open(&Journal::file(&project.path(".redundancy"))).unwrap();
    // As if the clock had been a day ahead.
    let since = Timestamp::now() + SignedDuration::from_hours(24);
    let until = since + SignedDuration::from_secs(2);
    let pause = Pause { id: None, since, until, reason: String::new() };
    requests::change_pauses(&mut journal, since, |pauses| pauses.add(pause)).unwrap();
    let before = project.pid("w").unwrap();
    let _watch = project.watch();
    kill(before);
    project.wait_for_pid("w", Some(before));
}

/// One that ends until there is a file.
fn failing() -> Project {
    Project::new(
        "[failover]\nmax_recovery_attempts = 0\n\
         [[process]]\nname = \"w\"\nmax_restarts = 0\n\
         command = [\"sh\", \"-c\", \"test -e fine && exec sleep 1000\"]\n\
         [[process]]\nname = \"v\"\ncommand = [\"sleep\", \"1000\"]\n",
    )
}

#[test]
fn what_was_given_up_is_tried_again_when_a_person_says_so() {
    let project = failing();
    let watch = project.watch();
    watch.wait_for_log("left alone: given up");
    let other = project.wait_for_pid("v", None);
    project.write("fine", "");
    insta::assert_snapshot!(project.run(&["recover", "embedded/w"]).ok().stdout, @r"
> start   embedded/w  drift: it should run, and exited with code 1; failures in a row: 1

Plan: 1 to start.
done     start   embedded/w

1 change done.
");
    project.wait_for_pid("w", None);
    assert_eq!(project.pid("v"), Some(other));
    watch.wait_for_log("embedded/w: you asked: to try again what rests or was given up");
    insta::assert_snapshot!(project.run(&["recover"]).ok().stdout, @"Nothing fails, rests or was given up: there is nothing to try again.");
    let well = project.run(&["recover", "embedded/v"]).ok().stdout;
    assert_eq!(
        well,
        format!("There is nothing to try again: embedded/v is running, pid {other}.\n")
    );
    watch.end_well();
}

#[test]
fn recovery_changes_nothing_but_what_fails() {
    let project = failing();
    project.run(&["apply", "--yes"]).ok();
    wait_for("it was given up", || {
        (project.status("embedded/w")["health"] == "failed").then_some(())
    });
    let config = project.read("redundancy.toml").replace("runner = \"embedded\"\n", "");
    project.write("fine", "");
    let more = "env = { A = \"1\" }\n[[process]]\nname = \"u\"\ncommand = [\"sleep\", \"1000\"]\n";
    project.config(&(config + more));
    let other = project.pid("v");
    project.run(&["recover"]).ok();
    project.wait_for_pid("w", None);
    insta::assert_snapshot!(project.run(&["recover"]).ok().stdout, @"There is nothing to try again; `redundancy apply` does what else is to be done.");
    insta::assert_snapshot!(project.run(&["recover", "embedded/u"]).ok().stdout, @r"
        There is nothing to try again: embedded/u is missing.
        `redundancy apply` does what else is to be done.
        ");
    assert_eq!(project.pid("v"), other);
    assert!(project.status("embedded/u")["since"].is_null(), "it is not made");
    assert_eq!(project.run(&["recover", "embedded/nothing"]).code, 1);
}

#[test]
fn an_emergency_recovery_starts_everything_that_fails_in_order() {
    let one = |name: &str, more: &str| {
        format!(
            "[[process]]\nname = \"{name}\"\nmax_restarts = 0\n{more}\
             command = [\"sh\", \"-c\", \"test -e fine && exec sleep 1000\"]\n"
        )
    };
    // By their names, the backup comes first.
    let config = one("b", "") + &one("a", "backs_up = \"b\"\nmode = \"parallel\"\n");
    let well = "[[process]]\nname = \"c\"\ncommand = [\"sleep\", \"1000\"]\n";
    let project = Project::new(&(config.clone() + well));
    project.run(&["apply", "--yes"]).ok();
    wait_for("both were given up", || {
        let failed = |id: &str| project.status(id)["health"] == "failed";
        (failed("embedded/a") && failed("embedded/b")).then_some(())
    });
    project.write("fine", "");
    let missing = "[[process]]\nname = \"d\"\ncommand = [\"sleep\", \"1000\"]\n";
    project.config(&(config + well + missing));
    let before = project.pid("c");
    let said = project.run(&["recover", "--emergency"]).ok().stdout;
    let done: Vec<&str> = said.lines().filter(|it| it.starts_with("done")).collect();
    assert_eq!(
        done,
        [
            "done     start   embedded/b",
            "done     create  embedded/d",
            "done     start   embedded/a"
        ]
    );
    assert_eq!(project.pid("c"), before, "what does well is left alone");
}
