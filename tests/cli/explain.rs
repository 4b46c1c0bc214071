//! What is said of one resource when somebody asks.

use insta::assert_snapshot;
use serde_json::Value;

use crate::{
    duty::{applied, wait_for_duty, watched},
    project::{Project, kill, wait_for},
};

/// A text without what differs from run to run: times, numbers of processes.
pub(crate) fn steady(text: &str) -> String {
    let mut steady = String::new();
    for line in text.lines() {
        let mut words: Vec<String> = line.split(' ').map(ToOwned::to_owned).collect();
        for index in 0..words.len() {
            let bare = words[index].trim_end_matches([':', ',', ';', '.']).to_owned();
            if bare.parse::<jiff::Timestamp>().is_ok() {
                words[index] = words[index].replace(&bare, "TIME");
            } else if index > 0 && words[index - 1] == "pid" {
                words[index] = words[index].replace(&bare, "PID");
            } else if words[index].starts_with("ago)") {
                let number = words[..index].iter().rposition(|it| it.starts_with('(')).unwrap();
                for word in &mut words[number..index] {
                    *word = String::new();
                }
                words[index] = words[index].replace("ago)", "(AGO)");
            }
        }
        let mut line = words.join(" ");
        while line.contains("  (AGO)") {
            line = line.replace("  (AGO)", " (AGO)");
        }
        steady.push_str(line.trim_end());
        steady.push('\n');
    }
    steady
}

fn explained(project: &Project, id: &str) -> String {
    steady(&project.run(&["explain", id]).ok().stdout)
}

#[test]
fn a_pair_that_nobody_watches() {
    let project = applied("");
    assert_snapshot!(explained(&project, "embedded/w-backup"), @r"
pair      embedded/w, backed up by embedded/w-backup
rules     the two never run at once (exclusive)
          3 failures in a row count as failing
          a stop has to be proven within 15s 100ms
          what was started is on duty when it has been well for 100ms
          duty goes back by itself, after 10m or longer
          at most 3 failovers within 1h
duty      embedded/w is on duty, embedded/w-backup stands by; since when is not known
primary   embedded/w: running, pid PID (healthy), since TIME (AGO)
          failures in a row: not known, because only a watch counts them
backup    embedded/w-backup: stopped (stopped)
          failures in a row: not known, because only a watch counts them
failovers 0 of 3 within 1h
next      when embedded/w fails 3 times in a row or is given up, it is stopped, proven stopped (up to 15s 100ms), and embedded/w-backup is started
watch     nobody watches, so nothing of this happens before somebody runs `redundancy watch`
");
}

#[test]
fn a_pair_before_it_is_there() {
    let project = Project::new(crate::duty::PAIR);
    assert_snapshot!(explained(&project, "embedded/w"), @r"
pair      embedded/w, backed up by embedded/w-backup
rules     the two never run at once (exclusive)
          3 failures in a row count as failing
          a stop has to be proven within 15s 100ms
          what was started is on duty when it has been well for 100ms
          duty goes back by itself, after 10m or longer
          at most 3 failovers within 1h
duty      embedded/w is to be started, embedded/w-backup stands by; since when is not known
primary   embedded/w: missing (unhealthy)
          failures in a row: not known, because only a watch counts them
backup    embedded/w-backup: missing (unhealthy)
          failures in a row: not known, because only a watch counts them
failovers 0 of 3 within 1h
next      embedded/w is started
          when embedded/w has been well for 100ms, it is on duty
          when embedded/w fails 3 times in a row, embedded/w-backup is tried
watch     nobody watches, so nothing of this happens before somebody runs `redundancy watch`
");
}

#[test]
fn a_pair_with_its_primary_on_duty() {
    let project = applied("");
    let _watch = watched(&project);
    wait_for_duty(&project, "embedded/w", "on_duty");
    assert_snapshot!(explained(&project, "embedded/w"), @r"
pair      embedded/w, backed up by embedded/w-backup
rules     the two never run at once (exclusive)
          3 failures in a row count as failing
          a stop has to be proven within 15s 100ms
          what was started is on duty when it has been well for 100ms
          duty goes back by itself, after 10m or longer
          at most 3 failovers within 1h
duty      embedded/w is on duty, embedded/w-backup stands by, since TIME (AGO): it was so when the controller began
primary   embedded/w: running, pid PID (healthy), since TIME (AGO)
          0 of 3 failures in a row; well since TIME (AGO)
backup    embedded/w-backup: stopped (stopped)
          0 of 3 failures in a row
failovers 0 of 3 within 1h
next      when embedded/w fails 3 times in a row or is given up, it is stopped, proven stopped (up to 15s 100ms), and embedded/w-backup is started
watch     `redundancy watch`, pid PID, since TIME
");
}

#[test]
fn a_pair_that_a_person_moved() {
    let project = applied("");
    let _watch = watched(&project);
    project.run(&["failover", "embedded/w"]).ok();
    assert_snapshot!(explained(&project, "embedded/w"), @r"
pair      embedded/w, backed up by embedded/w-backup
rules     the two never run at once (exclusive)
          3 failures in a row count as failing
          a stop has to be proven within 15s 100ms
          what was started is on duty when it has been well for 100ms
          duty goes back by itself, after 10m or longer
          at most 3 failovers within 1h
duty      embedded/w stands by, embedded/w-backup is on duty, since TIME (AGO): you asked for it
primary   embedded/w: stopped (stopped)
          0 of 3 failures in a row
backup    embedded/w-backup: running, pid PID (healthy), since TIME (AGO)
          0 of 3 failures in a row; well since TIME (AGO)
failovers 0 of 3 within 1h
next      when embedded/w-backup fails 3 times in a row or is given up, it is stopped, proven stopped (up to 15s 100ms), and embedded/w is started
          duty waits for `redundancy handback embedded/w` (a person moved duty here)
watch     `redundancy watch`, pid PID, since TIME
");
}

#[test]
fn a_pair_that_failed_over() {
    let project = applied("");
    let config = project.read("redundancy.toml").replace("runner = \"embedded\"\n", "");
    project.config(&config.replacen("[failover]", "[failover]\nfall = 1", 1));
    let watch = watched(&project);
    kill(project.pid("w").unwrap());
    watch.wait_for_log("the backup is on duty: the primary ended");
    assert_snapshot!(explained(&project, "embedded/w"), @r"
pair      embedded/w, backed up by embedded/w-backup
rules     the two never run at once (exclusive)
          one failure counts as failing
          a stop has to be proven within 15s 100ms
          what was started is on duty when it has been well for 100ms
          duty goes back by itself, after 10m or longer
          at most 3 failovers within 1h
duty      embedded/w stands by, embedded/w-backup is on duty, since TIME (AGO): the primary ended
primary   embedded/w: stopped (stopped)
          1 of 1 failures in a row (ended)
backup    embedded/w-backup: running, pid PID (healthy), since TIME (AGO)
          0 of 1 failures in a row; well since TIME (AGO)
failovers 1 of 3 within 1h
next      when embedded/w-backup fails once or is given up, it is stopped, proven stopped (up to 15s 100ms), and embedded/w is started
          at TIME: duty goes back to embedded/w, after a hold of 10m
watch     `redundancy watch`, pid PID, since TIME
");
    let json = project.run(&["explain", "embedded/w", "--json"]).ok().stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["version"], 1);
    assert_eq!(json["pair"]["serving"], "backup");
    assert_eq!(json["pair"]["failovers"], 1);
    assert_eq!(json["resources"][1]["duty"]["phase"], "on_duty");
    assert!(json["next"][1]["at"].is_string(), "{json:#}");
}

#[test]
fn a_pair_that_is_paused() {
    let project = applied("");
    let _watch = watched(&project);
    project.run(&["pause", "embedded/w", "--for", "1h", "--reason", "it moves"]).ok();
    assert_snapshot!(explained(&project, "embedded/w"), @r"
pair      embedded/w, backed up by embedded/w-backup
rules     the two never run at once (exclusive)
          3 failures in a row count as failing
          a stop has to be proven within 15s 100ms
          what was started is on duty when it has been well for 100ms
          duty goes back by itself, after 10m or longer
          at most 3 failovers within 1h
duty      paused, with embedded/w on duty
primary   embedded/w: running, pid PID (healthy), since TIME (AGO)
          0 of 3 failures in a row; well since TIME (AGO)
backup    embedded/w-backup: stopped (stopped)
          0 of 3 failures in a row
failovers 0 of 3 within 1h
paused    embedded/w until TIME: it moves
next      at TIME: the pause ends; until then nothing is started, stopped or moved
watch     `redundancy watch`, pid PID, since TIME
");
}

#[test]
fn a_pair_side_by_side() {
    let project = Project::new(
        "[[process]]\nname = \"p\"\ncommand = [\"sleep\", \"1000\"]\n\
         [[process]]\nname = \"p-backup\"\nbacks_up = \"p\"\nmode = \"parallel\"\n\
         command = [\"sleep\", \"1000\"]\n",
    );
    project.run(&["apply", "--yes"]).ok();
    assert_snapshot!(explained(&project, "embedded/p"), @r"
pair      embedded/p, backed up by embedded/p-backup
rules     the two run side by side (parallel)
          3 failures in a row count as failing
duty      embedded/p is on duty, embedded/p-backup is beside; since when is not known
primary   embedded/p: running, pid PID (healthy), since TIME (AGO)
          failures in a row: not known, because only a watch counts them
backup    embedded/p-backup: running, pid PID (healthy), since TIME (AGO)
          failures in a row: not known, because only a watch counts them
next      when embedded/p fails 3 times in a row and embedded/p-backup does well, the work rests on embedded/p-backup; neither is stopped
watch     nobody watches, so nothing of this happens before somebody runs `redundancy watch`
");
}

#[test]
fn one_that_is_in_no_pair() {
    let project = Project::new(
        "[failover]\nmax_recovery_attempts = 0\n\
         [[process]]\nname = \"w\"\ncommand = [\"false\"]\nmax_restarts = 0\n",
    );
    assert_snapshot!(explained(&project, "embedded/w"), @r"
        resource  embedded/w: missing (unhealthy)
                  it is in no pair; not managed by this tool
        next      create embedded/w: the config asks for it and it is not there
        watch     nobody watches, so nothing of this happens before somebody runs `redundancy watch`
        ");
    project.run(&["apply", "--yes"]).ok();
    wait_for("it was given up", || {
        (project.status("embedded/w")["health"] == "failed").then_some(())
    });
    assert_snapshot!(explained(&project, "embedded/w"), @r"
resource  embedded/w: failed: ended; failures in a row: 1 (failed), since TIME (AGO)
          it is in no pair; managed by this tool
          left alone: given up: ended; failures in a row: 1
next      `redundancy recover embedded/w` tries it again
watch     nobody watches, so nothing of this happens before somebody runs `redundancy watch`
");
    let slip = project.run(&["explain", "embedded/x"]);
    assert_eq!(slip.code, 1);
    assert!(slip.stderr.contains("there is no resource embedded/x"), "{}", slip.stderr);
}

#[test]
fn it_says_of_each_what_status_says() {
    let project = Project::new(
        "[[process]]\nname = \"w\"\ncommand = [\"sleep\", \"1000\"]\n\
         [[process]]\nname = \"off\"\nstate = \"stopped\"\ncommand = [\"sleep\", \"1000\"]\n\
         [[workflow]]\nbacks_up = \"gone.yml\"\n[[workflow]]\nbacks_up = \"ci.yml\"\n",
    );
    project.write(".github/workflows/ci.yml", "on: push\njobs: {}\n");
    project.run(&["apply", "--yes"]);
    let json = |arguments: &[&str]| -> Value {
        serde_json::from_str(&project.run(arguments).ok().stdout).unwrap()
    };
    let status = json(&["status", "--json"]);
    let rows = status["resources"].as_array().unwrap();
    assert!(rows.iter().any(|it| it["health"] == "failed"), "{rows:?}");
    for row in rows {
        let id = row["id"].as_str().unwrap();
        let explained = json(&["explain", id, "--json"]);
        let all = explained["resources"].as_array().unwrap();
        let it = all.iter().find(|it| it["id"] == *id).unwrap();
        assert_eq!((&it["state"], &it["health"]), (&row["state"], &row["health"]), "{id}");
    }
}
