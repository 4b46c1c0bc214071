//! Values of the environment: never shown, never written where they need not be.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use crate::world::{World, kill, variable, wait_until, worker};

const PLAIN: &str = "hush-hush-of-the-config";
const FILED: &str = "hush-hush-of-a-file";

fn assert_hidden(what: &str, text: &[u8]) {
    for secret in [PLAIN, FILED] {
        let shown = text.windows(secret.len()).any(|it| it == secret.as_bytes());
        assert!(!shown, "{what} shows {secret}:\n{}", String::from_utf8_lossy(text));
    }
}

fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            files(&entry.path(), found);
        } else {
            found.push(entry.path());
        }
    }
}

#[test]
fn values_of_variables_are_in_nothing_that_is_said_or_kept() {
    let toml = |more: &str| {
        worker("w")
            + &format!("env_files = [\".env\"]\nenv = {{ TOKEN = \"{PLAIN}\" }}\n{more}\n")
            + "[[process]]\nname = \"broken\"\ncommand = [\"no-such-program\"]\nenv_files = [\".env\"]\n"
    };
    let world = World::new(&toml(""));
    world.write(".env", &format!("KEY={FILED}\n"));
    let say = |arguments: &[&str]| {
        let run = world.run(arguments);
        assert_hidden(&format!("{arguments:?}"), run.said().as_bytes());
        run.said()
    };
    let all = || {
        for arguments in [
            &["plan"][..],
            &["plan", "--json"],
            &["plan", "--markdown"],
            &["plan", "--out", "saved"],
            &["status"],
            &["status", "--json"],
            &["history"],
        ] {
            say(arguments);
        }
    };
    all();
    assert!(say(&["apply", "--yes"]).contains("no-such-program"));
    let pid = world.pid("w");
    assert_eq!(variable(pid, "TOKEN").as_deref(), Some(PLAIN));
    assert_eq!(variable(pid, "KEY").as_deref(), Some(FILED));
    all();

    // Changed by hand, and in the config.
    world.pm2_with(&["restart", "w", "--update-env"], &[("TOKEN", "by-hand")]);
    all();
    world.config(&toml("max_restarts = 2"));
    all();
    let watch = world.watch();
    wait_until("it is mended", || {
        let app = world.instances("w");
        app.iter().any(|it| it["pm2_env"]["max_restarts"] == 2)
    });
    let pid = world.pid("w");
    kill(pid);
    world.pid_other_than("w", Some(pid));
    kill(world.daemon().unwrap());
    world.pid_other_than("w", None);
    all();
    assert_hidden("the log of the watch", watch.end_well().as_bytes());
    let mut kept = Vec::new();
    files(&world.path(".redundancy"), &mut kept);
    kept.push(world.path("saved"));
    assert!(kept.len() > 2, "{kept:?}");
    for file in kept {
        let text = fs::read(&file).unwrap();
        // A generation has the text of the config, or nobody could go back to it.
        if file.parent().is_some_and(|it| it.ends_with("generations")) {
            let mode = fs::metadata(&file).unwrap().permissions().mode();
            let private = mode.trailing_zeros() >= 6;
            assert!(private && !String::from_utf8(text).unwrap().contains(FILED), "{file:?}");
        } else {
            assert_hidden(&file.to_string_lossy(), &text);
        }
    }
    // A file that is broken is told of and not quoted.
    world.write(".env", &format!("KEY=\"{FILED}\nnot a line {PLAIN}\n"));
    assert!(!say(&["plan"]).is_empty());
}
