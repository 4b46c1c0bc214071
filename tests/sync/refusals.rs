//! Where nothing is done, and nothing changed.

use std::fs;

use rustix::fs::{FlockOperation, flock};

use crate::repo::{Repo, Run, files};

/// A checkout with work of every kind, and something new at the remote.
fn behind_and_dirty() -> Repo {
    let repo = Repo::new();
    repo.edit("mine", 2, "mine");
    repo.write("mine/staged", "staged");
    repo.git(&["add", "staged"]);
    repo.write("mine/untracked", "untracked");
    repo.write("mine/.env", "SECRET=1");
    repo.they_push("new", "new");
    repo
}

#[track_caller]
fn refused(repo: &Repo, arguments: &[&str], because: &str) {
    repo.unchanged(|| {
        for strategy in ["hardreset", "rebase", "merge", "ff-only"] {
            let all = [&["--strategy", strategy], arguments].concat();
            repo.sync(&all).refused(because);
        }
    });
}

#[test]
fn what_is_no_checkout_is_refused() {
    let repo = Repo::new();
    repo.sync_in("home", &[]).refused("is no git checkout; go to a folder of one");
    repo.sync_in("remote.git", &[]).refused("is a bare repository");
    repo.sync_in("mine/.git", &[]).refused("is inside a git folder");
}

#[test]
fn another_branch_is_refused() {
    let repo = behind_and_dirty();
    repo.git(&["switch", "-q", "-c", "feature"]);
    refused(&repo, &[], "the branch feature is checked out, not main");
    refused(&repo, &["--branch", "feature"], "origin has no branch feature");
}

#[test]
fn a_detached_head_is_refused() {
    let repo = behind_and_dirty();
    repo.git(&["checkout", "-q", "--detach"]);
    refused(&repo, &[], "no branch is checked out (detached HEAD)");
}

#[test]
fn a_missing_remote_or_branch_is_refused_before_anything_is_touched() {
    let repo = behind_and_dirty();
    refused(
        &repo,
        &["--remote", "upstream"],
        "there is no remote upstream, so nothing was touched; there is origin",
    );
    repo.git(&["switch", "-q", "-c", "other"]);
    refused(&repo, &["--branch", "other"], "origin has no branch other");
    repo.git(&["switch", "-q", "main"]);
    repo.git(&["remote", "set-url", "origin", "/nowhere/at/all"]);
    refused(&repo, &[], "cannot fetch from origin, so nothing was touched");
    repo.git(&["remote", "remove", "origin"]);
    refused(&repo, &[], "there is none at all");
}

#[test]
fn an_empty_remote_and_a_branch_without_commits_are_refused() {
    let repo = Repo::without_commits();
    repo.write("mine/untracked", "untracked");
    repo.sync(&[]).refused("main has no commit yet");
    assert_eq!(repo.read("mine/untracked"), "untracked");
    repo.commit("mine", "first");
    refused(
        &repo,
        &[],
        "origin has no branch main, so nothing was touched; `git push origin main`",
    );
}

#[test]
fn a_rebase_in_progress_is_refused() {
    let repo = behind_and_dirty();
    repo.commit("mine", "mine");
    repo.edit("theirs", 2, "theirs");
    repo.they_push("newer", "newer");
    repo.git(&["fetch", "-q"]);
    assert_ne!(repo.try_git("mine", &["rebase", "-q", "origin/main"]).code, 0);
    refused(&repo, &[], "`git rebase` is in progress here");
    repo.git(&["rebase", "--abort"]);

    assert_ne!(repo.try_git("mine", &["merge", "-q", "origin/main"]).code, 0);
    refused(&repo, &[], "`git merge` is in progress here");
    repo.git(&["merge", "--abort"]);

    assert_ne!(repo.try_git("mine", &["cherry-pick", "origin/main"]).code, 0);
    refused(&repo, &[], "`git cherry-pick` is in progress here");
    repo.git(&["cherry-pick", "--abort"]);

    repo.git(&["bisect", "start"]);
    refused(
        &repo,
        &[],
        "`git bisect` is in progress here, so nothing was touched; finish it, or give it up with `git bisect reset`",
    );
    repo.git(&["bisect", "reset"]);
}

#[test]
fn a_revert_or_an_am_in_progress_is_refused() {
    let repo = Repo::new();
    repo.edit("mine", 2, "one");
    repo.commit("mine", "one");
    repo.edit("mine", 2, "two");
    repo.commit("mine", "two");
    assert_ne!(repo.try_git("mine", &["revert", "--no-edit", "HEAD~1"]).code, 0);
    refused(&repo, &[], "`git revert` is in progress here");
    repo.git(&["revert", "--abort"]);

    let patch = repo.git(&["format-patch", "-1", "HEAD~1", "--stdout"]);
    repo.write("home/patch", &(patch + "\n"));
    let patch = repo.path("home/patch");
    assert_ne!(repo.try_git("mine", &["am", "-q", patch.to_str().unwrap()]).code, 0);
    refused(&repo, &[], "`git am` is in progress here");
}

#[test]
fn a_row_of_picks_is_refused_whatever_its_commits_are_called() {
    let repo = behind_and_dirty();
    for (todo, command) in
        [(&b"pick 0123456 caf\xe9\n"[..], "cherry-pick"), (b"revert 0123456 caf\xe9\n", "revert")]
    {
        fs::create_dir_all(repo.path("mine/.git/sequencer")).unwrap();
        fs::write(repo.path("mine/.git/sequencer/todo"), todo).unwrap();
        refused(&repo, &[], &format!("`git {command}` is in progress here"));
    }
}

#[test]
fn unmerged_files_are_refused() {
    let repo = behind_and_dirty();
    repo.git(&["commit", "-q", "-am", "mine"]);
    repo.edit("mine", 2, "stashed");
    repo.git(&["stash", "-q"]);
    repo.edit("mine", 2, "otherwise");
    repo.git(&["commit", "-q", "-am", "otherwise"]);
    assert_ne!(repo.try_git("mine", &["stash", "apply", "-q"]).code, 0);
    refused(&repo, &[], "there are unmerged files, so nothing was touched: shared");
}

#[test]
fn a_locked_index_is_refused() {
    let repo = behind_and_dirty();
    repo.write("mine/.git/index.lock", "");
    let before = files(&repo.mine());
    for _ in 0..2 {
        repo.sync(&[]).refused("index.lock exists, so nothing was touched: another git is at work");
    }
    assert_eq!(files(&repo.mine()), before);
    assert!(repo.kept().is_empty());
    fs::remove_file(repo.path("mine/.git/index.lock")).unwrap();
    repo.sync(&[]).ok();
}

#[test]
fn a_second_sync_says_who_is_at_it() {
    let repo = behind_and_dirty();
    let lock = repo.path("mine/.git/redundancy-sync.lock");
    let text = r#"{"pid":4711,"verb":"sync","since":"2026-01-02T03:04:05Z"}"#;
    fs::write(&lock, text).unwrap();
    let held = fs::File::open(&lock).unwrap();
    flock(&held, FlockOperation::LockExclusive).unwrap();
    refused(&repo, &[], "this checkout is being synced already, by `redundancy sync`, pid 4711");
    drop(held);
    repo.sync(&[]).ok();
}

#[test]
fn what_could_be_an_option_of_git_is_refused() {
    let repo = behind_and_dirty();
    for bad in
        ["--remote=-u", "--remote=--upload-pack=x", "--branch=-D", "--branch=a..b", "--branch=a\nb"]
    {
        refused(&repo, &[bad], "can't be a");
    }
}

#[test]
fn what_is_asked_for_wrongly_is_refused() {
    let repo = behind_and_dirty();
    let with = |name: &str, value: &str| {
        Run::of(repo.command_in("mine", &[]).env(name, value).output().unwrap())
    };
    repo.unchanged(|| {
        with("AUTO_SYNC_STRATEGY", "theirs").refused("one of hardreset, rebase, merge, ff-only");
        with("AUTO_SYNC_CLEAN", "perhaps").refused("1, true and yes turn it on");
        with("AUTO_SYNC_GC", "2").refused("0, false and no turn it off");
        repo.sync(&["--every", "0s"]).refused("longer than nothing");
        repo.sync(&["--every", "5"]).refused("a number with a unit");
    });
    for name in ["AUTO_SYNC_STRATEGY", "AUTO_SYNC_CLEAN", "AUTO_SYNC_GC", "AUTO_SYNC_REMOTE"] {
        with(name, "").ok();
    }
}

#[test]
fn where_git_is_missing_nothing_is_said_to_be_well() {
    let repo = behind_and_dirty();
    let run = Run::of(repo.command_in("mine", &[]).env("PATH", "/nowhere").output().unwrap());
    run.refused("git was not found");
    assert_eq!(run.stdout, "");
}
