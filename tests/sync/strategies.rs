//! What each strategy does where both sides are, and are not, the same.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::repo::{Repo, Run, files};

fn short(commit: &str) -> &str {
    &commit[..7]
}

#[test]
fn in_step_nothing_is_touched() {
    let repo = Repo::new();
    let at = repo.head();
    let run = repo.unchanged(|| repo.sync(&[]).ok());
    assert_eq!(run.stdout, format!("in step with origin/main at {}\n", short(&at)));
    repo.edit("mine", 2, "mine");
    repo.write("mine/untracked", "untracked");
    for strategy in ["hardreset", "rebase", "merge", "ff-only"] {
        let run = repo.unchanged(|| repo.sync(&["--strategy", strategy]).ok());
        let said =
            format!("in step with origin/main at {}; 2 local changes are left alone\n", short(&at));
        assert_eq!(run.stdout, said);
    }
    assert!(repo.kept().is_empty());
    assert_eq!(repo.git(&["stash", "list"]), "");
}

#[test]
fn behind_is_moved_forward_and_ignored_files_stay() {
    for strategy in ["hardreset", "rebase", "merge", "ff-only"] {
        let repo = Repo::new();
        for path in [".env", "node_modules/a/index.js", "logs/app.log"] {
            repo.write(&format!("mine/{path}"), "ignored");
        }
        let before = repo.head();
        repo.they_push("one", "1");
        repo.they_push("two", "2");
        let run = repo.sync(&["--strategy", strategy]).ok();
        let (from, to) = (short(&before).to_owned(), repo.remote_head());
        assert_eq!(run.stdout, format!("moved from {from} to {}, 2 commits\n", short(&to)));
        assert_eq!(repo.head(), to);
        for path in [".env", "node_modules/a/index.js", "logs/app.log"] {
            assert_eq!(repo.read(&format!("mine/{path}")), "ignored");
        }
        assert!(repo.kept().is_empty(), "there was nothing to keep");
        assert_eq!(repo.git(&["status", "--porcelain"]), "");
        assert!(!repo.path("mine/.git/redundancy-sync").exists());
    }
}

#[test]
fn it_works_below_the_root_and_in_a_linked_worktree() {
    let repo = Repo::new();
    repo.they_push("deep/er/file", "1");
    repo.sync(&[]).ok();
    repo.they_push("deep/er/file", "2");
    repo.write("mine/untracked", "u");
    repo.sync_in("mine/deep/er", &[]).ok();
    assert_eq!(repo.read("mine/deep/er/file"), "2");
    assert!(!repo.path("mine/untracked").exists(), "the checkout is meant, not the folder");

    repo.git_in("theirs", &["push", "-q", "origin", "main:side"]);
    repo.git(&["fetch", "-q"]);
    repo.git(&["worktree", "add", "-q", "-b", "side", "../linked", "origin/side"]);
    repo.they_push("side", "s");
    repo.git_in("theirs", &["push", "-q", "origin", "main:side"]);
    repo.write("linked/shared", "linked");
    let run = repo.sync_in("linked", &["--branch", "side"]).ok();
    assert!(run.stdout.contains("moved from"), "{run:?}");
    assert_eq!(repo.read("linked/side"), "s");
    assert!(!repo.path("mine/side").exists());
    let lost = repo.object_of(b"linked");
    assert!(repo.reachable().contains(&lost));
}

#[test]
fn variables_are_heard_and_options_win() {
    let repo = Repo::new();
    repo.they_push("new", "new");
    repo.write("mine/untracked", "u");
    let run = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = repo.command_in("mine", arguments);
        Run::of(command.envs(variables.iter().copied()).output().unwrap())
    };
    run(&[], &[("AUTO_SYNC_REMOTE", "elsewhere")]).refused("no remote elsewhere");
    run(&["--remote", "origin"], &[("AUTO_SYNC_REMOTE", "elsewhere"), ("AUTO_SYNC_CLEAN", "0")])
        .ok();
    assert_eq!(repo.read("mine/untracked"), "u");
    repo.they_push("newer", "newer");
    run(&["--no-clean"], &[("AUTO_SYNC_CLEAN", "yes")]).ok();
    assert_eq!(repo.read("mine/untracked"), "u");
    repo.they_push("newest", "newest");
    run(&["--clean"], &[("AUTO_SYNC_CLEAN", "False"), ("AUTO_SYNC_GC", "true")]).ok();
    assert!(!repo.path("mine/untracked").exists());
    run(&[], &[("AUTO_SYNC_BRANCH", "trunk")]).refused("is checked out, not trunk");
    repo.edit("mine", 1, "mine");
    repo.commit("mine", "mine");
    run(&[], &[("AUTO_SYNC_STRATEGY", "REBASE")]).ok();
    assert_eq!(repo.remote_head(), repo.head());
}

#[test]
fn a_limit_may_be_longer_than_time_itself() {
    let repo = Repo::new();
    repo.they_push("new", "new");
    repo.sync(&["--timeout", "9223372036854775807s"]).ok();
    assert_eq!(repo.read("mine/new"), "new");
}

#[test]
fn ahead_only() {
    for strategy in ["rebase", "merge", "ff-only", "hardreset"] {
        let repo = Repo::new();
        let before = repo.head();
        repo.edit("mine", 2, "mine");
        repo.commit("mine", "mine");
        repo.write("mine/untracked", "u");
        let ours = repo.head();
        let run = repo.sync(&["--strategy", strategy]).ok();
        match strategy {
            "hardreset" => {
                assert_eq!(repo.head(), before);
                let [head, work] = &repo.kept()[..] else { panic!("{:?}", repo.kept()) };
                assert_eq!(repo.git(&["rev-parse", head]), ours);
                assert_eq!(repo.git(&["show", &format!("{work}^3:untracked")]), "u");
                assert_eq!(repo.remote_head(), before);
                assert!(
                    run.stdout.contains("put aside: 1 commit that origin/main has not"),
                    "{run:?}"
                );
            }
            "ff-only" => {
                assert_eq!((repo.head(), repo.remote_head()), (ours, before));
                assert!(run.stdout.contains("1 commit ahead of origin/main"), "{run:?}");
            }
            _ => {
                assert_eq!((repo.head(), repo.remote_head()), (ours.clone(), ours));
                assert!(run.stdout.contains("pushed 1 commit to origin/main"), "{run:?}");
                assert_eq!(repo.read("mine/untracked"), "u");
                assert!(repo.kept().is_empty());
            }
        }
    }
}

/// Both sides have a commit; they agree, or not.
fn diverged(agreeing: bool) -> (Repo, String) {
    let repo = Repo::new();
    repo.edit("mine", 2, "mine");
    repo.commit("mine", "mine");
    repo.edit("theirs", if agreeing { 8 } else { 2 }, "theirs");
    repo.they_push("new", "new");
    let ours = repo.head();
    (repo, ours)
}

#[test]
fn diverged_is_brought_together_and_pushed() {
    for strategy in ["rebase", "merge"] {
        let (repo, ours) = diverged(true);
        let run = repo.sync(&["--strategy", strategy]).ok();
        assert!(run.stdout.starts_with("pushed "), "{run:?}");
        assert!(run.stdout.contains("on top of 1 commit taken from there"), "{run:?}");
        assert_eq!(repo.head(), repo.remote_head());
        let text = repo.read("mine/shared");
        assert!(text.contains("mine") && text.contains("theirs"), "{text}");
        assert!(repo.reachable().contains(&ours), "the old commit is kept by {strategy}");
    }
}

#[test]
fn a_conflict_is_taken_back() {
    for strategy in ["rebase", "merge"] {
        let (repo, ours) = diverged(false);
        repo.write("mine/untracked", "u");
        let before = files(&repo.mine());
        for _ in 0..3 {
            repo.sync(&["--strategy", strategy])
                .refused("it was taken back, and everything is as it was");
        }
        assert_eq!((repo.head(), files(&repo.mine())), (ours, before));
        assert_eq!(repo.git(&["symbolic-ref", "HEAD"]), "refs/heads/main");
        assert_eq!(repo.git(&["status", "--porcelain"]), "?? untracked");
        assert!(repo.kept().len() <= 1, "the same is kept once: {:?}", repo.kept());
    }
}

#[test]
fn diverged_and_dirty_needs_a_person() {
    for strategy in ["rebase", "merge"] {
        let (repo, _) = diverged(true);
        repo.write("mine/other", "dirty");
        repo.unchanged(|| {
            repo.sync(&["--strategy", strategy]).refused("commit them, or put them aside");
        });
    }
    let (repo, _) = diverged(true);
    repo.unchanged(|| {
        repo.sync(&["--strategy", "ff-only"]).refused("ff-only can't bring them together");
    });
}

#[test]
fn moving_forward_takes_local_work_along_or_does_nothing() {
    for strategy in ["rebase", "merge", "ff-only"] {
        let repo = Repo::new();
        repo.edit("mine", 2, "mine");
        repo.write("mine/untracked", "u");
        repo.they_push("new", "new");
        repo.sync(&["--strategy", strategy]).ok();
        assert!(repo.read("mine/shared").contains("mine"));
        assert_eq!(repo.read("mine/untracked"), "u");

        repo.edit("theirs", 5, "theirs");
        repo.they_push("newer", "newer");
        repo.unchanged(|| repo.sync(&["--strategy", strategy]).refused("could not be taken over"));

        repo.git(&["restore", "shared"]);
        repo.write("mine/.env", "mine");
        repo.they_push(".env", "theirs");
        repo.unchanged(|| {
            let run = repo.sync(&["--strategy", strategy]);
            run.refused(
                "not tracked and lie where origin/main has files, so nothing was touched: .env",
            );
        });
    }
}

#[test]
fn a_refused_push_is_said_and_tried_again() {
    let repo = Repo::new();
    let hook = repo.path("remote.git/hooks/pre-receive");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\necho not today >&2\nexit 1\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    repo.edit("mine", 2, "mine");
    repo.commit("mine", "mine");
    let run = repo.unchanged(|| repo.sync(&["--strategy", "merge"]));
    run.refused("origin/main did not take 1 commit from here");
    assert!(run.stderr.contains("not today"), "{run:?}");
    fs::remove_file(&hook).unwrap();
    repo.sync(&["--strategy", "merge"]).ok();
    assert_eq!(repo.remote_head(), repo.head());
}

#[test]
fn no_name_is_needed() {
    for strategy in ["hardreset", "rebase", "merge"] {
        let (repo, ours) = diverged(true);
        repo.write("home/config", "[user]\nuseConfigOnly = true\n");
        repo.write("mine/untracked", "u");
        repo.sync(&["--strategy", strategy]).ok();
        let ours = repo.reachable().contains(&ours);
        assert!(ours, "{strategy}");
    }
}

#[test]
fn hooks_run_for_what_a_person_would_do_and_for_nothing_else() {
    let (repo, _) = diverged(true);
    let ran = repo.path("home/ran");
    let hooks = repo.git(&["--exec-path"]);
    assert!(!hooks.is_empty());
    for hook in
        ["pre-push", "post-merge", "reference-transaction", "post-index-change", "post-checkout"]
    {
        let path = repo.path(format!("mine/.git/hooks/{hook}"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\necho {hook} >> '{}'\n", ran.display())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    repo.sync(&["--strategy", "merge"]).ok();
    let told = fs::read_to_string(&ran).unwrap();
    assert!(told.contains("post-merge") && told.contains("pre-push"), "{told}");
    fs::remove_file(&ran).unwrap();
    repo.git_in("theirs", &["pull", "-q", "origin", "main"]);
    repo.they_push("newer", "newer");
    repo.write("mine/shared", "dirty");
    repo.sync(&[]).ok();
    assert!(!ran.exists(), "{}", fs::read_to_string(&ran).unwrap_or_default());
}
