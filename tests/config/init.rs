//! The first file of a project.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use redundancy::config::{
    discover::{Findings, discover},
    init::{WriteError, suggest, write_new},
    parse,
    render::{self, Style},
};

/// A project of these files, and what is suggested for it. The suggestion loads.
fn suggestion(files: &[(&str, &str)]) -> (Findings, String) {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let found = discover(folder.path());
    let text = suggest(&found);
    if let Err(problems) = parse(&text) {
        panic!("{}\n{text}", render::problems("suggestion", &text, &problems, Style::Plain));
    }
    (found, text)
}

const SCHEDULED: &str = "on:\n  schedule:\n    - cron: '0 5 * * *'\njobs: {}\n";

#[test]
fn an_empty_project_gets_a_file_to_start_from() {
    let (found, text) = suggestion(&[]);
    assert_eq!(found, Findings::default());
    insta::assert_snapshot!(text, @r#"
        # What must exist, and what stands in for it. Written by `redundancy init`; yours to edit.
        # `redundancy validate` checks it, `redundancy plan` shows what it would change.

        [controller]
        # look_every = "5m"               # longest time between two looks at everything
        # log_dir = "automation/logs"     # what the watch did, and the output of the processes: for .gitignore
        # state_dir = ".redundancy"       # what the tool keeps for itself, out of sight of git

        [failover]
        # mode = "exclusive"              # a backup never runs beside its primary; or "parallel"

        # Processes: no PM2 ecosystem file was found. This one would be run by the tool itself, and by PM2
        # without `runner`.
        # [[process]]
        # runner = "embedded"
        # name = "worker"
        # command = ["node", "worker.js"]

        # Workflows: none with a schedule was found in .github/workflows.
        # [[workflow]]
        # backs_up = ["ci.yml"]           # names or patterns
        # schedule = "daily"

        # Functions: none were found.
        # [[function]]
        # backs_up = "*"                  # names or patterns
        "#);
}

#[test]
fn every_kind_of_automation_is_found() {
    let (_, text) = suggestion(&[
        (
            "ecosystem.config.cjs",
            "module.exports = { apps: [
                { name: 'mailer', script: 'jobs/mailer.js', args: ['--all'], cwd: __dirname },
                { name: 'site', script: 'npm', args: 'run start', interpreter: 'none' },
                { name: 'sync', script: 'sync.py', cron_restart: '*/10 * * * *' },
                { name: 'mailer-backup', script: 'jobs/mailer.js' },
                { name: 'computed', script: path.join(dir, 'x.js') },
                { name: 'typed', script: 'x.ts' },
                { name: 'seconds', script: 'x.js', cron_restart: '*/10 * * * * *' },
            ] }",
        ),
        (
            "pm2.json",
            r#"{ "apps": [{ "name": "json app!", "script": "j.js" }, { "name": "site" }] }"#,
        ),
        (".github/workflows/nightly.yml", SCHEDULED),
        (".github/workflows/ci.yaml", "on: push\njobs: {}\n"),
        (".github/workflows/broken.yml", "on: [push\njobs:\n"),
        (".github/workflows/README.md", "no workflow"),
        ("netlify.toml", "[build]\nbase = 'web'\n[functions]\ndirectory = 'fns'\n"),
        ("web/fns/hello.mjs", ""),
        ("web/fns/big/index.ts", ""),
        ("web/fns/notes.txt", ""),
    ]);
    insta::assert_snapshot!(text, @r#"
        # What must exist, and what stands in for it. Written by `redundancy init`; yours to edit.
        # `redundancy validate` checks it, `redundancy plan` shows what it would change.

        [controller]
        # look_every = "5m"               # longest time between two looks at everything
        # log_dir = "automation/logs"     # what the watch did, and the output of the processes: for .gitignore
        # state_dir = ".redundancy"       # what the tool keeps for itself, out of sight of git

        [failover]
        # mode = "exclusive"              # a backup never runs beside its primary; or "parallel"

        # Processes of PM2, each with a backup under PM2. `runner = "embedded"` in a block has the
        # tool itself run it, so that it does not share PM2's fate. What their files compute is not
        # known here: complete the blocks that are comments. `env` is not copied.

        # "mailer" of ecosystem.config.cjs has a backup already

        [[process]]  # ecosystem.config.cjs
        name = "site-backup"
        backs_up = "pm2/site"
        script = "npm"
        args = ["run", "start"]
        interpreter = "none"

        [[process]]  # ecosystem.config.cjs
        name = "sync-backup"
        backs_up = "pm2/sync"
        script = "sync.py"
        cron = "*/10 * * * *"

        # "mailer-backup" of ecosystem.config.cjs is a backup already

        # [[process]]  # ecosystem.config.cjs
        # name = "computed-backup"
        # backs_up = "pm2/computed"
        # script = "?"

        # [[process]]  # ecosystem.config.cjs
        # name = "typed-backup"
        # backs_up = "pm2/typed"
        # script = "x.ts"

        # [[process]]  # ecosystem.config.cjs
        # name = "seconds-backup"
        # backs_up = "pm2/seconds"
        # script = "x.js"
        # cron = "*/10 * * * * *"

        [[process]]  # pm2.json
        name = "json-app--backup"
        backs_up = "pm2/json app!"
        script = "j.js"

        # Workflows with a schedule.
        [[workflow]]
        backs_up = [
          "nightly.yml",
        ]
        schedule = "daily"

        # Workflows without a schedule, to be added by name:
        # "ci.yaml"

        # 2 functions in web/fns

        [netlify]
        functions_dir = "web/fns"

        [[function]]
        backs_up = "*"

        # Not understood, and so left out:
        # .github/workflows/broken.yml: did not find expected ',' or ']' at line 2 column 5, while parsing a flow sequence at line 1 column 5
        "#);
}

#[test]
fn odd_names_and_broken_files_do_no_harm() {
    let long = "n".repeat(300);
    let token = format!("ghp_{}", "aB1".repeat(12));
    let apps = format!(
        "module.exports = {{ apps: [
            {{ name: '..', script: 'a.js' }}, {{ name: '', script: 'a.js' }},
            {{ name: 'a b', script: 'a.js' }}, {{ name: 'a-b', script: 'a.js' }},
            {{ name: 'all', script: 'a.js' }}, {{ name: '7', script: 'a.js' }},
            {{ name: 'line\\nbreak \\u007f\\u009b', script: 'a\\n.js' }},
            {{ name: '\"quoted\\\\', script: '\"\\\\.js', args: ['\\u0000'] }},
            {{ name: 'ü', script: 'ü.js' }}, {{ name: '{long}', script: 'a.js' }},
            {{ name: 'token', script: 'a.js', args: ['{token}'] }},
            {{ name: 'blank', script: ' ' }}, {{ name: 'args', script: 'a.js', args: 5 }},
        ] }}"
    );
    let (found, text) = suggestion(&[
        ("ecosystem.config.js", &apps),
        ("ecosystem.conflict.cjs", "module.exports = {\n<<<<<<< HEAD\n"),
        ("ecosystem.list.json", "[1, 2"),
        (".github/workflows/a [b] {c} *?.yml", SCHEDULED),
        (".github/workflows/new\nline\u{7f}.yml", SCHEDULED),
        (".github/workflows/bad\nname.yml", "\t- {"),
        (".github/workflows/text.yml", "only text"),
        ("netlify.toml", "functions = [\n"),
        ("netlify/functions/ok.js", ""),
    ]);
    assert_eq!(found.apps.len(), 13);
    assert_eq!(found.unreadable.len(), 5, "{:?}", found.unreadable);
    assert!(!text.contains("aB1"), "{text}");
    let (config, _) = parse(&text).unwrap();
    assert!(config.process.iter().any(|it| it.backs_up.as_deref() == Some("pm2/a b")), "{text}");
    let patterns = config.workflow[0].backs_up.matcher();
    assert!(patterns.is_match("a [b] {c} *?.yml"));
    assert!(!patterns.is_match("a [b] {c} xx.yml"));
}

#[test]
fn code_that_is_nested_deeply_does_not_end_the_program() {
    let app = "{ name: 'a', script: 'a.js' }";
    for (levels, is_read) in [(5_000, true), (400_000, false)] {
        let nested = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let text = format!("module.exports = {{ apps: [{app}], more: {nested} }}");
        let (found, _) = suggestion(&[("ecosystem.config.js", &text)]);
        assert_eq!(
            (found.apps.len(), found.unreadable.len()),
            if is_read { (1, 0) } else { (0, 1) }
        );
    }
}

#[test]
fn a_folder_outside_of_the_project_is_not_taken() {
    for outside in ["../fns", "/../x"] {
        let settings = format!("[functions]\ndirectory = '{outside}'\n");
        suggestion(&[("netlify.toml", &settings), ("netlify/functions/a.js", "")]);
    }
}

#[test]
fn a_file_that_is_there_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("redundancy.toml");
    write_new(&path, "first").unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    assert!(matches!(write_new(&path, "second"), Err(WriteError::Exists(_))));
    assert_eq!(fs::read_to_string(&path).unwrap(), "first");

    let link = folder.path().join("link.toml");
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    assert!(matches!(write_new(&link, "x"), Err(WriteError::Exists(_))));
    assert!(matches!(
        write_new(Path::new("/nowhere/at/all/x.toml"), "x"),
        Err(WriteError::Failed { .. })
    ));
    let names = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(names, 2, "nothing is left behind");
}
