//! What a hard reset would lose is kept, and the printed commands bring it back.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
    },
};

use crate::repo::{PROGRAM, Repo, Run, files};

/// Names that trip whoever splits at blanks or lines, or believes in UTF-8.
const ODD_NAMES: [&[u8]; 6] = [
    b"a blank",
    b" led by one",
    b"two\nlines",
    b"not \xff utf-8",
    b"-option",
    b"d\xc3\xa4sh/\"quoted\"\ttab",
];

/// Work of every kind in the checkout, which is one commit behind.
fn dirty(repo: &Repo) {
    let mine = |name: &[u8]| repo.mine().join(OsStr::from_bytes(name));
    let set_mode = |name: &[u8], mode| {
        fs::set_permissions(mine(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    for path in ["gone", "retyped", "moded", "staged", "folder/inside", "plain"] {
        repo.write(&format!("mine/{path}"), "committed\n");
    }
    repo.commit("mine", "mine to have");
    repo.git(&["push", "-q", "origin", "main"]);
    repo.git_in("theirs", &["pull", "-q", "origin", "main"]);
    repo.they_push("shared", "all is new\n");

    repo.edit("mine", 3, "changed");
    fs::remove_file(mine(b"gone")).unwrap();
    fs::remove_file(mine(b"retyped")).unwrap();
    symlink("nowhere", mine(b"retyped")).unwrap();
    set_mode(b"moded", 0o755);
    // Staged in one way, and changed again since.
    repo.write("mine/staged", "staged\n");
    repo.write("mine/added", "added\n");
    repo.git(&["add", "staged", "added"]);
    repo.write("mine/staged", "changed again\n");
    for name in ODD_NAMES {
        let path = mine(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, name).unwrap();
    }
    fs::write(mine(b"run me"), "#!/bin/sh\n").unwrap();
    set_mode(b"run me", 0o755);
    symlink("a blank", mine(b"link")).unwrap();
    symlink("dangling\nlink", mine(b"dangling")).unwrap();
    repo.write("mine/.env", "SECRET=1");
    repo.write("mine/logs/a.log", "log");
}

fn differences(repo: &Repo) -> (String, String) {
    (repo.git(&["diff", "--binary"]), repo.git(&["diff", "--binary", "--cached"]))
}

#[test]
fn the_printed_commands_bring_everything_back() {
    let repo = Repo::new();
    dirty(&repo);
    let (before, differ, head) = (files(&repo.mine()), differences(&repo), repo.head());
    let run = repo.sync(&[]).ok();
    assert!(run.stderr.contains("sync kept 6 changed files and 9 untracked files"), "{run:?}");
    assert_eq!(repo.head(), repo.remote_head());
    assert_eq!(repo.git(&["status", "--porcelain"]), "", "it is equal to the remote");
    assert_eq!(repo.git(&["stash", "list"]), "");
    assert_eq!(repo.read("mine/.env"), "SECRET=1");
    let refs = repo.kept();
    assert!(matches!(&refs[..], [it] if it.ends_with("/work")), "{refs:?}");

    // Not even this takes it away.
    repo.git(&["reflog", "expire", "--expire=now", "--all"]);
    repo.git(&["gc", "-q", "--prune=now"]);
    repo.run_printed("back just as it was:");
    assert_eq!(repo.head(), head);
    assert_eq!(files(&repo.mine()), before);
    assert_eq!(differences(&repo), differ, "what was staged is staged");
}

#[test]
fn it_comes_back_on_top_of_what_is_new() {
    let repo = Repo::new();
    dirty(&repo);
    repo.git(&["restore", "shared"]);
    let mut before = files(&repo.mine());
    repo.sync(&[]).ok();
    repo.run_printed("back on what is checked out:");
    before.insert("shared".into(), b"- all is new\n".to_vec());
    assert_eq!(files(&repo.mine()), before);
    assert_eq!(repo.head(), repo.remote_head());
}

#[test]
fn commits_come_back_on_a_branch() {
    let repo = Repo::new();
    repo.edit("mine", 2, "one");
    repo.commit("mine", "one");
    repo.edit("mine", 2, "two");
    repo.commit("mine", "the second one");
    let ours = repo.head();
    repo.they_push("new", "new");
    let run = repo.sync(&[]).ok();
    assert!(run.stdout.contains("put aside: 2 commits that origin/main has not"), "{run:?}");
    let list = repo.sync(&["--list"]).ok().stdout;
    assert!(list.contains("2 commits that no remote has; the last: the second one"), "{list}");
    repo.run_printed("back on a branch:");
    let branches = repo.git(&["branch", "--list", "rescued-*", "--format=%(objectname)"]);
    assert_eq!(branches, ours);
    assert_eq!(Repo::new().sync(&["--list"]).ok().stdout, "nothing is kept here\n");
}

#[test]
fn the_same_is_kept_once() {
    let repo = Repo::new();
    repo.they_push("new", "new");
    let before = repo.head();
    for _ in 0..3 {
        repo.git(&["reset", "-q", "--hard", &before]);
        repo.edit("mine", 2, "mine");
        repo.write("mine/untracked", "u");
        repo.sync(&[]).ok();
        assert_eq!(repo.kept().len(), 1);
    }
}

#[test]
fn without_clean_only_what_is_in_the_way_goes() {
    let repo = Repo::new();
    repo.write("mine/stays", "stays");
    repo.write("mine/new", "mine");
    repo.write("mine/folder", "a file where a folder comes");
    repo.write("mine/file/inside", "a folder where a file comes");
    repo.write("mine/.env", "SECRET=mine");
    repo.write("mine/logs/in/the.log", "an ignored folder where a file comes");
    let before = files(&repo.mine());
    for path in ["new", "folder/inside", "file", ".env"] {
        repo.they_push(path, "theirs");
    }
    repo.they_push("logs/in", "theirs");
    repo.sync(&["--no-clean"]).ok();
    assert_eq!(repo.git(&["status", "--porcelain"]), "?? stays");
    for path in ["new", "folder/inside", "file", ".env", "logs/in"] {
        assert_eq!(repo.read(&format!("mine/{path}")), "theirs");
    }
    fs::remove_file(repo.path("mine/stays")).unwrap();
    repo.run_printed("back just as it was:");
    repo.write("mine/stays", "stays");
    assert_eq!(files(&repo.mine()), before);
}

#[test]
fn what_took_the_place_of_a_tracked_file_is_kept() {
    let repo = Repo::new();
    repo.write("mine/conf", "committed");
    repo.write("mine/d/x", "committed");
    repo.commit("mine", "more");
    repo.git(&["push", "-q", "origin", "main"]);
    repo.git_in("theirs", &["pull", "-q", "origin", "main"]);
    repo.they_push("conf", "theirs");
    repo.they_push("d/x", "theirs");
    fs::remove_file(repo.path("mine/conf")).unwrap();
    repo.write("mine/conf/logs/a.log", "ignored, in the place of a tracked file");
    fs::remove_dir_all(repo.path("mine/d")).unwrap();
    symlink("elsewhere", repo.path("mine/d")).unwrap();
    let before = files(&repo.mine());
    repo.sync(&["--no-clean"]).ok();
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    assert_eq!((repo.read("mine/conf"), repo.read("mine/d/x")), ("theirs".into(), "theirs".into()));
    repo.run_printed("back just as it was:");
    assert_eq!(files(&repo.mine()), before);
}

#[test]
fn what_git_takes_for_unchanged_is_kept() {
    for changed_by_them in ["new", "other"] {
        let repo = Repo::new();
        repo.git(&["update-index", "--assume-unchanged", "other"]);
        repo.write("mine/other", "assumed to be unchanged");
        repo.they_push(changed_by_them, "theirs");
        repo.sync(&[]).ok();
        assert_eq!(repo.git(&["status", "--porcelain"]), "");
        repo.run_printed("back just as it was:");
        assert_eq!(repo.read("mine/other"), "assumed to be unchanged");
    }
    let repo = Repo::new();
    repo.git(&["update-index", "--assume-unchanged", "other"]);
    repo.write("mine/other", "assumed to be unchanged");
    repo.they_push("new", "theirs");
    repo.sync(&["--strategy", "ff-only"]).ok();
    assert_eq!(repo.read("mine/other"), "assumed to be unchanged");
    repo.they_push("other", "theirs");
    let run = repo.unchanged(|| repo.sync(&["--strategy", "ff-only"]));
    run.refused("that git is told not to look at, so nothing was touched: other");
}

#[test]
fn what_git_is_told_to_skip_stays() {
    let repo = Repo::new();
    repo.git(&["update-index", "--skip-worktree", "shared"]);
    let shared = repo.edit("mine", 2, "skipped");
    repo.they_push("new", "theirs");
    repo.sync(&[]).ok();
    assert_eq!(repo.read("mine/shared"), shared);
    assert!(repo.kept().is_empty());
    repo.they_push("shared", "theirs");
    for strategy in ["hardreset", "merge"] {
        let run = repo.unchanged(|| repo.sync(&["--strategy", strategy]));
        run.refused("that git is told not to look at, so nothing was touched: shared");
    }
    repo.git(&["update-index", "--no-skip-worktree", "shared"]);
    repo.sync(&[]).ok();
    repo.run_printed("back just as it was:");
    assert_eq!(repo.read("mine/shared"), shared);
}

#[test]
fn an_edit_of_the_same_length_in_the_same_instant_is_kept() {
    let repo = Repo::new();
    repo.they_push("new", "new");
    repo.write("mine/other", "commi\n");
    repo.git(&["commit", "-q", "-am", "mine"]);
    repo.write("mine/other", "dirty\n");
    repo.sync(&[]).ok();
    let object = repo.object_of(b"dirty\n");
    assert!(repo.reachable().contains(&object));
}

#[test]
fn what_this_tool_made_stays() {
    let repo = Repo::new();
    repo.write("mine/redundancy.toml", "[controller]\nlog_dir = \"out/logs-here\"\n");
    repo.write("mine/app/redundancy.toml", "this is broken");
    let mark = "# redundancy/1 backs_up=ci.yml made_from=0 written=0\n";
    let stays = [
        ("mine/ci-backup.yml", &*format!("# words\n{mark}on: push\n")),
        ("mine/app/.gitignore", "secret\n"),
        ("mine/app/secret", "ignored\n"),
        ("mine/f-backup/f.mjs", "// redundancy/1 backs_up=f\n"),
        ("mine/out/logs-here/worker.log", "log"),
        ("mine/.redundancy/embedded/w.json", "{}"),
        ("mine/app/.redundancy/file", "state"),
        ("mine/app/automation/logs/x.log", "log"),
    ];
    for (path, text) in stays {
        repo.write(path, text);
    }
    repo.write("mine/goes", "# redundancy/10\n");
    repo.git(&["init", "-q", "nested"]);
    repo.write("mine/nested/file", "in a repository of its own");
    repo.they_push("new", "new");
    repo.sync(&[]).ok();
    for (path, text) in stays {
        assert_eq!(repo.read(path), text);
    }
    assert!(!repo.path("mine/goes").exists());
    assert_eq!(repo.read("mine/nested/file"), "in a repository of its own");
    assert!(repo.path("mine/redundancy.toml").exists());

    // A repository of its own in the way can't be kept.
    repo.they_push("nested", "theirs");
    repo.unchanged(|| repo.sync(&[]).refused("nested is a git repository of its own"));
}

#[test]
fn a_submodule_is_left_as_it_is() {
    let repo = Repo::new();
    repo.git_in("", &["clone", "-q", "theirs", "library"]);
    let add =
        ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../library", "sub"];
    repo.git(&add);
    repo.commit("mine", "a submodule");
    repo.git(&["push", "-q", "origin", "main"]);
    repo.git_in("theirs", &["pull", "-q", "origin", "main"]);
    repo.they_push("new", "new");
    repo.write("mine/sub/other", "changed inside");
    repo.write("mine/sub/untracked", "untracked inside");
    repo.git(&["config", "submodule.recurse", "true"]);
    let run = repo.sync(&[]).ok();
    assert!(run.stderr.contains("the submodule sub has changes inside"), "{run:?}");
    assert_eq!(repo.read("mine/sub/other"), "changed inside");
    assert_eq!(repo.read("mine/sub/untracked"), "untracked inside");

    repo.git_in("theirs", &["rm", "-q", "sub"]);
    repo.they_push("sub", "a file in its place");
    repo.unchanged(|| repo.sync(&[]).refused("sub is a git repository of its own"));
}

#[test]
fn the_journal_says_what_was_kept() {
    let repo = Repo::new();
    repo.write("mine/redundancy.toml", "");
    repo.write("mine/untracked", "u");
    repo.they_push("new", "new");
    repo.sync(&[]).ok();
    let [work] = &repo.kept()[..] else { panic!("{:?}", repo.kept()) };
    let mut history = std::process::Command::new(PROGRAM);
    history.arg("history").current_dir(repo.mine());
    let history = Run::of(repo.isolate(&mut history).output().unwrap()).ok().stdout;
    let told = format!("sync kept 1 untracked file (`git stash apply {work}`)");
    assert!(history.contains("controller") && history.contains(&told), "{history}");

    // Without a journal it goes on all the same.
    fs::remove_dir_all(repo.path("mine/.redundancy")).unwrap();
    repo.write("mine/.redundancy", "in the way");
    repo.write("mine/untracked", "again");
    repo.they_push("newer", "newer");
    let run = repo.sync(&[]).ok();
    assert!(run.stderr.contains("warning: the journal does not say what was kept"), "{run:?}");
    assert_eq!(repo.head(), repo.remote_head());
}
