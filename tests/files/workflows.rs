//! Which workflows have a backup, and what it is.

use crate::{World, told};

const BODY: &str = "on: push\njobs:\n  a:\n    runs-on: x\n";

#[test]
fn a_backup_does_the_same_at_another_time() {
    let world = World::of_workflows(&[(
        "nightly.yml",
        "# Builds every night.\n\
         name: Nightly\n\
         on:\n  push:\n    branches: [main]\n  schedule:\n  - cron: 0 3 * * *\n  workflow_dispatch:\n    inputs:\n      dry: {type: boolean}\n\
         permissions: {}\n\
         concurrency: nightly\n\
         jobs:\n  build:\n    runs-on: ubuntu-latest\n    steps:\n    - uses: actions/checkout@v4\n    - run: |\n        make\n        make test\n",
    )]);
    world.settle();
    let text = world.read(".github/workflows/nightly-backup.yml");
    let (mark, text): (Vec<_>, Vec<_>) = text.lines().partition(|it| it.contains("written="));
    assert_eq!(mark.len(), 1);
    insta::assert_snapshot!(text.join("\n"), @"");
}

#[test]
fn what_has_no_group_gets_one() {
    let world = World::of_workflows(&[("ci.yml", BODY)]);
    world.settle();
    let text = world.read(".github/workflows/ci-backup.yml");
    assert!(text.contains("\nname: ci (backup)\non:\n"), "{text}");
    assert!(
        text.contains("concurrency:\n  group: ci-backup\n  cancel-in-progress: false\n"),
        "{text}"
    );
}

#[test]
fn the_time_does_not_depend_on_where_the_project_is() {
    let cron = |schedule: &str| {
        let config = format!("[[workflow]]\nbacks_up = '*'\nschedule = '{schedule}'");
        let world = World::new(&config, &[(".github/workflows/ci.yml", BODY)]);
        world.settle();
        let text = world.read(".github/workflows/ci-backup.yml");
        text.split("cron: ").nth(1).unwrap().lines().next().unwrap().to_owned()
    };
    for schedule in ["hourly", "daily", "weekly"] {
        assert_eq!(cron(schedule), cron(schedule));
    }
    insta::assert_snapshot!([cron("hourly"), cron("daily"), cron("weekly")].join("\n"), @"");
}

#[test]
fn what_can_t_have_a_backup_is_refused_with_the_place() {
    let refused = |text: &str| {
        let world = World::of_workflows(&[("x.yml", text)]);
        let told = told(&world.plan());
        told.strip_prefix("held github/x-backup: .github/workflows/").unwrap_or(&told).to_owned()
    };
    insta::assert_snapshot!([
        refused("name: x\n<<<<<<< HEAD\non: push\n=======\non: pull_request\n>>>>>>> main\n"),
        refused("name: x\ntrue:\n  push:\njobs:\n  a:\n    runs-on: x\n"),
        refused(&format!("{BODY}---\n{BODY}")),
        refused(&format!("{BODY}on: pull_request\n")),
        refused("on: push\njobs:\n  a:\n    runs-on: x\n    runs-on: y\n"),
        refused("on: push\n"),
        refused("on: push\njobs: {}\n"),
        refused("on: push\njobs: [a]\n"),
        refused("jobs:\n  a:\n    runs-on: x\n"),
        refused("on:\njobs:\n  a:\n    runs-on: x\n"),
        refused("on: workflow_call\njobs:\n  a:\n    runs-on: x\n"),
        refused("on:\n  workflow_call:\n    inputs: {}\njobs:\n  a:\n    runs-on: x\n"),
        refused("on: push\njobs:\n  a: {\n    runs-on: x\n"),
        refused("on: push\njobs:\n\ta:\n"),
        refused("on: push\njobs:\n  a:\n    runs-on: *x\n"),
        refused("on: push\nenv: {A: !secret x}\njobs:\n  a:\n    runs-on: x\n"),
        refused("on: push\nenv: {A: 007}\njobs:\n  a:\n    runs-on: x\n"),
        refused("%YAML 1.1\n---\non: push\njobs:\n  a:\n    runs-on: x\n"),
        refused("on: push\nconcurrency: {cancel-in-progress: true}\njobs:\n  a:\n    runs-on: x\n"),
        refused("- on\n"),
        refused(""),
        refused(&format!("{BODY}# {}", "x".repeat(500 * 1024))),
    ].join("\n"), @"");
}

#[test]
fn aliases_can_t_fill_the_memory() {
    let mut text = String::from("on: push\nenv:\n  a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for n in 1..30 {
        let refs = vec![format!("*a{}", n - 1); 9].join(", ");
        text += &format!("  a{n}: &a{n} [{refs}]\n");
    }
    let world = World::of_workflows(&[("x.yml", &format!("{text}jobs:\n  a:\n    runs-on: x\n"))]);
    insta::assert_snapshot!(told(&world.plan()), @"");
}

#[test]
fn names_that_clash_or_can_t_be_names_are_refused() {
    let long = format!("{}.yml", "x".repeat(118));
    let world = World::of_workflows(&[
        ("a.yml", BODY),
        ("a.yaml", BODY),
        ("my flow.yml", BODY),
        (&long, BODY),
        ("b.yaml", BODY),
        ("c-backup.yml", BODY),
        ("d-backup.yaml", BODY),
        ("README.md", "no workflow"),
    ]);
    insta::assert_snapshot!(told(&world.plan()), @"");
}

#[test]
fn only_what_the_config_names_has_a_backup() {
    let world = World::new(
        "[github]\nworkflows_dir = './ci/../ci'\n\
         [[workflow]]\nbacks_up = '*.yml'\nexcept = 'deploy*'\nschedule = '1 2 * * *'\n\
         [[workflow]]\nbacks_up = ['a.yml', 'd.yaml']\nschedule = '3 4 * * *'\n",
        &[
            ("ci/a.yml", BODY),
            ("ci/deploy-site.yml", BODY),
            ("ci/c.yaml", BODY),
            ("ci/d.yaml", BODY),
        ],
    );
    world.settle();
    let made = [
        "ci/a-backup.yml",
        "ci/a.yml",
        "ci/c.yaml",
        "ci/d-backup.yml",
        "ci/d.yaml",
        "ci/deploy-site.yml",
    ];
    assert_eq!(world.tree(), made);
    assert!(world.read("ci/a-backup.yml").contains("cron: 1 2 * * *"));
    assert!(world.read("ci/d-backup.yml").contains("cron: 3 4 * * *"));
}
