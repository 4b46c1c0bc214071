//! Which workflows have a backup, and what it is.

use std::{ffi::OsStr, fmt::Write as _, fs, os::unix::ffi::OsStrExt as _};

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
    insta::assert_snapshot!(text.join("\n"), @r#"
        # The backup of nightly.yml, made by redundancy. To change it, change nightly.yml or redundancy.toml and
        # run `redundancy apply`. An edit made here is kept, and ends its updates until somebody decides.
        # Builds every night.
        name: Nightly (backup)
        on:
          workflow_dispatch:
            inputs:
              dry: {type: boolean}
          schedule:
            - cron: "14 15 * * *"
        permissions: {}
        concurrency: nightly
        jobs:
          redundancy_guard:
            runs-on: ubuntu-latest
            timeout-minutes: 5
            permissions:
              actions: read
            outputs:
              run: ${{ steps.primary.outputs.run }}
              reason: ${{ steps.primary.outputs.reason }}
            steps:
              - id: primary
                name: Does the primary need its backup?
                env:
                  TOKEN: ${{ github.token }}
                  PRIMARY: "nightly.yml"
                  STALE_AFTER: "172800" # seconds: 48h
                  ON_ERROR: "true" # whether to run when GitHub can't be asked
                shell: bash
                working-directory: .
                run: |
                  # Decides whether this backup has to do the work of its primary. It only reads, and it ends well
                  # whatever happens.
                  set +e
                  say() { # true or false, and why
                    printf 'run=%s\nreason=%s\n' "$1" "$2" >>"$GITHUB_OUTPUT"
                    echo "run: $1, because $2" | tee -a "$GITHUB_STEP_SUMMARY"
                    exit 0
                  }
                  [ "$GITHUB_EVENT_NAME" = schedule ] || say true "it was asked for"

                  # Runs of pull requests say nothing of the primary, nor do cancelled and skipped ones. A run began
                  # when it was last started again. An active one that began too long ago is stuck: two days, where
                  # nothing plans its runs. What has a dollar here is jq's.
                  # shellcheck disable=SC2016
                  judge='
                    def began: .run_started_at // .created_at | fromdate;
                    def age: now - began;
                    def old: $stale != null and age >= $stale;
                    def ended: .conclusion == ("success", "failure", "timed_out", "startup_failure");
                    [.workflow_runs[] | select(.event | startswith("pull_request") | not)] | sort_by(began, .id)
                    | (map(select(.status != "completed" and age < ($stale // 172800))) | last) as $active
                    | (map(select(ended)) | last) as $last
                    | if $active then "false the primary is at work: \($active.html_url)"
                      elif $last == null then "true no run of the primary has come to an end"
                      elif $last.conclusion != "success" then
                        "true the last run of the primary ended in \($last.conclusion): \($last.html_url)"
                      elif ($last | old) then
                        "true the last success of the primary is too long ago: \($last.html_url)"
                      else "false the last run of the primary succeeded: \($last.html_url)" end'

                  for pause in 0 5 15 30; do
                    sleep "$pause"
                    answer=$(curl -sS -m 20 -w '\n%{http_code}' -G --data-urlencode "branch=$GITHUB_REF_NAME" \
                      -d per_page=100 -d exclude_pull_requests=true -H 'Accept: application/vnd.github+json' \
                      -H 'X-GitHub-Api-Version: 2022-11-28' -H @- <<<"Authorization: Bearer $TOKEN" \
                      "$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/actions/workflows/$PRIMARY/runs")
                    status=${answer##*$'\n'}
                    [ "$status" = 404 ] && say true "the primary is not there"
                    [ "$status" = 200 ] &&
                      verdict=$(jq -r --argjson stale "$STALE_AFTER" "$judge" <<<"${answer%$'\n'*}") &&
                      read -r run why <<<"$verdict" && [ -n "$run" ] && say "$run" "$why"
                    echo "GitHub gave no answer that can be read (HTTP status $status)"
                  done
                  say "$ON_ERROR" "GitHub gave no answer that can be read (HTTP status $status)"
          build:
            needs: redundancy_guard
            if: >-
              needs.redundancy_guard.outputs.run == 'true'
            runs-on: ubuntu-latest
            steps:
            - uses: actions/checkout@v4
            - run: |
                make
                make test
        "#);
}

#[test]
fn what_has_no_group_gets_one() {
    let world = World::of_workflows(&[("ci.yml", BODY)]);
    world.settle();
    let text = world.read(".github/workflows/ci-backup.yml");
    assert!(text.contains("\nname: ci (backup)\non:\n"), "{text}");
    assert!(
        text.contains("concurrency:\n  group: redundancy-ci-backup\n  cancel-in-progress: false\n"),
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
        text.split("cron: ").nth(1).unwrap().lines().next().unwrap().trim_matches('"').to_owned()
    };
    let schedules = ["hourly", "*/6h", "daily", "weekly"];
    for schedule in schedules {
        assert_eq!(cron(schedule), cron(schedule));
    }
    insta::assert_snapshot!(schedules.map(cron).join("\n"), @r"
    47 * * * *
    47 1,7,13,19 * * *
    47 1 * * *
    47 1 * * 4
    ");
}

#[test]
fn a_pattern_passes_over_what_only_other_workflows_start() {
    let called = "on: workflow_call\njobs:\n  a:\n    runs-on: x\n";
    let both = "on: [push, workflow_call]\njobs:\n  a:\n    runs-on: x\n";
    let world = World::of_workflows(&[("called.yml", called), ("both.yml", both)]);
    assert!(told(&world.plan()).starts_with("create github/both-backup"));
    assert_eq!(told(&world.plan()).lines().count(), 1);
}

#[test]
fn what_can_t_have_a_backup_is_refused_with_the_place() {
    let refused = |text: &str| {
        let files = [(".github/workflows/x.yml", text)];
        let world = World::new("[[workflow]]\nbacks_up = 'x.yml'", &files);
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
        refused("on: push\nenv:\n  {{ name }}: x\njobs:\n  a:\n    runs-on: x\n"),
        refused("on: push\nenv: {A: 007}\njobs: {a: {runs-on: x}}\n"),
        refused("on: push\nenv: {A: 007}\njobs:\n  a:\n    runs-on: x\n"),
        refused("%YAML 1.1\n---\non: push\njobs:\n  a:\n    runs-on: x\n"),
        refused("on: push\nenv:\n  <<: &x {A: b}\njobs:\n  a:\n    runs-on: x\n"),
        refused("on: push\njobs:\n  a:\n    runs-on: x\n    if: a ${{ b }}\n"),
        refused("on: push\njobs:\n  a:\n    runs-on: x\n    needs: {b: c}\n"),
        refused("on: push\njobs:\n  a:\n"),
        refused("on: push\njobs:\n  1:\n    runs-on: x\n"),
        refused("on: push\nname: [a]\njobs:\n  a:\n    runs-on: x\n"),
        refused("on: push\nname: a\nenv: {A: 'x\u{85}y'}\njobs:\n  a:\n    runs-on: x\n"),
        refused("on: push\nconcurrency: {cancel-in-progress: true}\njobs:\n  a:\n    runs-on: x\n"),
        refused("- on\n"),
        refused(""),
        refused(&format!("{BODY}# {}", "x".repeat(500 * 1024))),
    ].join("\n"), @r#"
    x.yml:2: a merge was left unfinished here (conflict marker); resolve it first
    x.yml:2: the key `true` stands where `on` should; some tools turn `on` into it
    x.yml: this is no workflow: it holds several YAML documents, and GitHub reads one
    x.yml:5: this is no workflow: duplicate entry with key "on"
    x.yml:4: this is no workflow: jobs.a: duplicate entry with key "runs-on" at line 4 column 5
    x.yml: it has no jobs
    x.yml:2: it has no jobs
    x.yml:2: it has no jobs
    x.yml: it has no `on`, so nothing starts it
    x.yml:1: it has no `on`, so nothing starts it
    x.yml:1: only other workflows start it (`workflow_call`); back up these instead
    x.yml:1: only other workflows start it (`workflow_call`); back up these instead
    x.yml:5: this is no workflow: did not find expected ',' or '}' at line 5 column 1, while parsing a flow mapping at line 3 column 6
    x.yml:3: this is no workflow: found character that cannot start any token at line 3 column 1, while scanning for the next token
    x.yml:4: this is no workflow: unknown anchor at line 4 column 14
    x.yml:2: it holds a YAML tag (`!…`), which GitHub does not know
    x.yml:3: it holds a key that is no text, which GitHub does not know
    x.yml:2: the number 007, written unusually: it would not come out the same; write it as a plain text in quotes
    create github/x-backup: the config asks for it and it is not there
    x.yml:1: it begins with a YAML directive, which is not supported
    x.yml:3: it holds a merge key (`<<`), which GitHub does not know
    x.yml:5: this `if` is a text around `${{ }}`, which is always true; write all of it into one `${{ }}`, or without
    x.yml:5: these `needs` are neither a job nor a list of jobs
    x.yml:3: there is nothing in the job `a`
    x.yml:2: one of its jobs has a name that is no text
    x.yml: its `name` is no text
    x.yml:3: readers of YAML take this for different things; write it as a plain text in quotes, without unusual line separators
    x.yml:2: its `concurrency` has no `group`
    x.yml: this is no workflow: it is not made of `key: value`
    x.yml: this is no workflow: it is not made of `key: value`
    x.yml: it has 501 KB, and files of more than 500 KB are not read
    "#);
}

#[test]
fn aliases_can_t_fill_the_memory() {
    let mut text = String::from("on: push\nenv:\n  a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for n in 1..30 {
        let refs = vec![format!("*a{}", n - 1); 9].join(", ");
        writeln!(text, "  a{n}: &a{n} [{refs}]").unwrap();
    }
    let world = World::of_workflows(&[("x.yml", &format!("{text}jobs:\n  a:\n    runs-on: x\n"))]);
    insta::assert_snapshot!(told(&world.plan()), @"held github/x-backup: .github/workflows/x.yml: this is no workflow: repetition limit exceeded");
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
    insta::assert_snapshot!(told(&world.plan()), @r"
    create github/b-backup: the config asks for it and it is not there
    held github/_my_flow-42133ff0-backup: `my flow.yml` can't have a backup: a name has only letters, digits, `_`, `-` and `.`, not ' '
    held github/_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-a18d01dd-backup: `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.yml` can't have a backup: a name has at most 120 characters, this one has 125
    held github/a-backup: `a.yml` and another file would both have the backup `a-backup`; rename one of them
    ");
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
    assert!(world.read("ci/a-backup.yml").contains("cron: \"1 2 * * *\""));
    assert!(world.read("ci/d-backup.yml").contains("cron: \"3 4 * * *\""));
}

#[test]
fn a_primary_that_is_named_in_full_has_to_be_there() {
    let config = "[[workflow]]\nbacks_up = ['ci.yml', 'a*.yml', 'x-backup.yml', 'deploy.yaml']\n\
                  [[function]]\nbacks_up = 'hello'\n";
    let world = World::new(config, &[(".github/workflows/ci.yml", BODY)]);
    insta::assert_snapshot!(told(&world.plan()), @r"
    create github/ci-backup: the config asks for it and it is not there
    held github/deploy-backup: there is no deploy.yaml
    held netlify/hello-backup: there is no hello
    ");
}

#[test]
fn a_name_that_would_mislead_is_shown_as_what_it_is() {
    let world = World::of_workflows(&[("a\x1b[2J\nb.yml", BODY)]);
    let bytes = OsStr::from_bytes(b"caf\xe9.yml");
    fs::write(world.path(".github/workflows").join(bytes), BODY).unwrap();
    fs::create_dir(world.path(".github/workflows/c\r.yml")).unwrap();
    insta::assert_snapshot!(told(&world.plan()), @r"
    held github/_a__2J_b-85a93bd5-backup: `a\u{1b}[2J\nb.yml` can't have a backup: a name has only letters, digits, `_`, `-` and `.`, not '\u{1b}'
    held github/_c_-1a0dff77-backup: .github/workflows/c�.yml: it should be a file and is a folder
    held github/_caf_-c6fe43cb-backup: .github/workflows/caf�.yml: its name is no text in UTF-8
    ");
}
