//! Generation over workflows made up by the thousand, in all the ways that people write them.

use std::fmt::Write as _;

use proptest::{prelude::*, sample::select};
use serde_yaml::{Mapping, Value};

use super::{Request, Settings, condition, keys, made, source::Source};

/// A job as it may be written, with so many before it: the lines below its key, at no indent.
fn job(jobs: usize) -> impl Strategy<Value = String> {
    let before: Vec<String> = (0..jobs).map(|n| format!("j{n}")).collect();
    let conditions = select(vec![
        "",
        "if: github.ref == 'refs/heads/main' # @keep",
        "if: ${{ github.actor != 'it''s' }}",
        "'if': \"github.actor == 'a' || !contains('always()', 'x')\"",
        "if: |\n  github.actor == 'a'\n  || false",
        "if: >- # @keep\n  github.actor == 'a' ||\n  github.actor == 'b'\n\n# @keep",
        "if: always()",
        "if: ${{ !Cancelled( ) && failure() }} # @keep",
        "if: '!cancelled()'",
        "if:",
        "if: false",
        "if: github.actor == 'a'\n  && github.actor == 'b' # @keep",
    ]);
    let forms = select(vec!["one", "flow", "lines", "inward", "quoted", "comments"]);
    let needs = prop_oneof![
        2 => Just(String::new()),
        1 => Just("needs: []".to_owned()),
        1 => Just("needs:".to_owned()),
        6 => (prop::sample::subsequence(before, 0..=jobs.min(3)), forms)
            .prop_map(|(all, form)| needs(&all, form)),
    ];
    let groups = select(vec![
        "",
        "",
        "concurrency: deploy",
        "concurrency: {group: \"x-${{ github.workflow }}\", cancel-in-progress: true} # @keep",
        "concurrency: # @keep\n  cancel-in-progress: ${{ true }}\n  group: 'a'",
        "concurrency:\n  group: >-\n    b-${{ github.ref }}\n  cancel-in-progress: false # @keep",
    ]);
    let steps = select(vec![
        "steps:\n  - run: make # @keep\n  # @keep\n  - run: |\n      # in the script\n      a: 007\n\n  - uses: a/b@v1",
        "steps: [{run: \"a\\tb\"}] # @keep",
        "steps:\n- run: >-\n    folded\n\n    more\n- name: 'x'\n  run: echo \"${{ toJSON(needs) }}\"",
        "uses: ./.github/workflows/x.yml\nwith: {a: 010}",
    ]);
    let pieces = (conditions, needs, groups, steps).prop_map(|(condition, needs, group, steps)| {
        let all = ["runs-on: ubuntu-latest", "# @keep", condition, &needs, group, steps];
        all.iter().filter(|it| !it.is_empty()).map(|it| (*it).to_owned()).collect::<Vec<_>>()
    });
    // The last may be followed by anything.
    pieces.prop_shuffle().prop_map(|pieces| pieces.join("\n"))
}

fn needs(jobs: &[String], form: &str) -> String {
    let list = |pad: &str| jobs.iter().flat_map(|it| ["\n", pad, "- ", it]).collect::<String>();
    match (form, jobs) {
        (_, []) => String::new(),
        ("one", [one, ..]) => format!("needs: {one} # @keep"),
        ("quoted", [one, ..]) => format!("needs: \"{one}\""),
        ("flow", all) => format!("needs: [{}]", all.join(", ")),
        ("lines", _) => format!("needs:{}", list("")),
        ("comments", _) => format!("needs: # @keep\n  # @keep{} # @keep", list("  ")),
        _ => format!("needs:{}", list("    ")),
    }
}

fn workflows() -> impl Strategy<Value = String> {
    let names = select(vec![
        "",
        "name: CI # @keep",
        "name: 'It''s'",
        "\"name\": \"a\\\"b\" # @keep",
        "name: >-\n  folded\n  name",
        "name:",
        "name: 1.5",
        "name: a: b".trim_end_matches(": b"),
    ]);
    let on = select(vec![
        "on: push # @keep",
        "on: [push, workflow_dispatch]",
        "\"on\":\n- push\n- schedule",
        "on: # @keep\n    push:\n        branches: [main]\n    # @keep\n    workflow_dispatch: # @keep\n        inputs:\n            # @keep\n            a: {type: string} # @keep\n    schedule:\n        - cron: '0 3 * * *' # gone\n",
        "on:\n  workflow_dispatch:\n  schedule:\n  - {cron: '*/15 * * * *', timezone: Europe/Berlin}",
        "on: {push: {}, workflow_dispatch: {inputs: {b: {required: true}}}}",
        "on:\n  workflow_call: {inputs: {c: {type: number, default: 5}}}\n  pull_request:",
    ]);
    let groups = select(vec![
        "",
        "concurrency: ci # @keep",
        "concurrency:\n  # @keep\n  group: ${{ github.workflow }}-${{ github.ref }} # @keep\n  cancel-in-progress: true # @keep",
        "concurrency:\n  group: 'a'",
        "concurrency: {group: x, cancel-in-progress: \"${{ false }}\"}",
        "concurrency:",
    ]);
    let others = select(vec![
        "",
        "env: &env {A: 007, B: yes}\n# @keep",
        "defaults:\n  run: {shell: bash}\n\n\n# @keep",
        "permissions:\n  id-token: write # @keep",
    ]);
    let top = (names, on, groups, others)
        .prop_map(|it| [it.0, it.1, it.2, it.3].map(str::to_owned).to_vec())
        .prop_shuffle();
    let jobs = (1usize..5).prop_flat_map(|n| (0..n).map(job).collect::<Vec<_>>());
    let form =
        (select(vec![0usize, 0, 0, 2]), 1usize..5, any::<bool>(), any::<bool>(), any::<bool>());
    (top, jobs, form).prop_map(|(top, jobs, (outer, inner, crlf, no_end, gap))| {
        let mut text = String::from("# @keep\n\n");
        text.extend(top.iter().filter(|it| !it.is_empty()).flat_map(|it| [it, "\n"]));
        text.push_str("# @keep\njobs: # @keep\n");
        for (n, job) in jobs.iter().enumerate() {
            let job = super::text::indented(
                &format!("j{n}: # @keep\n{}\n", super::text::indented(job, inner)),
                inner,
            );
            write!(text, "{:inner$}# @keep\n{job}{}", "", if gap { "\n" } else { "" }).unwrap();
        }
        let mut text = super::text::indented(&text, outer);
        if no_end {
            text.truncate(text.trim_end().len());
        }
        if crlf { text.replace('\n', "\r\n") } else { text }
    })
}

fn settings(config: &str) -> Settings {
    let (config, _) =
        crate::config::parse(&format!("[[workflow]]\nbacks_up = '*'\n{config}")).unwrap();
    Settings { repository: None, workflow: config.workflow[0].clone() }
}

/// The jobs that run in a backup whose guard says no: none may.
fn leaks(backup: &Mapping) -> Vec<String> {
    let jobs = backup[keys::JOBS].as_mapping().unwrap();
    let test = "needs.redundancy_guard.outputs.run == 'true'";
    let needs = |job: &Value| match job.get(keys::NEEDS) {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Sequence(all)) => {
            all.iter().map(|it| it.as_str().unwrap().to_owned()).collect()
        }
        _ => Vec::new(),
    };
    let mut skipped = Vec::new();
    let mut leaks = Vec::new();
    for (id, job) in jobs.iter().filter(|(id, _)| *id != "redundancy_guard") {
        let condition = condition::expression(job.get(keys::IF)).unwrap().unwrap_or_default();
        let needs = needs(job);
        let tests = condition == test || condition.starts_with(&format!("{test} && ("));
        let knows = needs.iter().any(|it| it == "redundancy_guard");
        // Without a status function, what needs something that was skipped is skipped.
        let follows =
            !condition::asks_for_status(&condition) && needs.iter().any(|it| skipped.contains(it));
        let id = id.as_str().unwrap().to_owned();
        if (tests && knows) || follows { skipped.push(id) } else { leaks.push(id) }
    }
    leaks
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_text_is_changed_in_place_and_means_what_it_has_to(text in workflows(), apart: bool) {
        let settings = settings(if apart { "concurrency = 'separate'" } else { "" });
        let request = Request { path: "ci.yml", file: "ci.yml", stem: "ci", text: &text, settings: &settings };
        // What was made was compared with what it has to mean.
        let (backup, anew) = made(&request).map_err(|why| TestCaseError::fail(format!("{why}\n{text}")))?;
        prop_assert_eq!(anew, None, "{}\n{}", text, backup);
        let read = Source::read(&backup).map_err(|it| TestCaseError::fail(format!("{}\n{backup}", it.why)))?;
        prop_assert_eq!(leaks(&read.tree), Vec::<String>::new(), "{}", backup);
        let kept = |text: &str| text.matches("@keep").count();
        prop_assert_eq!(kept(&text), kept(&backup), "{}\n{}", text, backup);
        // All lines end as the first does.
        let body = backup.split_once("# @keep").map_or("", |(_, body)| body);
        prop_assert_eq!(body.matches('\n').count() == body.matches("\r\n").count(), text.contains('\r'));
    }

    #[test]
    fn nothing_that_is_read_panics(text in "([a-z'\"#&*!|>{}\\[\\],:?%@` \t-]{0,8}(\n|: |\r\n|\n  |\n- )){0,20}", on: bool) {
        let settings = settings("");
        let text = if on { format!("on: push\n{text}\njobs:\n  a:\n    runs-on: x\n{text}") } else { text };
        let request = Request { path: "ci.yml", file: "ci.yml", stem: "ci", text: &text, settings: &settings };
        let _ = made(&request);
    }
}
