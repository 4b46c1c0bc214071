//! The forms of a plan: for people, for programs, for a pull request, saved.

use insta::assert_snapshot;
use serde_json::Value;

use crate::project::Project;

const WORKFLOW: &str = r"name: CI
on:
  push:
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - run: make test
";

fn project() -> Project {
    let project = Project::new("[[workflow]]\nbacks_up = \"ci.yml\"\nschedule = \"7 4 * * *\"\n");
    project.write(".github/workflows/ci.yml", WORKFLOW);
    project
}

#[test]
fn for_people() {
    let project = project();
    assert_snapshot!(project.run(&["plan"]).ok().stdout, @r"
        + create  github/ci-backup  the config asks for it and it is not there
            .github/workflows/ci-backup.yml (79 lines)

        Plan: 1 to create.
        Next: `redundancy apply` makes these changes.
        ");
    let diff = project.run(&["plan", "--diff"]).ok().stdout;
    assert!(diff.contains("\n    -name: CI\n"), "{diff}");
    assert!(diff.contains("\n    +name: CI (backup)\n"), "{diff}");
    project.run(&["apply", "--yes"]).ok();
    project.write(".github/workflows/ci.yml", &WORKFLOW.replace("make test", "make check"));
    assert_snapshot!(project.run(&["plan"]).ok().stdout, @r"
        ~ update  github/ci-backup  out of date: its primary, or the config, has changed
            .github/workflows/ci-backup.yml
            @@ -76,4 +76,4 @@
                   needs.redundancy_guard.outputs.run == 'true'
                 runs-on: ubuntu-latest
                 steps:
            -      - run: make test
            +      - run: make check

        Plan: 1 to update.
        Next: `redundancy apply` makes these changes.
        ");
}

#[test]
fn for_a_pull_request() {
    let project = project();
    project.run(&["apply", "--yes"]).ok();
    project.write(".github/workflows/ci.yml", &WORKFLOW.replace("make test", "make `x` | ```y"));
    assert_snapshot!(project.run(&["plan", "--markdown"]).ok().stdout, @r"
        ## redundancy plan

        Plan: 1 to update.

        | change | resource | why |
        | --- | --- | --- |
        | update | `github/ci-backup` | out of date: its primary, or the config, has changed |

        <details><summary>update github/ci-backup</summary>

        ````diff
        --- .github/workflows/ci-backup.yml
        +++ .github/workflows/ci-backup.yml
        @@ -76,4 +76,4 @@
               needs.redundancy_guard.outputs.run == 'true'
             runs-on: ubuntu-latest
             steps:
        -      - run: make test
        +      - run: make `x` | ```y
        ````

        </details>
        ");
}

#[test]
fn for_programs() {
    let project = project();
    let plan: Value = serde_json::from_str(&project.run(&["plan", "--json"]).ok().stdout).unwrap();
    assert_eq!(plan["version"], 1);
    let step = &plan["lanes"][0][0];
    assert_eq!(step["id"], "github/ci-backup");
    assert_eq!(step["do"], "create");
    assert_eq!(step["reason"], "missing");
    assert_eq!(step["backs_up"], "ci.yml");
    assert!(step["to"]["files"][".github/workflows/ci-backup.yml"].is_string());
    assert_eq!(plan["held"], Value::Array(Vec::new()));
}

#[test]
fn the_exit_code_tells_what_there_is_to_do() {
    let project = project();
    let code = || project.run(&["plan", "--detailed-exitcode"]).code;
    assert_eq!(code(), 2);
    project.run(&["apply", "--yes"]).ok();
    assert_eq!(code(), 0);
    let backup = project.read(".github/workflows/ci-backup.yml");
    project.write(".github/workflows/ci-backup.yml", &backup.replace("make test", "make tea"));
    assert_eq!(code(), 4);
    assert_eq!(project.run(&["plan"]).code, 0, "without the flag only an error is not 0");
    project.config("[[workflow]]\nbacks = 3\n");
    assert_eq!(code(), 1);
}

#[test]
fn a_file_edited_by_hand_is_kept_until_told_otherwise() {
    let project = project();
    project.run(&["apply", "--yes"]).ok();
    let path = ".github/workflows/ci-backup.yml";
    let edited = project.read(path).replace("make test", "make tea");
    project.write(path, &edited);
    assert_snapshot!(project.run(&["plan"]).ok().stdout, @r"
        ! left    github/ci-backup  somebody has edited it since we wrote it
            .github/workflows/ci-backup.yml
            @@ -76,4 +76,4 @@
                   needs.redundancy_guard.outputs.run == 'true'
                 runs-on: ubuntu-latest
                 steps:
            -      - run: make tea
            +      - run: make test
            help: `--overwrite github/ci-backup` makes the change shown here and loses the edit; to keep the edit, make it in what the file is made from

        Plan: 1 left alone.
        ");
    project.run(&["apply", "--yes"]).ok();
    assert_eq!(project.read(path), edited);
    project.run(&["apply", "--yes", "--overwrite", "github/ci-backup"]).ok();
    assert!(project.read(path).contains("make test"));
    project.assert_settled();
}

#[test]
fn what_is_not_ours_is_left_alone_until_adopted() {
    let project = project();
    let path = ".github/workflows/ci-backup.yml";
    project.write(path, "on: push\njobs: {}\n");
    assert_snapshot!(project.run(&["plan"]).ok().stdout, @"
    ! left    github/ci-backup  something of that name is there and is not ours
        help: `--adopt github/ci-backup` makes it ours and as the config says

    Plan: 1 left alone.
    ");
    project.run(&["apply", "--yes"]).ok();
    assert_eq!(project.read(path), "on: push\njobs: {}\n");
    project.run(&["apply", "--yes", "--adopt", "github/ci-backup"]).ok();
    project.assert_settled();
}

#[test]
fn a_saved_plan_is_what_is_done() {
    let project = project();
    project.run(&["plan", "--out", "it.plan"]).ok();
    // A change of the world that the plan does not know of, and does not touch.
    project.write(".github/workflows/other.yml", WORKFLOW);
    project.config("[[workflow]]\nbacks_up = \"*.yml\"\nschedule = \"7 4 * * *\"\n");
    project.run(&["apply", "it.plan", "--yes"]).ok();
    assert!(project.path(".github/workflows/ci-backup.yml").exists());
    assert!(!project.path(".github/workflows/other-backup.yml").exists());
    // One that had nothing does not know what there is to do now.
    project.config("[controller]\n");
    project.run(&["plan", "--target", "github/ci.yml", "--out", "none.plan"]).ok();
    let none = project.run(&["apply", "none.plan", "--yes"]).ok().stdout;
    assert_eq!(none, "There is nothing to do in this part; `redundancy plan` shows all.\n");
}

#[test]
fn a_saved_plan_is_refused_where_the_world_has_moved() {
    let project = project();
    project.write(".github/workflows/other.yml", WORKFLOW);
    project.config("[[workflow]]\nbacks_up = \"*.yml\"\nschedule = \"7 4 * * *\"\n");
    project.run(&["plan", "--out", "it.plan"]).ok();
    project.write(".github/workflows/ci.yml", &WORKFLOW.replace("make test", "make check"));
    let run = project.run(&["apply", "it.plan", "--yes"]);
    assert_eq!(run.code, 1);
    let said: Vec<&str> = run.stderr.lines().skip(1).collect();
    assert_snapshot!(said.join("\n"), @"
    refused  github/ci-backup: it is no longer as it was when the plan was made
    `redundancy plan` shows what would be done with the refused ones now.
    ");
    assert!(!project.path(".github/workflows/ci-backup.yml").exists());
    assert!(project.path(".github/workflows/other-backup.yml").exists());
}

#[test]
fn a_file_that_is_no_plan_is_refused() {
    let project = project();
    project.run(&["plan", "--out", "it.plan"]).ok();
    let plan = project.read("it.plan");
    let broken = [
        String::new(),
        "{}".to_owned(),
        plan[..plan.len() / 2].to_owned(),
        plan.replace("\"version\": 1", "\"version\": 99"),
        plan.replace("github/ci-backup", "github/../x"),
        "[[workflow]]".to_owned(),
    ];
    for text in broken {
        project.write("it.plan", &text);
        let run = project.run(&["apply", "it.plan", "--yes"]);
        assert_eq!(run.code, 1, "{text}");
        assert!(run.stderr.contains("`redundancy plan --out` makes a new one"), "{}", run.stderr);
        assert!(!project.path(".github/workflows/ci-backup.yml").exists());
    }
}

#[test]
fn a_slip_on_the_command_line_is_an_error_and_no_change_of_the_config() {
    let project = project();
    for slip in [&["plan", "--json", "--markdown"][..], &["plan", "--target", "no-slash"], &["pan"]]
    {
        assert_eq!(project.run(slip).code, 1, "{slip:?}");
    }
    assert_eq!(project.run(&["--help"]).code, 0);
}

#[test]
fn a_plan_is_saved_over_nothing_but_a_file() {
    let project = project();
    std::os::unix::fs::symlink("elsewhere", project.path("link")).unwrap();
    for there in [".github", "link"] {
        let run = project.run(&["plan", "--out", there]);
        assert_eq!(run.code, 1);
        assert!(run.stderr.contains("is no regular file"), "{}", run.stderr);
    }
    assert!(!project.path("elsewhere").exists());
}

#[test]
fn a_saved_plan_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let project = project();
    project.run(&["plan", "--out", "it.plan"]).ok();
    assert_eq!(project.path("it.plan").metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn the_next_step_makes_the_changes_that_were_shown() {
    let project = project();
    let next = |arguments: &[&str]| {
        let said = project.run(&[&["plan"], arguments].concat()).ok().stdout;
        said.lines().next_back().unwrap().to_owned()
    };
    let target = next(&["--target", "github/ci-backup", "--allow-deletions", "2"]);
    assert_snapshot!(target, @"Next: `redundancy apply --target github/ci-backup --allow-deletions 2` makes these changes.");
    assert_snapshot!(next(&["--out", "a plan"]), @"Next: `redundancy apply 'a plan'` makes these changes.");
    project.write(".github/workflows/ci-backup.yml", "on: push\njobs: {}\n");
    let adopt = next(&["--adopt", "github/ci-backup", "--exclude", "github/ci.yml"]);
    assert_snapshot!(adopt, @"Next: `redundancy apply --exclude github/ci.yml --adopt github/ci-backup` makes these changes.");
    // As it is said.
    let words: Vec<&str> = adopt.split('`').nth(1).unwrap().split(' ').skip(1).collect();
    project.run(&[words.as_slice(), &["--yes"]].concat()).ok();
    assert!(project.read(".github/workflows/ci-backup.yml").contains("make test"));
}

#[test]
fn a_long_difference_says_which_verb_has_all_of_it() {
    let project = project();
    let steps = |word: &str| {
        (0..100).fold(WORKFLOW.to_owned(), |it, n| it + &format!("      - run: {word} {n}\n"))
    };
    project.write(".github/workflows/ci.yml", &steps("one"));
    project.run(&["apply", "--yes"]).ok();
    project.write(".github/workflows/ci.yml", &steps("two"));
    let shown = project.run(&["plan"]).ok().stdout;
    assert!(shown.contains("more lines; `redundancy plan --json` has all of them"), "{shown}");
    project.run(&["apply", "--yes"]).ok();
    // Nothing else has the plan of a rollback.
    let back = project.run(&["rollback", "1"]).stdout;
    assert!(back.contains("+      - run: one 99") && !back.contains("more lines"), "{back}");
}
