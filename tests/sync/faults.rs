//! A git or a sync that is killed, or hangs, at any call: the work is in the checkout, under a ref
//! or in the history, and the next sync goes on from there.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use rustix::process::{Pid, Signal, kill_process};

use crate::repo::{Repo, Run, files, wait_for};

/// Puts a stub before git in PATH. At its call number `at` it does `what`; else it is the real one.
fn stub(repo: &Repo, command: &mut Command, at: usize, what: &str) {
    let path = std::env::var("PATH").unwrap();
    let real =
        std::env::split_paths(&path).map(|it| it.join("git")).find(|it| it.is_file()).unwrap();
    // Only what the shell does itself: it is run thousands of times.
    let text = format!(
        "#!/bin/sh\nreal='{real}'\nn=0\nif [ -e '{calls}' ]; then read -r n < '{calls}'; fi\n\
         n=$((n + 1))\necho $n > '{calls}'\nif [ $n -eq {at} ]; then {what}; fi\nexec \"$real\" \"$@\"\n",
        real = real.display(),
        calls = repo.path("home/calls").display(),
    );
    let folder = repo.path("home/bin");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("git"), text).unwrap();
    fs::set_permissions(folder.join("git"), fs::Permissions::from_mode(0o755)).unwrap();
    let _ = fs::remove_file(repo.path("home/calls"));
    command.env("PATH", format!("{}:{path}", folder.display()));
}

fn calls(repo: &Repo) -> usize {
    let calls = fs::read_to_string(repo.path("home/calls"));
    calls.map_or(0, |it| it.trim().parse().unwrap())
}

/// What the user has made, as contents.
const WORK: [&str; 5] =
    ["committed\n", "staged\n", "edited\n", "untracked\n", "ignored, in the way\n"];

/// A checkout with work of every kind, and a remote that differs.
fn at_work() -> Repo {
    let repo = Repo::new();
    repo.they_push(".env", "theirs\n");
    repo.they_push("new", "theirs\n");
    repo.write("mine/committed", WORK[0]);
    repo.commit("mine", "mine");
    repo.write("mine/shared", WORK[1]);
    repo.git(&["add", "shared"]);
    repo.write("mine/shared", WORK[2]);
    repo.write("mine/untracked", WORK[3]);
    repo.write("mine/.env", WORK[4]);
    repo
}

/// The names that git gives to it.
fn objects(repo: &Repo) -> [String; 5] {
    WORK.map(|it| repo.object_of(it.as_bytes()))
}

/// Fails the test unless all of the work is somewhere.
#[track_caller]
fn assert_nothing_lost(repo: &Repo, objects: &[String; 5], ours: &str, when: &str) {
    let reachable = repo.reachable();
    let there = files(&repo.mine());
    // The index leads to what is staged.
    let staged = repo.git(&["ls-files", "--stage"]);
    assert!(reachable.contains(ours), "{when}: the commit is lost");
    for (text, object) in WORK.iter().zip(objects) {
        let safe = reachable.contains(object)
            || staged.contains(object)
            || there.values().any(|it| it.ends_with(text.as_bytes()));
        assert!(safe, "{when}: {text:?} is lost");
    }
}

/// Syncs with a stub that does `what` at one call, for every so many of the calls, until there is no
/// such call any more. Returns how many there are at most.
fn at_calls(every: usize, what: &str, expect: impl Fn(&Run, usize)) -> usize {
    let first = at_work();
    let (objects, ours) = (objects(&first), first.head());
    for at in (1..).step_by(every) {
        let repo = first.copy();
        let mut command = repo.command_in("mine", &["--clean"]);
        stub(&repo, &mut command, at, what);
        let run = Run::of(command.output().unwrap());
        if calls(&repo) < at {
            run.ok();
            return at - 1;
        }
        let when = format!("{what:?} at call {at}");
        assert!(run.code == 1 || run.code == 128 + 9, "{when}: {run:?}");
        assert_eq!(run.stdout, "", "{when}: it is not said to be well");
        expect(&run, at);
        assert_nothing_lost(&repo, &objects, &ours, &when);

        // A git that was killed while it wrote the index leaves this.
        let lock = repo.path("mine/.git/index.lock");
        if lock.exists() {
            repo.sync(&[]).refused("index.lock exists, so nothing was touched");
            fs::remove_file(lock).unwrap();
        }
        repo.sync(&[]).ok();
        assert_eq!(repo.head(), repo.remote_head(), "{when}");
        assert_eq!(repo.read("mine/.env"), "theirs\n");
        assert_nothing_lost(&repo, &objects, &ours, &format!("{when}, after the next sync"));
    }
    unreachable!()
}

#[test]
fn git_is_killed_before_any_call() {
    let calls = at_calls(1, "kill -9 $$", |run, at| {
        assert!(run.stderr.contains("killed by signal 9"), "call {at}: {run:?}");
    });
    assert!(calls > 20, "{calls}");
}

#[test]
fn git_is_killed_after_any_call() {
    at_calls(4, "\"$real\" \"$@\"; kill -9 $$", |run, at| {
        assert!(run.stderr.contains("killed by signal 9"), "call {at}: {run:?}");
    });
}

#[test]
fn git_fails_at_any_call() {
    at_calls(4, "echo broken >&2; exit 3", |run, at| {
        assert!(!run.stderr.is_empty(), "call {at}: {run:?}");
    });
}

#[test]
fn sync_is_killed_after_any_call() {
    at_calls(1, "\"$real\" \"$@\"; kill -9 $PPID; exit 0", |_, _| {});
}

#[test]
fn git_hangs() {
    let count = {
        let repo = at_work();
        let mut command = repo.command_in("mine", &[]);
        stub(&repo, &mut command, 0, "true");
        Run::of(command.output().unwrap()).ok();
        calls(&repo)
    };
    // Some of them; each costs its whole time. On a busy machine it may be an earlier one.
    for at in [1, count / 3, count / 2, count - 3] {
        let repo = at_work();
        let (objects, ours) = (objects(&repo), repo.head());
        let mut command = repo.command_in("mine", &["--timeout", "1s"]);
        stub(&repo, &mut command, at, "exec sleep 1000");
        let run = Run::of(command.output().unwrap());
        run.refused("did not end within 1 s and was ended; `--timeout` sets another limit");
        assert_nothing_lost(&repo, &objects, &ours, &format!("hung at call {at}"));
        repo.sync(&[]).ok();
        assert_nothing_lost(
            &repo,
            &objects,
            &ours,
            &format!("hung at call {at}, after the next sync"),
        );
    }
}

#[test]
fn a_signal_ends_waiting_for_the_remote_and_what_waits_with_it() {
    let repo = at_work();
    let (objects, ours) = (objects(&repo), repo.head());
    let mut command = repo.command_in("mine", &[]);
    let pid_file = repo.path("home/pid");
    let hang = format!(
        "true; fi; if echo \"$@\" | grep -q ' fetch '; then sleep 1000 & echo $! > '{}'; wait",
        pid_file.display()
    );
    stub(&repo, &mut command, 0, &hang);
    let child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let waiting =
        wait_for("the fetch", || fs::read_to_string(&pid_file).ok()?.trim().parse::<u32>().ok());
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), Signal::INT).unwrap();
    Run::of(child.wait_with_output().unwrap()).refused("stopped by a signal during `git fetch");
    wait_for("the end of what waited", || {
        let stat = fs::read_to_string(format!("/proc/{waiting}/stat")).unwrap_or_default();
        (stat.is_empty() || stat.contains(") Z ")).then_some(())
    });
    assert_nothing_lost(&repo, &objects, &ours, "stopped");
    assert!(Path::new(&repo.path("mine/untracked")).exists());
}

#[test]
fn a_reset_that_is_killed_half_way_loses_nothing() {
    let repo = at_work();
    let (objects, ours) = (objects(&repo), repo.head());
    // Git runs this for a file of the incoming commit, in the midst of writing.
    repo.write("mine/.git/info/attributes", "new filter=deadly\n");
    repo.git(&["config", "filter.deadly.smudge", "kill -9 $PPID; cat"]);
    repo.git(&["config", "filter.deadly.required", "true"]);
    let run = repo.sync(&[]);
    run.refused("`git reset --hard");
    assert_nothing_lost(&repo, &objects, &ours, "killed half-way");
    repo.git(&["config", "--unset", "filter.deadly.smudge"]);
    repo.git(&["config", "filter.deadly.required", "false"]);
    let lock = repo.path("mine/.git/index.lock");
    assert!(lock.exists());
    repo.sync(&[])
        .refused("another git is at work here, or one was killed. If none is running, remove");
    fs::remove_file(lock).unwrap();
    repo.sync(&[]).ok();
    assert_eq!(repo.head(), repo.remote_head());
    assert_nothing_lost(&repo, &objects, &ours, "after the next sync");
}

#[test]
fn a_rebase_or_merge_that_is_killed_half_way_loses_nothing() {
    for strategy in ["rebase", "merge"] {
        let repo = Repo::new();
        repo.they_push("new", "theirs");
        repo.write("mine/committed", "mine");
        repo.commit("mine", "mine");
        repo.write("mine/untracked", "u");
        let ours = repo.head();
        repo.write("mine/.git/info/attributes", "new filter=deadly\n");
        repo.git(&["config", "filter.deadly.smudge", "kill -9 $PPID; cat"]);
        let run = repo.sync(&["--strategy", strategy]);
        assert_eq!((run.code, &*run.stdout), (1, ""), "{run:?}");
        assert!(run.stderr.contains(strategy) && run.stderr.contains("half"), "{run:?}");
        assert!(repo.reachable().contains(&ours), "{strategy}");
        assert_eq!(repo.read("mine/untracked"), "u");

        // A person does what it says.
        repo.git(&["config", "--unset", "filter.deadly.smudge"]);
        let _ = fs::remove_file(repo.path("mine/.git/index.lock"));
        if repo.path("mine/.git/rebase-merge").exists() {
            repo.sync(&[]).refused("`git rebase` is in progress here");
            repo.git(&["rebase", "--abort"]);
        }
        repo.git(&["reset", "-q", "--hard", &ours]);
        repo.sync(&["--strategy", strategy]).ok();
        assert_eq!(repo.head(), repo.remote_head());
        assert_eq!(
            (repo.read("mine/new"), repo.read("mine/committed")),
            ("theirs".into(), "mine".into())
        );
        assert_eq!(repo.read("mine/untracked"), "u");
    }
}

#[test]
fn what_is_made_meanwhile_is_not_lost() {
    let first = at_work();
    let (objects, ours) = (objects(&first), first.head());
    let log = "home/log";
    for at in (1..).step_by(3) {
        let repo = first.copy();
        let mut command = repo.command_in("mine", &[]);
        let edit = "echo meanwhile > shared; echo meanwhile > untracked";
        let what =
            format!("{edit}; fi; echo \"$@\" >> '{}'; if false; then :", repo.path(log).display());
        stub(&repo, &mut command, at, &what);
        let run = Run::of(command.output().unwrap());
        let said = repo.read(log);
        let called: Vec<_> = said.lines().collect();
        if called.len() < at {
            return;
        }
        run.ok();
        let safe = |text: &str, path: &str| {
            let object = repo.object_of(text.as_bytes());
            let there = fs::read_to_string(repo.path(path)).is_ok_and(|it| it == text);
            there || repo.reachable().contains(&object)
        };
        let looked = called[at - 1..].iter().any(|it| it.contains(" diff-files "));
        let done = called[..at - 1].iter().any(|it| it.contains(" reset --hard "));
        if looked || done {
            assert!(safe("meanwhile\n", "mine/shared"), "call {at}: {}", called[at - 1]);
        }
        assert!(safe("meanwhile\n", "mine/untracked"), "call {at}: {}", called[at - 1]);
        // All but what was overwritten by hand.
        let reachable = repo.reachable();
        assert!(reachable.contains(&ours) && reachable.contains(&objects[4]), "call {at}");
    }
}

#[test]
fn where_somebody_never_rests_it_gives_up() {
    let repo = at_work();
    let (objects, ours) = (objects(&repo), repo.head());
    let mut command = repo.command_in("mine", &[]);
    let what = "true; fi; echo $n >> growing; if false; then :";
    stub(&repo, &mut command, 0, what);
    Run::of(command.output().unwrap()).refused("was changed by somebody each time");
    assert_eq!(repo.head(), ours);
    assert!(repo.kept().len() > 2);
    assert_nothing_lost(&repo, &objects, &ours, "given up");
}

#[test]
fn a_commit_that_is_made_in_the_last_instant_is_kept() {
    let repo = at_work();
    let mut command = repo.command_in("mine", &[]);
    let late = "if echo \"$@\" | grep -q ' reset --hard '; then \"$real\" commit -q -m late; fi";
    stub(&repo, &mut command, 0, &format!("true; fi; {late}; if false; then :"));
    Run::of(command.output().unwrap()).ok();
    assert_eq!(repo.head(), repo.remote_head());
    let list = repo.sync(&["--list"]).ok().stdout;
    assert!(list.contains("the last: late"), "{list}");
}
