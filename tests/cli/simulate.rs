//! What would happen if something failed, told before it does.

use insta::assert_snapshot;
use serde_json::Value;

use crate::project::Project;

const PAIR: &str = r#"
[failover]
hold = "2m"
settle = "5s"

[[process]]
name = "p"
command = ["sleep", "1000"]

[[process]]
name = "p-backup"
backs_up = "p"
command = ["sleep", "1000"]
"#;

fn running() -> Project {
    let project = Project::new(PAIR);
    project.run(&["apply", "--yes"]).ok();
    project.wait_for_pid("p", None);
    project
}

#[test]
fn a_failover_is_told_before_it_happens() {
    let project = running();
    let before = project.pid("p");
    assert_snapshot!(project.run(&["plan", "--simulate", "kill embedded/p"]).ok().stdout, @r"
WHEN         RESOURCE           WHAT HAPPENS
+0 s         embedded/p         is killed
+0 s         embedded/p         start: drift: it should run, and was ended by SIGKILL
+0 s         embedded/p         dies again
+0 s         embedded/p         start: drift: it should run, and was ended by SIGKILL
+0 s         embedded/p         dies again
+0 s         embedded/p-backup  duty goes to the backup: the primary was ended by SIGKILL
+0 s         embedded/p         stop (up to 10 s): it goes off duty
+10 s        embedded/p         is stopped, and that is seen
+10 s        embedded/p-backup  start: it comes on duty
+15 s        embedded/p-backup  the backup is on duty: the primary was ended by SIGKILL
+2 min 15 s  embedded/p-backup  hand-back: the primary gets its duty back
+2 min 15 s  embedded/p-backup  stop (up to 10 s): it goes off duty
+2 min 25 s  embedded/p-backup  is stopped, and that is seen
+2 min 25 s  embedded/p         start: it comes on duty
+2 min 25 s  embedded/p         dies again
+2 min 25 s  embedded/p         start: it comes on duty
+2 min 25 s  embedded/p         dies again
+2 min 26 s  embedded/p         start: it comes on duty
+2 min 26 s  embedded/p         dies again
+2 min 26 s  embedded/p-backup  duty goes to the backup: the primary was ended by SIGKILL
+2 min 26 s  embedded/p         stop (up to 10 s): it goes off duty
+2 min 36 s  embedded/p         is stopped, and that is seen
+2 min 36 s  embedded/p-backup  start: it comes on duty
+2 min 41 s  embedded/p-backup  the backup is on duty: the primary was ended by SIGKILL

Assumed:
- a start takes no time, a stop as long as it may at most, and both work
- nothing else fails or is changed; what the plan has to do is done before
- the watch runs, and hears of everything at once; looked ahead: 30 minutes
");
    assert_snapshot!(project.run(&["plan", "--simulate", "crash embedded/p"]).ok().stdout, @r"
WHEN  RESOURCE    WHAT HAPPENS
+0 s  embedded/p  crashes
+0 s  embedded/p  start: drift: it should run, and was ended by SIGKILL

Assumed:
- a start takes no time, a stop as long as it may at most, and both work
- nothing else fails or is changed; what the plan has to do is done before
- the watch runs, and hears of everything at once; looked ahead: 30 minutes
");
    assert_snapshot!(project.run(&["plan", "--simulate", "freeze embedded/p"]).ok().stdout, @r"
WHEN  RESOURCE    WHAT HAPPENS
+0 s  embedded/p  freezes
+0 s  embedded/p  restart (up to 10 s): recovery: it is frozen

Assumed:
- a start takes no time, a stop as long as it may at most, and both work
- nothing else fails or is changed; what the plan has to do is done before
- the watch runs, and hears of everything at once; looked ahead: 30 minutes
");
    assert_eq!(project.pid("p"), before, "nothing is touched");
    assert_eq!(project.pid("p-backup"), None);
}

#[test]
fn a_program_can_read_it() {
    let project = running();
    let told = project.run(&["plan", "--json", "--simulate", "crash embedded/p"]).ok().stdout;
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["version"], 1);
    assert_eq!(told["happenings"][0]["id"], "embedded/p");
    assert_eq!(told["happenings"][0]["after_ms"], 0);
    assert_eq!(told["happenings"][0]["text"], "crashes");
    assert!(told["assumptions"].as_array().is_some_and(|it| !it.is_empty()));
}

#[test]
fn what_can_not_happen_is_refused() {
    let project = running();
    for (event, why) in [
        ("kill embedded/q", "there is no resource embedded/q; did you mean embedded/p?"),
        ("kill embedded/p-backup", "embedded/p-backup does not run (stopped)"),
        ("flood embedded/p", "what is to happen is \"kill ID\""),
        ("kill", "what is to happen is \"kill ID\""),
    ] {
        let run = project.run(&["plan", "--simulate", event]);
        assert!(run.code != 0 && run.stderr.contains(why), "{event}: {}", run.stderr);
    }
}
