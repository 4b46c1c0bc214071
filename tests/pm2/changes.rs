//! Edits of the config: what is changed, what is restarted for it, and what is not.

use std::collections::BTreeSet;

use crate::world::{World, is_alive, variable, wait_until, worker};

#[test]
fn an_edit_changes_its_one_field_and_restarts_its_one_app() {
    let world = World::new(&(worker("w") + "max_restarts = 3\n" + &worker("other")));
    world.settle();
    let (first, other) = (world.pid("w"), world.pid("other"));
    world.config(&(worker("w") + "max_restarts = 4\n" + &worker("other")));
    insta::assert_snapshot!(world.plan(), @r"
    ~ update  pm2/w  the config has changed
        max_restarts  3 → 4
        it is restarted for that

    Plan: 1 to update.
    Next: `redundancy apply` makes these changes.
    ");
    world.settle();
    assert_ne!(world.pid("w"), first);
    assert!(!is_alive(first));
    assert_eq!(world.pid("other"), other);
    assert_eq!(world.app("w")["pm2_env"]["max_restarts"], 4);
}

#[test]
fn what_an_app_stands_in_for_and_whether_it_must_run_is_changed_without_a_restart() {
    let backup = |of: &str| worker("b") + &format!("backs_up = \"{of}\"\nmode = \"parallel\"\n");
    let primaries = worker("p") + &worker("q");
    let world = World::new(&(primaries.clone() + &backup("p")));
    world.settle();
    let pid = world.pid("b");
    world.config(&(primaries.clone() + &backup("q")));
    world.settle();
    assert_eq!(world.status("b")["backs_up"], "q");
    world.config(&(primaries + &backup("q") + "state = \"running\"\n"));
    world.settle();
    assert_eq!(world.pid("b"), pid);
}

#[test]
fn instances_are_added_and_taken_away_and_those_that_stay_run_on() {
    let of = |instances| worker("w") + &format!("pm2.instances = {instances}\n");
    let world = World::new(&of(2));
    world.settle();
    let two = world.pids("w");
    assert_eq!(two.len(), 2);
    world.config(&of(3));
    let plan = world.plan();
    assert!(plan.contains("pm2.instances  2 → 3"), "{plan}");
    assert!(plan.contains("the config has changed"), "{plan}");
    assert!(!plan.contains("restarted for that"), "{plan}");
    world.settle();
    let three = world.pids("w");
    assert_eq!(three.len(), 3);
    assert!(three.is_superset(&two));
    let marks: BTreeSet<_> = three.iter().map(|&pid| variable(pid, "REDUNDANCY_MARK")).collect();
    assert!(marks.iter().all(Option::is_some));
    let registrations: BTreeSet<_> =
        three.iter().map(|&pid| variable(pid, "unique_id").unwrap()).collect();
    assert_eq!(registrations.len(), 1, "PM2 has one number for all instances of an app");
    world.config(&of(1));
    world.settle();
    let one = world.pids("w");
    assert_eq!(one.len(), 1);
    assert!(two.is_superset(&one));
    // And killed for good, not left behind.
    let deleted: Vec<i32> = three.difference(&one).copied().collect();
    assert!(deleted.into_iter().all(|pid| !is_alive(pid)));
}

#[test]
fn a_variable_that_is_taken_from_the_config_is_taken_from_the_app() {
    let with = |env: &str| worker("w") + &format!("env = {{ {env} }}\n");
    let world = World::new(&with("A = \"1\", B = \"2\""));
    world.settle();
    let pid = world.pid("w");
    assert_eq!(variable(pid, "A").as_deref(), Some("1"));
    world.config(&with("B = \"3\""));
    let plan = world.plan();
    assert!(plan.contains("env.A") && plan.contains("env.B"), "{plan}");
    world.settle();
    let pid = world.pid("w");
    assert_eq!(variable(pid, "A"), None);
    assert_eq!(variable(pid, "B").as_deref(), Some("3"));
}

#[test]
fn everything_that_can_be_said_of_an_app_reads_back_as_it_was_said() {
    let full = "[[process]]
name = \"full\"
script = \"beat.js\"
args = [\"beats/full\", \"with space\", \"--flag=ü\", \"\"]
cwd = \".\"
env = { SOME = \"thing\", EMPTY = \"\", TZ = \"UTC\", LINES_2 = \"a\\nb\" }
restart = \"on-failure\"
max_restarts = 7
min_uptime = \"1500ms\"
backoff = { initial = \"250ms\" }
stop_timeout = \"3s\"
pm2 = { instances = 2, interpreter_args = [\"--max-old-space-size=100\"], namespace = \"ns\", max_memory_restart = \"300MiB\", stop_exit_codes = [3, 1], wait_ready = false, listen_timeout = \"2s\", out_file = \"log/out.txt\", error_file = \"log/err.txt\", log_date_format = \"YYYY-MM-DD\" }
";
    let world = World::new(full);
    world.settle();
    assert_eq!(world.pids("full").len(), 2);
    assert_eq!(variable(*world.pids("full").first().unwrap(), "SOME").as_deref(), Some("thing"));
    wait_until("it works", || !world.beats("full").is_empty());
    // Nor does anything change with what PM2 writes and reads again.
    world.pm2(&["save"]);
    world.pm2(&["kill"]);
    world.pm2(&["resurrect"]);
    world.wait_settled();
}

#[test]
fn instances_of_what_is_off_do_not_run() {
    let of = |instances, state| {
        worker("w") + &format!("state = \"{state}\"\npm2.instances = {instances}\n")
    };
    let world = World::new(&of(3, "stopped"));
    world.settle();
    assert!(world.pids("w").is_empty(), "nothing of it runs");
    world.config(&of(2, "stopped"));
    world.settle();
    assert!(world.pids("w").is_empty());
    world.config(&of(2, "running"));
    world.settle();
    let two = world.pids("w");
    assert_eq!(two.len(), 2);
    // One of them alone is stopped by a person: the other still runs, and should not.
    let id = world.instances("w")[1]["pm_id"].to_string();
    world.pm2(&["stop", &id]);
    world.config(&of(2, "stopped"));
    world.settle();
    assert!(two.into_iter().all(|pid| !is_alive(pid)));
}

#[test]
fn more_instances_of_what_a_person_stopped_do_not_start_it() {
    let of = |instances| worker("w") + &format!("pm2.instances = {instances}\n");
    let world = World::new(&of(2));
    world.settle();
    world.pm2(&["stop", "w"]);
    let watch = world.watch();
    world.config(&of(3));
    watch.wait_for_log("pm2/w: update done");
    watch.end_well();
    assert!(world.state("w").contains("by hand"), "{}", world.state("w"));
    assert!(world.pids("w").is_empty(), "nothing was started");
    world.settle();
    assert_eq!(world.pids("w").len(), 3);
}

#[test]
fn instances_that_could_not_be_started_are_not_left_behind() {
    let world =
        World::new("[[process]]\nname = \"g\"\ncommand = [\"./prog\"]\npm2.instances = 3\n");
    world.write("prog", "#!/nowhere/at/all\n");
    std::fs::set_permissions(
        world.path("prog"),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let run = world.run(&["apply", "--yes"]);
    assert!(run.said().contains("its program or its folder is missing"), "{}", run.said());
    assert!(world.instances("g").is_empty());
}
#[test]
fn the_last_app_that_gets_another_runner_runs_only_there() {
    let world = World::new("");
    world.write("redundancy.toml", &worker("w"));
    world.settle();
    let before = world.pid("w");
    world.write("redundancy.toml", &(worker("w") + "runner = \"embedded\"\n"));
    world.settle();
    assert!(!is_alive(before));
    assert!(world.instances("w").is_empty());
}
