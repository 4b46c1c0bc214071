//! Backups in a pull request, made by the program itself, with a GitHub in GitHub's place.

mod scene;

use self::scene::{BRANCH, FOLDER, Scene, workflow};
use crate::{
    fake::{Fault, TOKEN},
    running::Watch,
    wait::wait_for,
};

/// The line of a text that speaks of `id`, in single blanks.
fn line(text: &str, id: &str) -> String {
    let line = text.lines().find(|it| it.split_whitespace().any(|it| it == id)).unwrap_or_default();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn backups_are_proposed_merged_and_taken_away_again() {
    let scene = Scene::new(&["ci", "nightly"]);
    let applied = scene.apply().ok();
    assert_eq!((scene.commits(), scene.pulls()), (1, (1, 1)));
    assert_eq!(scene.checkout(), ["ci.yml", "nightly.yml"]);
    let pull = scene.fake.world().pulls[0].clone();
    let link = format!("pull request #{}", pull.number);
    assert!(applied.stderr.contains(&format!("opened {link}")), "{}", applied.stderr);
    let said = format!("{}\n\n{}", pull.title, pull.body.unwrap());
    insta::assert_snapshot!(said, @r"
        Backups of workflows

        Each of these workflows stands in for another one when that does not do its work. Merging puts them into effect; until then nothing changes.

        - `.github/workflows/ci-backup.yml`: new, the backup of `ci.yml`, which has none yet
        - `.github/workflows/nightly-backup.yml`: new, the backup of `nightly.yml`, which has none yet

        Made by redundancy, which keeps this pull request up to date as long as nobody else adds commits to its branch. Close it to decline.
        ");
    let text = scene.on(BRANCH, "ci-backup.yml").unwrap();
    assert!(text.starts_with("# The backup of ci.yml, made by redundancy."), "{text}");

    // What is proposed is there, and has no effect yet.
    scene.assert_settled();
    let status = scene.status();
    let told = line(&status, "github/ci-backup");
    assert!(told.contains("ci.yml stands by not in effect yet unknown"), "{status}");
    assert!(status.contains(&format!("2 backups wait in {link}, to take")), "{status}");
    assert_eq!(scene.apply().ok().stderr, "");

    // Changed while it waits, it is the same pull request.
    scene.project.write(&format!("{FOLDER}/ci.yml"), &workflow("make all"));
    let plan = scene.run(&["plan"]).ok().stdout;
    assert!(line(&plan, "github/ci-backup").contains("update"), "{plan}");
    scene.apply().ok();
    assert_eq!((scene.commits(), scene.pulls()), (2, (1, 1)));
    assert!(scene.on(BRANCH, "ci-backup.yml").unwrap().contains("make all"));
    assert!(scene.on(BRANCH, "nightly-backup.yml").is_some());
    scene.assert_settled();

    // Merged, it is in effect.
    {
        let mut world = scene.fake.world();
        world.close_pull(true);
        world.add_workflow("CI (backup)", &format!("{FOLDER}/ci-backup.yml"));
    }
    scene.assert_settled();
    let status = scene.status();
    assert!(!line(&status, "github/ci-backup").contains("not in effect"), "{status}");
    assert!(!status.contains("pull request"), "{status}");

    // What is no longer asked for is proposed to go.
    scene.configure("backs_up = 'ci.yml'");
    let held = scene.apply();
    assert!(held.stdout.contains("would be deleted at once"), "{held:?}");
    scene.run(&["apply", "--yes", "--allow-deletions", "1"]).ok();
    assert_eq!(scene.on(BRANCH, "nightly-backup.yml"), None);
    assert!(scene.on("main", "nightly-backup.yml").is_some());
    assert_eq!((scene.commits(), scene.pulls()), (1, (2, 1)));
    let text = scene.fake.world().pulls[1].body.clone().unwrap();
    assert!(text.contains("- `.github/workflows/nightly-backup.yml`: deleted, because"), "{text}");
    scene.assert_settled();
    scene.fake.world().close_pull(true);
    scene.assert_settled();
    assert_eq!(scene.on("main", "nightly-backup.yml"), None);
    assert!(scene.on("main", "ci-backup.yml").is_some());
}

#[test]
fn many_changes_are_one_commit() {
    let names: Vec<String> = (0..20).map(|it| format!("w{it}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let scene = Scene::new(&names);
    let applied = scene.apply().ok();
    assert!(applied.stdout.contains("20 changes done."), "{}", applied.stdout);
    assert_eq!((scene.commits(), scene.pulls()), (1, (1, 1)));
    scene.assert_settled();
    let watch = Watch::start(scene.command(&["watch"]));
    for name in &names {
        scene.project.write(&format!("{FOLDER}/{name}.yml"), &workflow("make all"));
    }
    wait_for("all are up to date", || {
        let is_new =
            |it: &str| scene.on(BRANCH, &format!("{it}-backup.yml")).unwrap().contains("make all");
        names.iter().all(|it| is_new(it)).then_some(())
    });
    watch.end_well();
    scene.assert_settled();
    assert_eq!(scene.pulls(), (1, 1));
}

#[test]
fn what_was_declined_is_not_proposed_again() {
    let scene = Scene::new(&["ci"]);
    scene.apply().ok();
    scene.fake.world().close_pull(false);
    let end = scene.end_of(BRANCH);
    for _ in 0..2 {
        let plan = scene.run(&["plan"]).ok().stdout;
        assert!(line(&plan, "github/ci-backup").contains("create"), "{plan}");
        let applied = scene.apply();
        assert_eq!(applied.code, 1);
        assert!(applied.stdout.contains("which proposes just this, was closed"), "{applied:?}");
        assert!(applied.stdout.contains("deletes the branch redundancy/backups"), "{applied:?}");
        assert_eq!((scene.end_of(BRANCH), scene.pulls()), (end.clone(), (1, 0)));
    }
    scene.fake.world().git.branches.remove(BRANCH);
    scene.apply().ok();
    assert_eq!(scene.pulls(), (2, 1));
    scene.assert_settled();
}

#[test]
fn what_is_no_longer_asked_for_before_it_was_merged_is_withdrawn() {
    let scene = Scene::new(&["ci"]);
    scene.apply().ok();
    scene.configure("backs_up = 'other*'");
    let applied = scene.run(&["apply", "--yes", "--allow-deletions", "1"]).ok();
    assert!(applied.stderr.contains("closed pull request"), "{}", applied.stderr);
    assert_eq!(scene.pulls(), (1, 0));
    scene.assert_settled();
    // Another time it is another proposal.
    scene.configure("backs_up = 'ci.yml'");
    scene.apply().ok();
    assert_eq!(scene.pulls(), (2, 1));
    assert!(scene.on(BRANCH, "ci-backup.yml").is_some());
    scene.assert_settled();
}

#[test]
fn what_others_add_to_the_branch_is_not_lost() {
    let scene = Scene::new(&["ci"]);
    scene.apply().ok();
    scene.fake.world().push(BRANCH, &[("NOTES.md", Some("Mine.\n"))], "A note");
    let end = scene.end_of(BRANCH);
    scene.assert_settled();
    scene.project.write(&format!("{FOLDER}/ci.yml"), &workflow("make all"));
    let applied = scene.apply();
    assert_eq!(applied.code, 1);
    assert!(applied.stdout.contains("was changed by somebody else"), "{applied:?}");
    assert_eq!((scene.end_of(BRANCH), scene.pulls()), (end, (1, 1)));
    // Nor what they change in a backup.
    let path = format!("{FOLDER}/ci-backup.yml");
    let text = scene.on(BRANCH, "ci-backup.yml").unwrap() + "# better\n";
    scene.fake.world().push(BRANCH, &[(&path, Some(&text))], "Better");
    let plan = scene.run(&["plan"]).ok().stdout;
    assert!(plan.contains("somebody has edited it since we wrote it"), "{plan}");
    scene.apply().ok();
    assert_eq!(scene.on(BRANCH, "ci-backup.yml"), Some(text));
}

#[test]
fn what_others_do_on_the_default_branch_is_not_lost() {
    let scene = Scene::new(&["ci", "nightly"]);
    let path = format!("{FOLDER}/ci-backup.yml");
    scene.fake.world().push("main", &[(&path, Some(&workflow("mine")))], "My own");
    let plan = scene.run(&["plan"]).ok().stdout;
    assert!(plan.contains("something of that name is there and is not ours"), "{plan}");
    scene.apply().ok();
    assert_eq!(scene.on(BRANCH, "ci-backup.yml"), Some(workflow("mine")));
    assert!(scene.on(BRANCH, "nightly-backup.yml").is_some());

    // Also what they do while ours waits: it is theirs that counts, and it stays in the next proposal.
    let path = format!("{FOLDER}/nightly-backup.yml");
    scene.fake.world().push("main", &[(&path, Some(&workflow("theirs")))], "Another one");
    scene.project.write(&format!("{FOLDER}/nightly.yml"), &workflow("make all"));
    scene.project.write(&format!("{FOLDER}/third.yml"), &workflow("make"));
    let plan = scene.run(&["plan"]).ok().stdout;
    assert!(line(&plan, "github/nightly-backup").contains("is not ours"), "{plan}");
    scene.apply().ok();
    assert_eq!(scene.on(BRANCH, "nightly-backup.yml"), Some(workflow("theirs")));
    assert!(scene.on(BRANCH, "third-backup.yml").is_some());
    assert_eq!(scene.pulls(), (1, 1));

    // A person may decide otherwise, and then that holds.
    scene.run(&["apply", "--yes", "--adopt", "github/nightly-backup"]).ok();
    assert!(scene.on(BRANCH, "nightly-backup.yml").unwrap().contains("make all"));
    let plan = scene.run(&["plan"]).ok().stdout;
    assert_eq!(line(&plan, "github/nightly-backup"), "");
}

#[test]
fn what_has_changed_since_the_plan_was_made_is_not_touched() {
    let scene = Scene::new(&["ci", "nightly"]);
    scene.apply().ok();
    // From now on nobody looks by the clock.
    let config =
        scene.project.read("redundancy.toml").replace("poll_every = '1s'", "poll_every = '1h'");
    scene.project.write("redundancy.toml", &config);
    let watch = Watch::start(scene.command(&["watch"]));
    wait_for("the watch has looked around", || {
        let status = scene.run(&["status", "--json"]).ok().stdout;
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        (!status["last_look"].is_null()).then_some(())
    });
    let path = format!("{FOLDER}/ci-backup.yml");
    let text = scene.on(BRANCH, "ci-backup.yml").unwrap() + "# better\n";
    scene.fake.world().push("main", &[(&path, Some(&text))], "Better");
    for name in ["ci", "nightly"] {
        scene.project.write(&format!("{FOLDER}/{name}.yml"), &workflow("make all"));
    }
    watch.wait_for_log("has changed since the plan was made");
    watch.wait_for_log("somebody has edited it since we wrote it");
    wait_for("the other one is up to date", || {
        scene.on(BRANCH, "nightly-backup.yml")?.contains("make all").then_some(())
    });
    watch.end_well();
    assert_eq!(scene.on(BRANCH, "ci-backup.yml"), Some(text));
    assert_eq!(scene.pulls(), (1, 1));
}

#[test]
fn a_token_that_may_not_do_it_is_told_what_it_lacks() {
    let all = ["metadata:read", "actions:read", "contents:write", "workflows:write"];
    for (allowed, changes, lacks) in [
        (&[all[0], all[1], "pull_requests:write"][..], 0, "contents=read"),
        (&all[..], 0, "pull_requests=read"),
        (&[all[0], all[1], "contents:read", "pull_requests:write"], 1, "contents=write"),
        (&[all[0], all[1], all[2], all[3], "pull_requests:read"], 4, "pull_requests=write"),
    ] {
        let mut scene = Scene::new(&["ci"]);
        scene.token = TOKEN.replace("ghp_", "gho_");
        scene.fake.world().allow(&scene.token, allowed);
        let applied = scene.apply();
        assert!(applied.stdout.contains(lacks), "{lacks}: {applied:?}");
        assert!(!applied.stdout.contains("done     "), "{applied:?}");
        assert_eq!((scene.changes(), scene.pulls()), (changes, (0, 0)), "{lacks}");
        // With what it lacked, all is well.
        TOKEN.clone_into(&mut scene.token);
        scene.apply().ok();
        assert_eq!((scene.commits(), scene.pulls()), (1, (1, 1)));
    }
}

#[test]
fn without_a_token_or_a_repository_nothing_is_sent() {
    let mut scene = Scene::new(&["ci"]);
    scene.token.clear();
    let applied = scene.apply();
    assert!(
        applied.stdout.contains("no token in the environment variable APP_TOKEN"),
        "{applied:?}"
    );
    assert!(applied.stdout.contains("Pull requests: write"), "{applied:?}");
    let config = scene.project.read("redundancy.toml").replace("repository = 'team/app'", "");
    scene.project.write("redundancy.toml", &config);
    TOKEN.clone_into(&mut scene.token);
    let applied = scene.apply();
    assert!(applied.stdout.contains("give `repository = \"owner/name\"`"), "{applied:?}");
    assert_eq!(scene.fake.world().requests.len(), 0);
    assert_eq!(scene.checkout(), ["ci.yml"]);
}

#[test]
fn while_github_does_not_answer_nothing_is_concluded() {
    for fault in [Fault::html(), Fault::said(502, "Bad"), Fault::said(401, "Bad"), Fault::Half] {
        let scene = Scene::new(&["ci"]);
        scene.apply().ok();
        scene.project.write(&format!("{FOLDER}/ci.yml"), &workflow("make all"));
        let before = scene.changes();
        scene.fake.world().fail(100, &fault);
        let plan = scene.run(&["plan"]).ok().stdout;
        assert!(line(&plan, "github/ci-backup").contains("left"), "{plan}");
        assert!(plan.contains("its provider could not be asked: cannot "), "{plan}");
        let applied = scene.apply();
        assert!(!applied.stdout.contains("done"), "{applied:?}");
        assert_eq!(applied.code, 1, "nobody takes it for done");
        // Nor is anything deleted.
        scene.configure("backs_up = 'other*'");
        let applied = scene.run(&["apply", "--yes", "--allow-deletions", "9"]);
        assert!(!applied.stdout.contains("done"), "{applied:?}");
        let status = scene.status();
        assert!(line(&status, "github/ci.yml").contains("unseen unknown"), "{status}");
        assert_eq!((scene.changes(), scene.checkout()), (before, vec!["ci.yml".to_owned()]));
        scene.fake.world().faults.clear();
        scene.configure("backs_up = '*.yml'");
        scene.apply().ok();
        assert!(scene.on(BRANCH, "ci-backup.yml").unwrap().contains("make all"));
    }
}

#[test]
fn a_look_asks_for_the_ends_of_branches_and_reads_nothing_twice() {
    let scene = Scene::new(&["ci", "nightly"]);
    scene.apply().ok();
    scene.fake.world().requests.clear();
    let watch = Watch::start(scene.command(&["watch"]));
    wait_for("five looks", || {
        let world = scene.fake.world();
        (world.requests.iter().filter(|it| it.target.contains("/pulls?")).count() > 5).then_some(())
    });
    watch.end_well();
    let world = scene.fake.world();
    let asked = |what: &str| {
        let all = world.requests.iter().filter(|it| it.target.contains(what));
        let free = all.clone().filter(|it| it.status == 304).count();
        (all.count(), free)
    };
    // The folder on the base, which is what our branch was made on, and on that; and each backup.
    let (folders, files) = (asked("/contents/.github%2Fworkflows?"), asked("-backup.yml?"));
    assert_eq!((folders, files), ((2, 0), (2, 0)), "{:#?}", world.requests);
    assert_eq!(asked("/git/commits/"), (1, 0));
    for end in ["/pulls?", "/git/ref/heads%2Fmain", "/git/ref/heads%2Fredundancy%2Fbackups"] {
        let (all, free) = asked(end);
        assert!(all >= 5 && free + 1 == all, "{end}: {:#?}", world.requests);
    }
}
