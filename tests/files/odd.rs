//! Workflows in every odd form of YAML, and large ones: changed in their own text, written anew, or
//! refused.

use std::{fmt::Write as _, fs, time::Instant};

use crate::{World, told};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/files/nasty");

fn nasty(stem: &str) -> String {
    fs::read_to_string(format!("{FOLDER}/{stem}.yml")).unwrap()
}

/// The backup of a primary, below its header.
fn backup_of(text: &str) -> String {
    backup_by("", text)
}

/// The same, with more in the table of the config.
fn backup_by(keys: &str, text: &str) -> String {
    let world = world_of(keys, text);
    world.settle();
    let text = world.read(".github/workflows/x-backup.yml");
    text.splitn(4, '\n').nth(3).unwrap().to_owned()
}

fn world_of(keys: &str, text: &str) -> World {
    let config = format!("[[workflow]]\nbacks_up = 'x.yml'\n{keys}");
    World::new(&config, &[(".github/workflows/x.yml", text)])
}

/// What the plan says against a backup.
fn refused(keys: &str, text: &str) -> String {
    let told = told(&world_of(keys, text).plan());
    told.strip_prefix("held github/x-backup: .github/workflows/").unwrap_or(&told).to_owned()
}

/// What of a backup is not in its primary, and the other way around. The guard is left out.
fn difference(primary: &str, backup: &str) -> String {
    let mut out = String::new();
    let mut in_guard = false;
    for change in similar::TextDiff::from_lines(primary, backup).iter_all_changes() {
        let (text, sign) = (change.value().trim_end_matches('\n'), change.tag());
        let depth = text.len() - text.trim_start().len();
        if text.trim_start().starts_with("redundancy_guard") && !text.contains("${{") {
            in_guard = true;
            writeln!(out, "{sign}{} …", text.replace('\r', "␍")).unwrap();
        } else if in_guard
            && sign == similar::ChangeTag::Insert
            && depth > 2
            && !text.trim_start().starts_with("needs:")
        {
        } else {
            in_guard = false;
            if sign != similar::ChangeTag::Equal {
                writeln!(out, "{sign}{}", text.replace('\r', "␍")).unwrap();
            }
        }
    }
    out
}

#[test]
fn what_can_t_be_changed_in_place_is_written_anew_and_says_so() {
    let mut stems: Vec<String> = fs::read_dir(FOLDER)
        .unwrap()
        .map(|it| it.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    stems.sort();
    let mut anew = String::new();
    for stem in &stems {
        let backup = backup_of(&nasty(stem));
        for line in backup.lines().filter(|line| line.contains("note: written anew")) {
            writeln!(anew, "{stem}: {line}").unwrap();
        }
    }
    insta::assert_snapshot!(anew, @"flow: # note: written anew, without the comments of x.yml: its jobs are written in flow style");
}

#[test]
fn conditions_are_joined_with_the_guard() {
    let primary = nasty("conditions");
    insta::assert_snapshot!(difference(&primary, &backup_of(&primary)), @r#"
    -name: Conditions # of all kinds
    -on: push
    +# note: in the job `always`, `needs` has `redundancy_guard` in it too
    +name: Conditions (backup) # of all kinds
    +on:
    +  workflow_dispatch:
    +  schedule:
    +    - cron: "50 4 * * *"
    +concurrency:
    +  group: redundancy-x-backup
    +  cancel-in-progress: false
    +  redundancy_guard: …
    +    needs: redundancy_guard
    +    if: >-
    +      needs.redundancy_guard.outputs.run == 'true'
    -    if: github.ref == 'refs/heads/main' # why
    +    needs: redundancy_guard
    +    if: >- # why
    +      needs.redundancy_guard.outputs.run == 'true' && (github.ref == 'refs/heads/main')
    +    needs: redundancy_guard
    -    if: ${{ contains(github.ref, '}}') || github.actor != 'it''s' }}
    +    if: >-
    +      needs.redundancy_guard.outputs.run == 'true' && (contains(github.ref, '}}') || github.actor != 'it''s')
    +    needs: redundancy_guard
    -    "if": "github.event_name != 'push' ||
    -      true" # why
    +    "if": >- # why
    +      needs.redundancy_guard.outputs.run == 'true' && (github.event_name != 'push' || true)
    +    needs: redundancy_guard
    -      github.actor == 'a' ||
    -      github.actor == 'b'
    +      needs.redundancy_guard.outputs.run == 'true' && (github.actor == 'a' || github.actor == 'b')
    +    needs: redundancy_guard
    -    if: |
    -      github.actor == 'a'
    -        || github.actor == 'b'
    +    if: |-
    +      needs.redundancy_guard.outputs.run == 'true' && (github.actor == 'a'
    +        || github.actor == 'b')
    -    if: false
    +    needs: redundancy_guard
    +    if: >-
    +      needs.redundancy_guard.outputs.run == 'true' && (false)
    -    if: # nothing
    +    needs: redundancy_guard
    +    if: >- # nothing
    +      needs.redundancy_guard.outputs.run == 'true'
    -    needs: [plain, whole] # both
    -    if: always()
    +    needs: [redundancy_guard, plain, whole] # both
    +    if: >-
    +      needs.redundancy_guard.outputs.run == 'true' && (always())
    -    if: ${{ !Cancelled () && failure() }}
    -    needs: after
    +    if: >-
    +      needs.redundancy_guard.outputs.run == 'true' && (!Cancelled () && failure())
    +    needs: [redundancy_guard, after]
    "#);
}

#[test]
fn needs_begin_with_the_guard() {
    let primary = nasty("needs");
    insta::assert_snapshot!(difference(&primary, &backup_of(&primary)), @r#"
    -name: Needs
    -on: push
    +name: Needs (backup)
    +on:
    +  workflow_dispatch:
    +  schedule:
    +    - cron: "50 4 * * *"
    +concurrency:
    +  group: redundancy-x-backup
    +  cancel-in-progress: false
    +  redundancy_guard: …
    -    needs: []
    +    if: >-
    +      needs.redundancy_guard.outputs.run == 'true'
    +    needs: redundancy_guard
    -    needs:
    +    if: >-
    +      needs.redundancy_guard.outputs.run == 'true'
    +    needs: redundancy_guard
    -    if: always()
    +    if: >-
    +      needs.redundancy_guard.outputs.run == 'true' && (always())
    +      - redundancy_guard
    +    - redundancy_guard
    -    if: failure()
    +    if: >-
    +      needs.redundancy_guard.outputs.run == 'true' && (failure())
    -    needs: [ a,
    +    needs: [redundancy_guard, a,
    -    if: '!cancelled()'
    +    if: >-
    +      needs.redundancy_guard.outputs.run == 'true' && (!cancelled())
    -    needs: "a" # one
    -    if: '!cancelled()'
    +    needs: [redundancy_guard, "a"] # one
    +    if: >-
    +      needs.redundancy_guard.outputs.run == 'true' && (!cancelled())
    "#);
}

#[test]
fn triggers_and_groups_change_and_nothing_around_them() {
    let primary = nasty("events");
    insta::assert_snapshot!(difference(&primary, &backup_of(&primary)), @r#"
    -name: "Events"
    +name: "Events (backup)"
    -    # Before push.
    -    push:
    -        branches: [main] # main only
    -    pull_request: {}
    -    # The end of on.
    -        - cron: '0 3 * * 1-5' # on weekdays
    -          timezone: Europe/Berlin
    -        - cron: "30 5 * * SUN"
    +      - cron: "57 16 * * *"
    +        timezone: Europe/Berlin
    -    group: >-
    -        events-${{ github.workflow }}
    +    group: events-Events
    +    redundancy_guard: …
    +        needs: redundancy_guard
    +        if: >-
    +          needs.redundancy_guard.outputs.run == 'true'
    -        concurrency: {group: "a-${{ github.WORKFLOW }}", cancel-in-progress: true} # no
    +        concurrency: {group: a-Events, cancel-in-progress: false} # no
    "#);
}

#[test]
fn line_ends_and_indents_stay_as_they_are() {
    for stem in ["crlf", "indented"] {
        let primary = nasty(stem);
        insta::allow_duplicates! {};
        let shown = difference(&primary, &backup_of(&primary));
        if stem == "crlf" {
            insta::assert_snapshot!(shown, @r#"
            -name: Line ends␍
            +name: Line ends (backup)␍
            -  push:␍
            +  schedule:␍
            +    - cron: "50 4 * * *"␍
            +concurrency:␍
            +  group: redundancy-x-backup␍
            +  cancel-in-progress: false␍
            +  redundancy_guard:␍ …
            +    needs: redundancy_guard␍
            -    if: |␍
            -      github.actor == 'a'␍
            -        && true␍
            +    if: |-␍
            +      needs.redundancy_guard.outputs.run == 'true' && (github.actor == 'a'␍
            +        && true)␍
            +      - redundancy_guard␍
            -    if: always() # why␍
            +    if: >- # why␍
            +      needs.redundancy_guard.outputs.run == 'true' && (always())␍
            -    steps: [{run: make}]
            +    steps: [{run: make}]␍
            "#);
        } else {
            insta::assert_snapshot!(shown, @r#"
            -  name: Indented
            +  name: Indented (backup)
            -    - push
            +    workflow_dispatch:
            +    schedule:
            +      - cron: "50 4 * * *"
            +     redundancy_guard: …
            +       needs: redundancy_guard
            +       if: >-
            +         needs.redundancy_guard.outputs.run == 'true'
            "#);
        }
    }
}

#[test]
fn inputs_of_a_call_can_be_given_by_hand() {
    let primary = nasty("called");
    insta::assert_snapshot!(difference(&primary, &backup_of(&primary)), @r#"
    -name: Called too
    +# note: the input `c` has no default here: it is an expression
    +name: Called too (backup)
    -  workflow_dispatch: {inputs: {a: {type: string}}}
    -  workflow_call:
    +  workflow_dispatch:
    -      a: {type: boolean, required: true}
    -      b: {type: number, default: 5, description: "How many?", required: true}
    -      c: {type: string, default: "${{ github.ref }}"}
    -    secrets: {token: {required: true}}
    +      a:
    +        type: string
    +      b:
    +        description: How many?
    +        type: number
    +        default: 5
    +      c:
    +        type: string
    -    - cron: '*/15 * * * *'
    +    - cron: "22 6 * * *"
    +concurrency:
    +  group: redundancy-x-backup
    +  cancel-in-progress: false
    +  redundancy_guard: …
    +    needs: redundancy_guard
    +    if: >-
    +      needs.redundancy_guard.outputs.run == 'true'
    "#);
}

#[test]
fn the_guard_runs_where_the_primary_does() {
    let primary = nasty("runners");
    let backup = backup_of(&primary);
    assert!(backup.contains("  redundancy_guard_2:\n"), "{backup}");
    assert!(backup.contains("    runs-on: {group: large, labels: [linux, x64]}\n"), "{backup}");
}

#[test]
fn what_changes_its_meaning_is_noted() {
    let notes = |stem: &str| {
        let backup = backup_of(&nasty(stem));
        backup.lines().filter(|it| it.starts_with("# note: ")).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!([notes("identity"), notes("cron"), notes("conditions")].join("\n\n"), @r#"
    # note: `id-token: write`: who trusts x.yml by name (OIDC, trusted publishing) does not trust this file
    # note: `environment`: where it asks for an approval, this waits for it too
    # note: the run number: this file counts its own runs, from 1
    # note: the workflow's own name is read; here it is not that of x.yml
    # note: `github.event.schedule` is not one of x.yml here
    # note: `github.event.pull_request` is empty where the schedule or a person starts this
    # note: `mode = "dispatch"` would start x.yml itself, which needs `workflow_dispatch` there

    # note: the schedule "@daily" of the primary can't be read
    # note: the schedule "$cron-weekly" of the primary can't be read
    # note: the schedule "0 3 * * 7" of the primary can't be read
    # note: the schedule "0 4 * * *" in "Middle/Earth" of the primary can't be read

    # note: in the job `always`, `needs` has `redundancy_guard` in it too
    "#);
}

#[test]
fn without_a_guard_the_jobs_are_the_primary_s() {
    let primary = nasty("conditions");
    let backup = backup_by("guard = false", &primary);
    assert!(!backup.contains("redundancy_guard"), "{backup}");
    let jobs = |text: &str| text.split_once("\njobs:").unwrap().1.to_owned();
    assert_eq!(jobs(&backup), jobs(&primary));
}

#[test]
fn a_group_of_its_own_is_taken_where_asked_for() {
    let primary = nasty("events");
    let backup = backup_by("concurrency = 'separate'", &primary);
    assert!(backup.contains("    group: redundancy-x-backup\n"), "{backup}");
    assert!(
        backup.contains(
            "group: \"a-${{ github.WORKFLOW }}-backup\", cancel-in-progress: false} # no\n"
        ),
        "{backup}"
    );
}

const BOTH: &str = "name: Both\non:\n  schedule:\n    - cron: '0 3 * * *'\n  workflow_call:\n    inputs:\n      level: {type: string, required: true}\n      n: {type: number, required: true, default: 1}\n  workflow_dispatch:\n    inputs:\n      level: {type: string, required: true}\njobs:\n  a:\n    runs-on: ubuntu-latest\n    permissions: {contents: write}\n    steps: [{run: make}]\n";

#[test]
fn a_backup_can_call_its_primary() {
    let keys = "mode = 'call'\nguard = false\ninputs = { level = 'a: b', n = 2 }";
    insta::assert_snapshot!(backup_by(keys, BOTH), @r#"
    name: Both (backup)
    on:
      workflow_dispatch: null
      schedule:
      - cron: 14 15 * * *
    concurrency:
      group: redundancy-x-backup
      cancel-in-progress: false
    jobs:
      primary:
        permissions:
          contents: write
          packages: read
        uses: ./.github/workflows/x.yml
        with:
          level: "a: b"
          n: 2
        secrets: inherit
    "#);
}

#[test]
fn a_backup_can_start_its_primary() {
    let keys = "mode = 'dispatch'\ninputs = { level = \"it's 1\" }";
    let backup = backup_by(keys, BOTH);
    let (head, job) = backup.split_once("  redundancy_guard:\n").unwrap();
    let job = job.split_once("  dispatch:\n").unwrap().1;
    insta::assert_snapshot!(format!("{head}…\n  dispatch:\n{job}"), @r#"
    name: Both (backup)
    on:
      workflow_dispatch: null
      schedule:
      - cron: 14 15 * * *
    concurrency:
      group: redundancy-x-backup
      cancel-in-progress: false
    jobs:
    …
      dispatch:
        needs: redundancy_guard
        if: >-
          needs.redundancy_guard.outputs.run == 'true'
        runs-on: ubuntu-latest
        timeout-minutes: 5
        permissions:
          actions: write
        steps:
          - name: Start x.yml
            shell: bash
            env:
              TOKEN: ${{ github.token }}
              REF: ${{ github.ref_name }}
              INPUTS: '{"level":"it''s 1"}'
            run: |
              jq -cn --arg ref "$REF" --argjson inputs "$INPUTS" '{ref: $ref, inputs: $inputs}' |
                curl --silent --show-error --fail-with-body --location \
                  --connect-timeout 10 --max-time 60 --request POST --data @- \
                  --header "Authorization: Bearer $TOKEN" \
                  --header 'Accept: application/vnd.github+json' \
                  --header 'X-GitHub-Api-Version: 2022-11-28' \
                  "$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/actions/workflows/x.yml/dispatches"
    "#);
}

#[test]
fn what_the_primary_does_not_offer_is_refused() {
    let push = "on: push\njobs:\n  a:\n    runs-on: x\n";
    insta::assert_snapshot!([
        refused("mode = 'call'", push),
        refused("mode = 'dispatch'", push),
        refused("mode = 'call'", BOTH),
        refused("mode = 'dispatch'", BOTH),
        refused("mode = 'dispatch'\ninputs = { level = '1', n = 2 }", BOTH),
    ].join("\n"), @r#"
    x.yml:1: `mode = "call"` needs `workflow_call` here, which this primary does not have
    x.yml:1: `mode = "dispatch"` needs `workflow_dispatch` here, which this primary does not have
    x.yml:7: the input `level` is required; give it a value in redundancy.toml: `inputs = { level = "…" }`
    x.yml:11: the input `level` is required; give it a value in redundancy.toml: `inputs = { level = "…" }`
    x.yml:2: redundancy.toml gives the input `n`, which `workflow_dispatch` does not have
    "#);
}

#[test]
fn a_large_workflow_is_no_trouble() {
    let mut text = String::from("on: push\njobs:\n");
    let mut n = 0;
    while text.len() < 480 * 1024 {
        writeln!(
            text,
            "  j{n}: # job {n}\n    runs-on: x\n    if: always() # é\n    steps: [{{run: make}}]"
        )
        .unwrap();
        n += 1;
    }
    let start = Instant::now();
    // Each job gets longer, so the backup is more than GitHub would start.
    insta::assert_snapshot!(refused("", &text), @"x.yml: its backup would have 993 KB, and GitHub starts no workflow of more than 500 KB");
    let body = format!(
        "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: |\n{}",
        "          é # make x\n".repeat(22_200)
    );
    assert!((480_000..499_000).contains(&body.len()), "{}", body.len());
    let backup = backup_of(&body);
    assert!(backup.ends_with(&body[body.find("    runs-on").unwrap()..]));
    let took = start.elapsed().as_secs();
    assert!(took < 60, "it took {took} s");
}

#[test]
fn what_is_made_to_take_long_does_not() {
    let start = Instant::now();
    let all = |n: usize, part: &dyn Fn(usize) -> String| (0..n).map(part).collect::<String>();
    for hostile in [
        "[".repeat(400_000),
        "{a: ".repeat(100_000),
        format!("\n      {}", "- ".repeat(200_000)),
        format!("\n      {}", "? ".repeat(200_000)),
        format!("[{}]", "a, ".repeat(150_000)),
        format!("[{}]", all(30_000, &|n| format!("&a{n} x, "))),
        format!("[&a x, {}]", "*a, ".repeat(100_000)),
        format!("{{{}}}", all(40_000, &|n| format!("k{n}: ,"))),
        format!("\"{}", "\\n".repeat(200_000)),
        "'".repeat(450_000),
        "a: ".repeat(150_000),
        format!("|{}", "\n\n".repeat(200_000)),
        format!("# {}", "# ".repeat(200_000)),
    ] {
        let text = format!("on: push\njobs:\n  a:\n    runs-on: x\n    x: {hostile}\n");
        let _ = world_of("", &text).plan();
        let (took, begins) = (start.elapsed().as_secs(), &hostile[..10]);
        assert!(took < 120, "after {begins:?} it is {took} s");
    }
}
