//! Backups that call or start their primary.

use crate::{
    odd::{backup_by, refused, world_of},
    told,
};

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
              body=$(jq -cn --arg ref "$REF" --argjson inputs "$INPUTS" '{ref: $ref, inputs: $inputs}')
              answer=$(curl -sS --connect-timeout 10 -m 60 -w '\n%{http_code}' -d @- <<<"$body" \
                -H @<(echo "Authorization: Bearer $TOKEN") -H 'Content-Type: application/json' \
                -H 'Accept: application/vnd.github+json' -H 'X-GitHub-Api-Version: 2022-11-28' \
                "$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/actions/workflows/x.yml/dispatches")
              echo "$answer"
              [[ ${answer##*$'\n'} == 2?? ]]
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
fn every_key_that_changes_a_backup_changes_the_plan() {
    let primary = BOTH.replace(", required: true", "");
    let table = "[[workflow]]\nbacks_up = 'x.yml'\n";
    for keys in [
        "schedule = 'hourly'",
        "mode = 'call'",
        "mode = 'dispatch'",
        "guard = false",
        "stale_after = '5h'",
        "on_error = 'skip'",
        "concurrency = 'separate'",
    ] {
        let mut world = world_of("", &primary.replace("jobs:", "concurrency: x\njobs:"));
        world.settle();
        world.config = format!("{table}{keys}");
        assert!(told(&world.plan()).starts_with("update github/x-backup"), "{keys}");
        world.settle();
    }
    let mut world = world_of("mode = 'dispatch'\ninputs = { level = '1' }", &primary);
    world.settle();
    world.config = world.config.replace("'1'", "'2'");
    assert!(told(&world.plan()).starts_with("update github/x-backup"));
}

#[test]
fn a_guardless_backup_that_works_more_often_says_so() {
    let backup = backup_by("guard = false\nschedule = 'hourly'", BOTH);
    assert!(
        backup.contains("# note: without a guard, this works more often than x.yml\n"),
        "{backup}"
    );
}

#[test]
fn a_copy_is_given_its_inputs_when_the_tool_starts_it() {
    let note = "# note: the input `level` is required";
    assert!(backup_by("", BOTH).contains(note));
    assert!(!backup_by("inputs = { level = 'low' }", BOTH).contains(note));
    insta::assert_snapshot!(refused("inputs = { x = 1 }", BOTH), @"x.yml:2: redundancy.toml gives the input `x`, which `workflow_dispatch` does not have");
}
