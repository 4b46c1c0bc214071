//! Finding and reading the file.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use redundancy::config::{FILE_NAME, LoadError, by_default, find, load, render::Style};

fn refused(path: &Path) -> String {
    let error = load(path).expect_err("the file is refused");
    let shown = error.render(Style::Plain);
    shown.replace(&*path.parent().unwrap().to_string_lossy(), "FOLDER")
}

#[test]
fn a_sound_file_becomes_a_project() {
    let folder = tempfile::tempdir().unwrap();
    let real = folder.path().join("real");
    fs::create_dir(&real).unwrap();
    symlink(&real, folder.path().join("link")).unwrap();
    let text = "[[process]]\nname = 'w-backup'\ncommand = ['x']\nbacks_up = 'w'\n\
                [failover]\ncontrol_primary = false\n[controller]\nlog_dir = 'logs'\n";
    fs::write(real.join(FILE_NAME), text).unwrap();

    let loaded = load(&folder.path().join("link").join(FILE_NAME)).unwrap();
    assert_eq!(loaded.project.root, real.canonicalize().unwrap());
    assert_eq!(loaded.project.log_dir(), loaded.project.root.join("logs"));
    assert_eq!(loaded.notes.len(), 1);
    assert_eq!(loaded.text, text);

    fs::write(real.join(FILE_NAME), format!("{text}# more\n")).unwrap();
    assert_ne!(load(&real.join(FILE_NAME)).unwrap().digest, loaded.digest);
}

#[test]
fn the_project_is_where_the_link_is() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("project");
    fs::create_dir(&project).unwrap();
    fs::write(folder.path().join("shared.toml"), "[controller]\n").unwrap();
    symlink(folder.path().join("shared.toml"), project.join(FILE_NAME)).unwrap();
    let loaded = load(&project.join(FILE_NAME)).unwrap();
    assert_eq!(loaded.project.root, project.canonicalize().unwrap());
}

#[test]
fn the_nearest_file_upwards_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("a/b/c");
    fs::create_dir_all(&deep).unwrap();
    assert_eq!(find(&deep), None);
    fs::write(folder.path().join(FILE_NAME), "").unwrap();
    assert_eq!(find(&deep), Some(folder.path().join(FILE_NAME)));
    fs::write(folder.path().join("a/b").join(FILE_NAME), "").unwrap();
    assert_eq!(find(&deep), Some(folder.path().join("a/b").join(FILE_NAME)));
}

#[test]
fn what_can_not_be_read_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE_NAME);
    insta::assert_snapshot!(refused(&path), @r#"
    error: there is no file FOLDER/redundancy.toml; `redundancy init` writes a first one
    "#);

    fs::create_dir(&path).unwrap();
    insta::assert_snapshot!(refused(&path), @r#"
    error: FOLDER/redundancy.toml is not a file but a folder
    "#);
    fs::remove_dir(&path).unwrap();

    fs::write(&path, b"[controller]\n# \xc3\xbc\xff\n").unwrap();
    insta::assert_snapshot!(refused(&path), @r#"
    error: FOLDER/redundancy.toml:2:4: the byte 0xff is not UTF-8; save the file as UTF-8
    "#);

    fs::write(&path, "#".repeat(8 * 1024 * 1024 + 1)).unwrap();
    insta::assert_snapshot!(refused(&path), @r#"
    error: FOLDER/redundancy.toml is larger than 8 MiB, the most that is read; is it the right file?
    "#);
    fs::remove_file(&path).unwrap();

    symlink(&path, &path).unwrap();
    assert!(matches!(load(&path), Err(LoadError::Unreadable { .. })));
    fs::remove_file(&path).unwrap();

    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    insta::assert_snapshot!(refused(&path), @r#"
    error: FOLDER/redundancy.toml is not a file but a pipe, a socket or a device
    "#);
}

#[test]
fn of_a_broken_file_the_folders_are_known_as_far_as_they_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE_NAME);
    let state = |text: &str| {
        fs::write(&path, text).unwrap();
        let project = by_default(&path).unwrap();
        let below = |it: std::path::PathBuf| {
            it.strip_prefix(&project.root).unwrap().to_str().unwrap().to_owned()
        };
        (below(project.state_dir()), below(project.log_dir()))
    };
    let usual = (".redundancy".to_owned(), "automation/logs".to_owned());
    let own = ("run".to_owned(), "logs".to_owned());
    let folders = "[controller]\nstate_dir = 'run'\nlog_dir = 'logs'\n";
    for broken in ["", "nonsense = 1\n", "[[process]\n", "<<<<<<< HEAD\n", "look_every = 5\n"] {
        assert_eq!(state(&format!("{folders}{broken}")), own, "{broken}");
    }
    for elsewhere in
        ["", "state_dir = '/etc'", "state_dir = '../x'", "state_dir = 5", "state_dir = ''"]
    {
        assert_eq!(state(&format!("[controller]\n{elsewhere}\n")), usual, "{elsewhere}");
    }
    // Whoever must not miss a project waits for nobody who would write into it.
    fs::remove_file(&path).unwrap();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    assert!(by_default(&path).unwrap().state_dir().ends_with(".redundancy"));
}

#[test]
fn a_broken_file_shows_every_problem_and_their_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE_NAME);
    fs::write(&path, "[controller]\nlog_dirs = 'a'\nlook_every = 5\n").unwrap();
    insta::assert_snapshot!(refused(&path), @r#"
    error: unknown key `log_dirs`
     --> FOLDER/redundancy.toml:2:1
      |
    2 | log_dirs = 'a'
      | ^^^^^^^^
      |
      = help: did you mean `log_dir`?

    error: `look_every` is a whole number, and should be a duration with its unit, like "90s" or "5m"
     --> FOLDER/redundancy.toml:3:14
      |
    3 | look_every = 5
      |              ^
      |
      = help: write it as `look_every = "5s"`

    error: FOLDER/redundancy.toml has 2 problems
    "#);
    assert!(load(&path).unwrap_err().to_string().ends_with("redundancy.toml has 2 problems"));
}

#[test]
fn the_shipped_files_load_and_name_files_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let examples = fs::read_dir(root.join("examples")).unwrap();
    let examples = examples.map(|entry| entry.unwrap().path().join(FILE_NAME));
    let files: Vec<_> = examples.filter(|it| it.exists()).chain([root.join(FILE_NAME)]).collect();
    assert_eq!(files.len(), 7);
    for file in files {
        let loaded = load(&file).unwrap_or_else(|error| panic!("{}", error.render(Style::Plain)));
        assert_eq!(loaded.notes, [], "{}", file.display());
        let (project, config) = (&loaded.project, &loaded.project.config);
        for process in &config.process {
            let argv = process.argv();
            let scripts = argv.iter().map(Path::new).filter(|it| it.extension().is_some());
            for script in scripts {
                assert!(project.root.join(script).is_file(), "{}", script.display());
            }
        }
        let mut wanted = Vec::new();
        if !config.workflow.is_empty() {
            wanted.push((
                config.github.workflows_dir.clone(),
                config.workflow[0].backs_up.matcher(),
                "",
            ));
        }
        if !config.function.is_empty() {
            let folder = config.netlify.functions_dir.clone();
            let folder = folder.unwrap_or_else(|| "netlify/functions".into());
            wanted.push((folder, config.function[0].backs_up.matcher(), "."));
        }
        for (folder, patterns, cut) in wanted {
            let names = fs::read_dir(project.root.join(&folder)).unwrap();
            let mut names = names.map(|it| it.unwrap().file_name().into_string().unwrap());
            let fits = |name: String| match cut {
                "" => patterns.is_match(name),
                cut => patterns.is_match(name.split(cut).next().unwrap()),
            };
            assert!(names.any(fits), "{}: {}", file.display(), folder.display());
        }
    }
}
