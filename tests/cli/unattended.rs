//! What may happen to a watch in a year that nobody looks after it.

use std::{
    fs,
    io::Read,
    process::{Command, Stdio},
};

use rustix::process::Signal;
use serde_json::Value;

use crate::project::{PROGRAM, Project, Watch, is_alive, kill, running_with, signal, wait_for};

const WORKER: &str = "[controller]\nlook_every = \"1s\"\n\
    [[process]]\nname = \"w\"\ncommand = [\"sleep\", \"1000\"]\n";

/// The files beside the journal that an earlier one is kept as.
fn kept(project: &Project, why: &str) -> Vec<String> {
    let all = fs::read_dir(project.path(".redundancy")).unwrap().flatten();
    let names = all.map(|it| it.file_name().to_string_lossy().into_owned());
    names.filter(|it| it.starts_with(&format!("journal.{why}-"))).collect()
}

/// Has the watch begin with what is in the place of the journal, and do its work.
fn begins_anew(project: &Project, why: &str, said: &str) {
    let watch = project.watch();
    watch.wait_for_log(said);
    let first = project.wait_for_pid("w", None);
    kill(first);
    project.wait_for_pid("w", Some(first));
    watch.end_well();
    assert_eq!(kept(project, why).iter().filter(|it| !it.ends_with("-wal")).count(), 1);
    let history = project.run(&["history"]).ok().stdout;
    assert!(history.contains(said) && history.contains("embedded/w"), "{history}");
}

#[test]
fn a_watch_that_finds_a_damaged_journal_keeps_it_and_says_so() {
    let project = Project::new(WORKER);
    project.write(".redundancy/journal.db", "this is no database, and it is longer than a header");
    begins_anew(&project, "broken", "the journal was damaged (");
}

#[test]
fn a_watch_that_finds_a_newer_journal_keeps_it_and_says_so() {
    let project = Project::new(WORKER);
    fs::create_dir(project.path(".redundancy")).unwrap();
    let newer = rusqlite::Connection::open(project.path(".redundancy/journal.db")).unwrap();
    newer.pragma_update(None, "user_version", 1000).unwrap();
    drop(newer);
    // Somebody who looks on can use the newer version instead.
    let refused = project.run(&["apply", "--yes"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("by a newer version of redundancy"), "{}", refused.stderr);
    begins_anew(&project, "newer", "the journal was written by a newer version (format 1000");
}

#[test]
fn a_journal_that_is_damaged_or_taken_away_under_a_watch_is_begun_anew_with_what_it_remembers() {
    let pair = "[failover]\nfall = 1\nsettle = \"10ms\"\nrise = 1\nhand_back = \"manual\"\n\
        [[process]]\nname = \"b\"\nbacks_up = \"w\"\ncommand = [\"sleep\", \"1000\"]\n\
        [[process]]\nname = \"v\"\ncommand = [\"sleep\", \"1000\"]\n";
    let project = Project::new(&format!("{WORKER}{pair}"));
    let watch = project.watch();
    project.wait_for_pid("w", None);
    project.run(&["failover", "embedded/w"]).ok();
    let backup = project.wait_for_pid("b", None);
    let mut other = project.wait_for_pid("v", None);
    let journal = project.path(".redundancy/journal.db");
    for (how, said) in [(true, "the journal was damaged ("), (false, "the journal was taken away")]
    {
        if how {
            let damaged = "this is no database, and it is longer than a header";
            project.write("damaged", damaged);
            fs::rename(project.path("damaged"), &journal).unwrap();
            // From these SQLite would make it whole again.
            for leftover in ["-wal", "-shm"] {
                fs::remove_file(project.path(&format!(".redundancy/journal.db{leftover}")))
                    .unwrap();
            }
        } else {
            fs::remove_file(&journal).unwrap();
        }
        kill(other);
        other = project.wait_for_pid("v", Some(other));
        watch.wait_for_log(said);
        wait_for("it is in the history", || {
            project.run(&["history"]).ok().stdout.contains(said).then_some(())
        });
        wait_for("who is on duty is remembered", || {
            let journal = rusqlite::Connection::open(&journal).ok()?;
            let sql = "SELECT value FROM memory WHERE key = 'memory'";
            let memory = journal.query_row(sql, [], |row| row.get::<_, String>(0)).ok()?;
            memory.contains("embedded/b").then_some(())
        });
    }
    assert_eq!(kept(&project, "broken").len(), 1);
    watch.end_well();
    // The next one goes by it.
    let watch = project.watch();
    watch.wait_for_log("the watch began");
    assert_eq!(project.pid("b"), Some(backup));
    watch.end_well();
    assert_eq!(project.pid("w"), None);
}

#[test]
fn after_a_suspension_everything_is_looked_at() {
    let project = Project::new(WORKER);
    let watch = project.watch();
    let first = project.wait_for_pid("w", None);
    signal(watch.pid(), Signal::STOP);
    kill(first);
    wait_for("its end", || (!is_alive(first)).then_some(()));
    signal(watch.pid(), Signal::CONT);
    project.wait_for_pid("w", Some(first));
    watch.end_well();
}

#[test]
fn the_end_of_its_terminal_ends_a_watch_as_it_should() {
    let project = Project::new(WORKER);
    // Whoever runs the tests may ignore the signal, and what is ignored is inherited.
    let mut env = std::process::Command::new("env");
    env.arg("--default-signal=HUP")
        .arg(crate::project::PROGRAM)
        .arg("watch")
        .current_dir(project.root());
    env.env("NO_COLOR", "1")
        .env("PM2_HOME", project.path("pm2"))
        .stdin(std::process::Stdio::null());
    let watch = crate::running::Watch::start(env);
    let process = project.wait_for_pid("w", None);
    signal(watch.pid(), Signal::HUP);
    watch.wait_for_log("the watch ended");
    drop(watch);
    assert_eq!(project.pid("w"), Some(process));

    // Unless whoever began it would have it go on, as by nohup.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$@\"", "sh", PROGRAM, "watch"]);
    let watch = Watch::start(in_project(&project, command));
    watch.wait_for_log("the watch began");
    signal(watch.pid(), Signal::HUP);
    kill(process);
    project.wait_for_pid("w", Some(process));
    watch.end_well();
}

/// The command, as the program is run in the project.
fn in_project(project: &Project, mut command: Command) -> Command {
    for (key, value) in project.command(&[]).get_envs() {
        match value {
            Some(value) => command.env(key, value),
            None => command.env_remove(key),
        };
    }
    command.current_dir(project.root());
    command
}

#[test]
fn a_watch_that_nobody_listens_to_any_more_goes_on() {
    let project = Project::new(WORKER);
    let mut command = project.command(&["watch"]);
    let mut watch = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first_words = [0; 16];
    watch.stderr.as_mut().unwrap().read_exact(&mut first_words).unwrap();
    drop((watch.stdout.take(), watch.stderr.take()));
    let first = project.wait_for_pid("w", None);
    kill(first);
    let second = project.wait_for_pid("w", Some(first));
    kill(second);
    project.wait_for_pid("w", Some(second));
    signal(watch.id(), Signal::TERM);
    assert!(watch.wait().unwrap().success());
    let log = project.read("automation/logs/master-redundancy.log");
    assert!(log.contains("the watch ended"), "{log}");
}

#[test]
fn a_verb_that_nobody_listens_to_any_more_ends_without_a_panic() {
    let project = Project::new(WORKER);
    for verb in [&["status"][..], &["plan"], &["status", "--json"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = project.command(verb).stdout(writer).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!said.contains("panicked"), "{said}");
        assert!(output.status.code().is_some_and(|it| it != 101), "{:?}", output.status);
    }
}

#[test]
fn a_stop_while_changes_are_made_leaves_nothing() {
    let marker = format!("stopped-meanwhile-{}", std::process::id());
    let mut config = "[controller]\n".to_owned();
    for n in 0..30 {
        let command = format!("[\"sh\", \"-c\", \"sleep 1000; true\", \"{marker}\"]");
        config += &format!("[[process]]\nname = \"p{n}\"\ncommand = {command}\n");
    }
    let project = Project::new(&config);
    let mut apply = project.command(&["apply", "--yes"]).stdout(Stdio::null()).spawn().unwrap();
    wait_for("it has begun", || (running_with(&marker) > 0).then_some(()));
    let stopped = project.run(&["stop"]);
    let applied = apply.wait().unwrap();
    // Whoever comes second is told to wait, or waits; what is left is ended then.
    if stopped.code != 0 {
        assert!(!stopped.stderr.is_empty());
        project.run(&["stop"]).ok();
    }
    assert!(applied.code().is_some(), "{applied}");
    assert_eq!(running_with(&marker), 0);
}

#[test]
fn each_provider_is_a_component_of_its_own() {
    let project = Project::new(&format!(
        "{WORKER}[[process]]\nname = \"x\"\ncommand = [\"false\"]\nmax_restarts = 0\n\
         [[workflow]]\nbacks_up = \"gone.yml\"\n"
    ));
    let json = || -> Value {
        serde_json::from_str(&project.run(&["status", "--json"]).ok().stdout).unwrap()
    };
    let of = |status: &Value, name: &str| {
        let all = status["components"].as_array().unwrap();
        all.iter().find(|it| it["provider"] == name).cloned().unwrap_or(Value::Null)
    };
    let before = of(&json(), "embedded");
    assert_eq!((&before["state"], &before["begun_anew"]), (&"working".into(), &Value::Null));

    let watch = project.watch();
    project.wait_for_pid("w", None);
    wait_for("the watch says how it does", || {
        (of(&json(), "embedded")["begun_anew"] == 0).then_some(())
    });
    wait_for("one of two is healthy", || {
        let shown = project.run(&["status"]).ok().stdout;
        let line = "  embedded: 1 of 2 healthy; works\n";
        (shown.contains("the system: 1 of 3 healthy\n") && shown.contains(line)).then_some(())
    });

    // The folder of its records is gone: it can't be asked, and the watch knows since when.
    let (folder, aside) = (project.path(".redundancy/embedded"), project.path("aside"));
    fs::rename(&folder, &aside).unwrap();
    fs::write(&folder, "a file in the way").unwrap();
    let blind = wait_for("it can't be asked", || {
        let it = of(&json(), "embedded");
        it["since"].is_string().then_some(it)
    });
    assert_eq!(blind["state"], "not_asked");
    let shown = project.run(&["status"]).ok().stdout;
    let line = shown.lines().find(|it| it.starts_with("  embedded: ")).unwrap();
    assert!(line.contains("; could not be asked since 2"), "{line}");
    assert!(line.contains("2 unknown"), "{line}");
    fs::remove_file(&folder).unwrap();
    fs::rename(&aside, &folder).unwrap();
    wait_for("it works again", || {
        let it = of(&json(), "embedded");
        (it["state"] == "working" && it["since"].is_null()).then_some(())
    });
    watch.end_well();
}
