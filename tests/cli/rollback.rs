//! Going back to an earlier generation.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use insta::assert_snapshot;

use crate::project::{Project, embedded, wait_for};

/// A workflow that prints `word`.
fn workflow(word: &str) -> String {
    format!(
        "name: CI\non:\n  schedule:\n    - cron: \"0 4 * * *\"\n  workflow_dispatch:\njobs:\n  a:\n    \
         runs-on: ubuntu-latest\n    steps:\n      - run: echo {word}\n"
    )
}

const PRIMARY: &str = ".github/workflows/ci.yml";
const BACKUP: &str = ".github/workflows/ci-backup.yml";

/// A process that sleeps so long, with a value that nobody may see, and the backup of a workflow.
fn config(seconds: u32, value: &str) -> String {
    format!(
        "[[process]]\nname = \"worker\"\ncommand = [\"sleep\", \"{seconds}\"]\nenv = {{ TOKEN = \"{value}\" }}\n\n\
         [[workflow]]\nbacks_up = \"ci.yml\"\n"
    )
}

/// Three generations: made, the workflow changed, the process changed.
fn three() -> Project {
    let project = Project::empty();
    project.write(PRIMARY, &workflow("one"));
    project.config(&config(1000, "hidden-one"));
    project.run(&["apply", "--yes"]).ok();
    project.write(PRIMARY, &workflow("two"));
    project.run(&["apply", "--yes"]).ok();
    project.config(&config(2000, "hidden-two"));
    let third = project.run(&["apply", "--yes"]).ok();
    assert!(third.stdout.ends_with("1 change done. This is generation 3.\n"), "{}", third.stdout);
    project
}

fn without_times(text: &str) -> String {
    let is_time = |it: &str| it.trim_end_matches(',').ends_with('Z') && it.contains('T');
    let line = |line: &str| {
        let words = line.split(' ').map(|it| if is_time(it) { "TIME" } else { it });
        words.collect::<Vec<_>>().join(" ") + "\n"
    };
    text.lines().map(line).collect()
}

#[test]
fn generations_say_what_was_changed_and_what_that_replaced() {
    let project = three();
    let list = project.run(&["generations"]).ok().stdout;
    assert_snapshot!(without_times(&list), @r"
        N  WHEN                  BY     CHANGES
        3  TIME  apply  1 updated, redundancy.toml changed
        2  TIME  apply  1 updated
        1  TIME  apply  2 created
        `redundancy generations N` shows one; `redundancy rollback N` goes back to it.
        ");
    let third = project.run(&["generations", "3"]).ok().stdout;
    assert_snapshot!(without_times(&third), @r#"
        Generation 3  TIME by apply, 1 change
        redundancy.toml
            @@ -1,8 +1,8 @@
             runner = "embedded"
             [[process]]
             name = "worker"
            -command = ["sleep", "1000"]
            -(env: a line that is not shown, bddf0809)
            +command = ["sleep", "2000"]
            +(env: a line that is not shown, 59b764a6)
             
             [[workflow]]
             backs_up = "ci.yml"
        update  embedded/worker  the config has changed
            command  ["sleep", "1000"]
            env.TOKEN  (hidden, 099af7ef)
        "#);
    let all = format!("{list}{third}{}", project.run(&["generations", "--json"]).ok().stdout);
    assert!(!all.contains("hidden-"), "{all}");
    let unknown = project.run(&["generations", "9"]);
    assert_eq!(unknown.code, 1);
    assert_snapshot!(unknown.stderr, @r"
        error: there is no generation 9; `redundancy generations` lists those that are kept
        ");
}

#[test]
fn a_rollback_shows_its_plan_and_asks() {
    let project = three();
    let config = project.read("redundancy.toml");
    let asked = project.run(&["rollback", "1"]);
    assert_eq!(asked.code, 1);
    assert_snapshot!(project.steady(&asked.stdout), @r#"
        redundancy.toml
            @@ -1,8 +1,8 @@
             runner = "embedded"
             [[process]]
             name = "worker"
            -command = ["sleep", "2000"]
            -(env: a line that is not shown, 59b764a6)
            +command = ["sleep", "1000"]
            +(env: a line that is not shown, bddf0809)
             
             [[workflow]]
             backs_up = "ci.yml"
        ~ update  embedded/worker  the config has changed
            command    ["sleep", "2000"] → ["sleep", "1000"]
            env.TOKEN  (hidden, 26e68430) → (hidden, 099af7ef)
            it is restarted for that
        ~ update  github/ci-backup  you asked for it
            .github/workflows/ci-backup.yml
            @@ -76,4 +76,4 @@
                   needs.redundancy_guard.outputs.run == 'true'
                 runs-on: ubuntu-latest
                 steps:
            -      - run: echo two
            +      - run: echo one

        Plan: 2 to update.
        "#);
    assert!(asked.stderr.contains("`--yes` goes back without asking"), "{}", asked.stderr);
    assert_eq!(project.read("redundancy.toml"), config);
    assert!(project.read(BACKUP).contains("echo two"));
    project.assert_settled();
}

#[test]
fn a_rollback_brings_config_definitions_and_texts_back_until_something_changes_again() {
    let project = three();
    let pid = project.pid("worker");
    project.run(&["rollback", "1", "--yes"]).ok();
    assert_eq!(project.read("redundancy.toml"), embedded(&config(1000, "hidden-one")));
    assert!(project.read(BACKUP).contains("echo one"));
    assert!(project.read(PRIMARY).contains("echo two"), "the primary was changed");
    assert_ne!(project.pid("worker"), pid);
    project.assert_settled();

    // Forward again, as it is a generation too.
    project.run(&["rollback", "--yes"]).ok();
    assert_eq!(project.read("redundancy.toml"), embedded(&config(2000, "hidden-two")));
    assert!(project.read(BACKUP).contains("echo two"));
    project.assert_settled();

    // A text that was put back stays until its primary changes.
    project.run(&["rollback", "1", "--yes"]).ok();
    project.write(PRIMARY, &workflow("three"));
    project.run(&["apply", "--yes"]).ok();
    assert!(project.read(BACKUP).contains("echo three"));
}

#[test]
fn an_edit_that_was_not_applied_is_kept() {
    let project = three();
    let edited = config(3000, "hidden-three");
    project.config(&edited);
    let back = project.run(&["rollback", "2", "--yes"]).ok();
    assert!(back.stderr.contains("redundancy.toml as it was is generation 4\n"), "{}", back.stderr);
    assert_eq!(project.read("redundancy.toml"), embedded(&config(1000, "hidden-one")));
    project.run(&["rollback", "4", "--yes"]).ok();
    assert_eq!(project.read("redundancy.toml"), embedded(&edited));
    project.assert_settled();
}

#[test]
fn a_broken_config_and_none_at_all_are_no_hindrance() {
    let project = three();
    for broken in [Some("[[process\n"), None] {
        match broken {
            Some(text) => fs::write(project.path("redundancy.toml"), text).unwrap(),
            None => fs::remove_file(project.path("redundancy.toml")).unwrap(),
        }
        let newest = "3";
        let config = project.path("redundancy.toml");
        let config = config.to_str().unwrap();
        project.run(&["rollback", newest, "--yes", "--config", config]).ok();
        assert_eq!(project.read("redundancy.toml"), embedded(&self::config(2000, "hidden-two")));
        project.assert_settled();
    }
}

#[test]
fn what_was_edited_by_hand_stays_unless_asked() {
    let project = three();
    let edited = project.read(BACKUP) + "# mine\n";
    project.write(BACKUP, &edited);
    project.run(&["rollback", "1", "--yes"]).ok();
    assert_eq!(project.read(BACKUP), edited);
    let again = project.run(&["rollback", "1", "--yes"]).ok().stdout;
    assert!(again.ends_with("All but what is left alone is as in generation 1.\n"), "{again}");
    project.run(&["rollback", "1", "--yes", "--overwrite", "github/ci-backup"]).ok();
    assert!(project.read(BACKUP).contains("echo one"));
    assert!(!project.read(BACKUP).contains("# mine"));
}

#[test]
fn without_an_earlier_one_it_says_so() {
    let project = Project::new("[[process]]\nname = \"w\"\ncommand = [\"sleep\", \"1000\"]\n");
    let none = project.run(&["rollback", "--yes"]);
    assert_eq!(none.code, 1);
    assert_snapshot!(none.stderr, @r"
        error: nothing was changed yet: each apply becomes a generation
        ");
    project.run(&["apply", "--yes"]).ok();
    let only = project.run(&["rollback", "--yes"]);
    assert_eq!(only.code, 1);
    assert_snapshot!(only.stderr, @r"
        error: generation 1 is the only one that is kept, so there is none before it; `redundancy rollback 1` undoes what was done to redundancy.toml since then
        ");
}

#[test]
fn generations_are_private_and_a_damaged_one_is_said() {
    let project = three();
    let file = |number: u32| project.path(&format!(".redundancy/generations/{number}.json"));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&file(1)), 0o600);
    assert_eq!(mode(&project.path(".redundancy")), 0o700);
    fs::write(file(2), "{").unwrap();
    let list = project.run(&["generations"]);
    assert_eq!(list.code, 1);
    assert!(list.stderr.contains("2.json is no sound generation"), "{}", list.stderr);
    let back = project.run(&["rollback", "1", "--yes"]);
    assert_eq!(back.code, 1);
    assert!(back.stderr.contains("2.json is no sound generation"), "{}", back.stderr);
    project.assert_settled();
}

#[test]
fn where_nothing_can_be_kept_the_work_goes_on_and_it_is_said() {
    let project = Project::new("[[process]]\nname = \"w\"\ncommand = [\"sleep\", \"1000\"]\n");
    project.write(".redundancy/generations", "a file where the folder should be");
    let applied = project.run(&["apply", "--yes"]).ok();
    assert!(
        applied.stderr.contains("what is replaced now can't be put back"),
        "{}",
        applied.stderr
    );
    project.assert_settled();
}

#[test]
fn a_watch_takes_part() {
    let project = three();
    let watch = project.watch();
    watch.wait_for_log("the watch began");
    // What the watch changes is a generation too.
    project.config(&config(3000, "hidden-three"));
    watch.wait_for_log("this is generation 4");
    wait_for("it runs", || project.pid("worker"));
    // And it goes along with a rollback, instead of undoing it.
    project.run(&["rollback", "1", "--yes"]).ok();
    watch.wait_for_logs("has changed and is in force", 2);
    project.run(&["apply", "--yes"]).ok();
    assert!(project.read(BACKUP).contains("echo one"));
    let log = watch.end_well();
    assert!(!log.contains("hidden-"), "{log}");
    assert!(project.read(BACKUP).contains("echo one"));
    project.assert_settled();
}
