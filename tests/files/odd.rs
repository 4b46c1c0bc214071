//! Workflows in every odd form of YAML: changed in their own text, written anew, or refused.

use std::{fmt::Write as _, fs};

use crate::{World, told};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/files/nasty");

fn nasty(stem: &str) -> String {
    fs::read_to_string(format!("{FOLDER}/{stem}.yml")).unwrap()
}

/// The backup of a primary, below its header.
pub(crate) fn backup_of(text: &str) -> String {
    backup_by("", text)
}

/// The same, with more in the table of the config.
pub(crate) fn backup_by(keys: &str, text: &str) -> String {
    let world = world_of(keys, text);
    world.settle();
    let text = world.read(".github/workflows/x-backup.yml");
    text.splitn(4, '\n').nth(3).unwrap().to_owned()
}

pub(crate) fn world_of(keys: &str, text: &str) -> World {
    let config = format!("[[workflow]]\nbacks_up = 'x.yml'\n{keys}");
    World::new(&config, &[(".github/workflows/x.yml", text)])
}

/// What the plan says against a backup.
pub(crate) fn refused(keys: &str, text: &str) -> String {
    let told = told(&world_of(keys, text).plan());
    told.strip_prefix("held github/x-backup: .github/workflows/").unwrap_or(&told).to_owned()
}

/// What of a backup is not in its primary, and the other way around. Of the guard only its key is
/// shown.
fn difference(primary: &str, backup: &str) -> String {
    let mut out = String::new();
    let mut guard = None;
    for change in similar::TextDiff::from_lines(primary, backup).iter_all_changes() {
        let (line, sign) = (change.value().trim_end_matches('\n').replace('\r', "␍"), change.tag());
        let depth = line.len() - line.trim_start().len();
        let is_new = sign == similar::ChangeTag::Insert;
        if is_new && line.trim_start().starts_with("redundancy_guard:") {
            guard = Some(depth);
            writeln!(out, "{sign}{line} …").unwrap();
        } else if guard.is_some() && matches!(line.as_str(), "" | "␍") {
            // Its script has empty lines.
        } else if !is_new || guard.is_none_or(|guard| depth <= guard || line.contains("needs:")) {
            guard = None;
            if sign != similar::ChangeTag::Equal {
                writeln!(out, "{sign}{line}").unwrap();
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
