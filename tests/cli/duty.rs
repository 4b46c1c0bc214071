//! People who say who of a pair is on duty.

use std::process::Stdio;

use crate::{
    project::{Project, Run, is_alive, kill, wait_for},
    running::Watch,
};

/// A pair whose members come on duty quickly.
pub(crate) const PAIR: &str = r#"
[failover]
settle = "100ms"
hold = "10m"

[[process]]
name = "w"
command = ["sleep", "1000"]
stop_timeout = "100ms"

[[process]]
name = "w-backup"
backs_up = "w"
command = ["sleep", "1000"]
stop_timeout = "100ms"
"#;

/// A running project with the pair.
pub(crate) fn applied(more: &str) -> Project {
    let project = Project::new(&format!("{PAIR}{more}"));
    project.run(&["apply", "--yes"]).ok();
    project
}

/// Waits until the watch knows that `id` is on duty.
#[track_caller]
pub(crate) fn wait_for_duty(project: &Project, id: &str, phase: &str) {
    wait_for(&format!("{id}: {phase}"), || {
        let status = project.status(id);
        (status["duty"]["phase"] == phase && !status["duty"]["since"].is_null()).then_some(())
    });
}

/// A watch that has found out who is on duty.
pub(crate) fn watched(project: &Project) -> Watch {
    let watch = project.watch();
    wait_for("the watch has looked", || {
        watch.log().contains("the watch began").then_some(())?;
        let status: serde_json::Value =
            serde_json::from_str(&project.run(&["status", "--json"]).ok().stdout).unwrap();
        (!status["last_look"].is_null()).then_some(())
    });
    watch
}

/// The error of a verb that refuses.
#[track_caller]
pub(crate) fn refused(run: &Run) -> &str {
    assert_eq!(run.code, 1, "{run:?}");
    run.stderr.lines().next_back().unwrap().strip_prefix("error: ").unwrap()
}

/// The lines of a verb that moves duty.
fn told(run: Run) -> String {
    run.ok().stdout
}

fn there_and_back(project: &Project) {
    let primary = project.wait_for_pid("w", None);
    insta::allow_duplicates!(
        insta::assert_snapshot!(told(project.run(&["failover", "embedded/w"])), @"
    duty     embedded/w-backup: duty goes to the backup: you asked for it
    done     embedded/w: stop: it goes off duty
    done     embedded/w-backup: start: it comes on duty
    duty     embedded/w-backup: the backup is on duty: you asked for it

    embedded/w-backup is on duty.
    ")
    );
    assert!(!is_alive(primary));
    let backup = project.pid("w-backup").unwrap();
    assert_eq!(project.status("embedded/w")["state"], "stopped");
    let again = project.run(&["failover", "embedded/w-backup"]);
    assert_eq!(refused(&again), "embedded/w-backup is on duty already");
    project.assert_settled();

    insta::allow_duplicates!(
        insta::assert_snapshot!(told(project.run(&["handback", "embedded/w-backup"])), @"
    duty     embedded/w-backup: duty goes to the primary: you asked for it
    done     embedded/w-backup: stop: it goes off duty
    done     embedded/w: start: it comes on duty
    duty     embedded/w-backup: the primary is on duty: you asked for it

    embedded/w is on duty.
    ")
    );
    assert!(!is_alive(backup));
    assert!(project.pid("w").is_some_and(is_alive));
    assert_eq!(refused(&project.run(&["handback", "embedded/w"])), "embedded/w is on duty already");
}

#[test]
fn duty_is_moved_without_a_watch() {
    there_and_back(&applied(""));
}

#[test]
fn duty_is_moved_by_the_watch() {
    let project = applied("");
    let watch = watched(&project);
    there_and_back(&project);
    let log = watch.end_well();
    assert!(log.contains("you asked: duty to the backup"), "{log}");
    let history = project.run(&["history"]).ok().stdout;
    assert!(history.contains("asks for duty to go to embedded/w-backup"), "{history}");
}

#[test]
fn what_was_moved_without_a_watch_stays_so_under_one() {
    let project = applied("");
    project.run(&["failover", "embedded/w"]).ok();
    let backup = project.pid("w-backup");
    let _watch = watched(&project);
    wait_for_duty(&project, "embedded/w-backup", "on_duty");
    let duty = &project.status("embedded/w-backup")["duty"];
    assert_eq!(duty["cause"], "you asked for it");
    assert_eq!(project.pid("w-backup"), backup);
    assert_eq!(project.status("embedded/w")["state"], "stopped");
}

#[test]
fn duty_goes_to_the_backup_of_what_was_given_up() {
    let project = Project::new(&PAIR.replacen(
        r#"command = ["sleep", "1000"]"#,
        "command = [\"false\"]\nmax_restarts = 0",
        1,
    ));
    project.run(&["apply", "--yes"]).ok();
    wait_for("the primary has ended", || {
        (project.status("embedded/w")["health"] == "failed").then_some(())
    });
    project.run(&["failover", "embedded/w"]).ok();
    assert!(project.pid("w-backup").is_some_and(is_alive));
}

#[test]
fn a_word_that_makes_no_sense_is_refused_and_moves_nothing() {
    let parallel = "[[process]]\nname = \"p\"\ncommand = [\"sleep\", \"1000\"]\n\
                    [[process]]\nname = \"p-backup\"\nbacks_up = \"p\"\nmode = \"parallel\"\n\
                    command = [\"sleep\", \"1000\"]\n\
                    [[process]]\nname = \"alone\"\ncommand = [\"sleep\", \"1000\"]\n";
    let project = applied(parallel);
    let refused = |arguments: &[&str]| refused(&project.run(arguments)).to_owned();
    let said = [
        refused(&["failover", "embedded/alone"]),
        refused(&["failover", "embedded/x-backup"]),
        refused(&["failover", "embedded/p"]),
        refused(&["resolve", "embedded/w", "--assume-stopped"]),
    ];
    insta::assert_snapshot!(said.join("\n"), @r#"
embedded/alone is in no pair; the pairs are embedded/w and embedded/w-backup, embedded/p and embedded/p-backup
there is no resource embedded/x-backup; did you mean embedded/w-backup?
embedded/p and embedded/p-backup run side by side (`mode = "parallel"`), so there is no duty that could be given from one to the other
the pair is not blocked, so there is nothing to assume: embedded/w is on duty, embedded/w-backup stands by
"#);
    assert_eq!(project.run(&["resolve", "embedded/w"]).code, 1, "it has to be said");
    assert_eq!(project.status("embedded/w")["duty"]["phase"], "on_duty");
    assert_eq!(project.status("embedded/w-backup")["duty"]["phase"], "stands_by");
    assert_eq!(project.status("embedded/p-backup")["duty"]["phase"], "beside");
    assert!(project.status("embedded/alone")["duty"].is_null());

    let alone = Project::new("[[process]]\nname = \"alone\"\ncommand = [\"sleep\", \"1000\"]\n");
    alone.run(&["apply", "--yes"]).ok();
    let error = alone.run(&["handback", "embedded/alone"]);
    insta::assert_snapshot!(self::refused(&error), @"embedded/alone is in no pair, and the config has none; `backs_up` of a process makes one");
    assert!(!alone.run(&["status"]).ok().stdout.contains("DUTY"));
}

#[test]
fn what_works_in_runs_of_its_own_has_no_duty_to_give() {
    let project = Project::new("[[workflow]]\nbacks_up = \"ci.yml\"\n");
    let workflow = "on: push\njobs:\n  x:\n    runs-on: y\n    steps: [{run: z}]\n";
    project.write(".github/workflows/ci.yml", workflow);
    project.run(&["apply", "--yes"]).ok();
    insta::assert_snapshot!(refused(&project.run(&["failover", "github/ci.yml"])), @"github/ci.yml and github/ci-backup work in runs of their own, so there is no duty that could be given from one to the other: when github/ci.yml fails, a watch begins github/ci-backup, or that does so by its own schedule");
}

#[test]
fn a_request_that_no_watch_takes_is_not_left_for_later() {
    let project = applied("");
    let watch = watched(&project);
    let mut verb = project.command(&["failover", "embedded/w"]);
    crate::project::signal(watch.pid(), rustix::process::Signal::STOP);
    let verb = verb.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for("the request is there", || {
        let history = project.run(&["history"]).ok().stdout;
        history.contains("asks for duty").then_some(())
    });
    // Its end is seen, and the request is taken back.
    watch.kill();
    let output = verb.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("the watch ended before embedded/w-backup was on duty"), "{said}");
    let _watch = watched(&project);
    assert_eq!(project.status("embedded/w")["duty"]["phase"], "on_duty");
    let history = project.run(&["history"]).ok().stdout;
    assert!(!history.contains("you asked"), "{history}");
}

/// A primary whose record can't be read: it runs, and whoever comes anew can't stop it and can't see
/// whether it runs.
struct Unreadable {
    primary: u32,
    record: std::path::PathBuf,
    aside: std::path::PathBuf,
}

impl Unreadable {
    fn of(project: &Project) -> Self {
        let primary = project.pid("w").unwrap();
        let record = project.path(".redundancy/embedded/w.json");
        let aside = project.path("w.json");
        std::fs::rename(&record, &aside).unwrap();
        std::fs::create_dir(&record).unwrap();
        Self { primary, record, aside }
    }

    fn mend(&self) {
        std::fs::remove_dir(&self.record).unwrap();
        std::fs::rename(&self.aside, &self.record).unwrap();
    }
}

/// Says, as a person called ada who has ended the primary, that it is stopped.
fn resolve(project: &Project, unreadable: &Unreadable) -> String {
    kill(unreadable.primary);
    let mut resolve = project.command(&["resolve", "embedded/w", "--assume-stopped"]);
    let resolved = resolve.env("USER", "ada").output().unwrap();
    assert!(resolved.status.success(), "{resolved:?}");
    assert!(project.pid("w-backup").is_some_and(is_alive));
    let history = project.run(&["history"]).ok().stdout;
    let written = "ada says that embedded/w is stopped, although that could not be proven";
    assert!(history.contains(written), "{history}");
    String::from_utf8(resolved.stdout).unwrap()
}

#[test]
fn a_blocked_pair_waits_for_a_person_under_a_watch() {
    let project = applied("[controller]\nlook_every = \"1s\"\n");
    let unreadable = Unreadable::of(&project);
    let watch = project.watch();
    watch.wait_for_log("blocked: the primary could not be proven stopped");
    assert_eq!(project.status("embedded/w")["duty"]["phase"], "blocked");
    assert_eq!(project.pid("w-backup"), None);
    let stuck = project.run(&["failover", "embedded/w"]);
    assert!(refused(&stuck).starts_with("the pair is blocked: the primary could not"), "{stuck:?}");
    let explained = crate::explain::steady(&project.run(&["explain", "embedded/w"]).ok().stdout);
    let explained = project.steady(&explained);
    insta::assert_snapshot!(explained, @r"
pair      embedded/w, backed up by embedded/w-backup
rules     the two never run at once (exclusive)
          3 failures in a row count as failing
          a stop has to be proven within 15s 100ms
          what was started is on duty when it has been well for 100ms
          duty goes back by itself, after 10m or longer
          at most 3 failovers within 1h
duty      embedded/w is blocked, embedded/w-backup is blocked, since TIME (AGO): the primary can't be made: the record ROOT/.redundancy/embedded/w.json can't be read: Is a directory (os error 21); remove the file, and what it was about is begun anew; a process that still runs is found again
primary   embedded/w: failed: the record ROOT/.redundancy/embedded/w.json can't be read: Is a directory (os error 21); remove the file, and what it was about is begun anew; a process that still runs is found again (failed), since TIME (AGO)
          3 of 3 failures in a row (can't be made: the record ROOT/.redundancy/embedded/w.json can't be read: Is a directory (os error 21); remove the file, and what it was about is begun anew; a process that still runs is found again)
backup    embedded/w-backup: stopped (stopped)
          0 of 3 failures in a row
failovers 1 of 3 within 1h
next      when embedded/w is seen stopped, embedded/w-backup is started
          or, where you know that embedded/w is stopped: `redundancy resolve embedded/w --assume-stopped` starts embedded/w-backup
watch     `redundancy watch`, pid PID, since TIME
");
    insta::assert_snapshot!(resolve(&project, &unreadable), @r"
done     embedded/w-backup: start: it comes on duty
duty     embedded/w-backup: the backup is on duty: you said that the other one is stopped

embedded/w-backup is on duty.
");
    watch.end_well();
    unreadable.mend();
}

#[test]
fn a_blocked_pair_waits_for_a_person_without_a_watch() {
    let project = applied("");
    let unreadable = Unreadable::of(&project);
    let run = project.run(&["failover", "embedded/w"]);
    insta::assert_snapshot!(refused(&run), @"embedded/w could not be proven stopped, so embedded/w-backup was not started; `redundancy explain embedded/w-backup` says how it stands");
    assert!(is_alive(unreadable.primary));
    assert_eq!(project.pid("w-backup"), None);
    insta::assert_snapshot!(resolve(&project, &unreadable), @r"
duty     embedded/w-backup: duty goes to the backup: you asked for it
duty     embedded/w-backup: blocked: the primary could not be proven stopped, so the backup is not started; end it, or say that it is stopped: `redundancy resolve embedded/w-backup --assume-stopped`
done     embedded/w-backup: start: it comes on duty
duty     embedded/w-backup: the backup is on duty: you said that the other one is stopped

embedded/w-backup is on duty.
");
    unreadable.mend();
}
