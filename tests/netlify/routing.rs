//! Routes that go to a backup while its primary fails on the live site, and what is told of it.

use std::fs;

use serde_json::Value;

use crate::{
    fake::Answer,
    project::Run,
    scene::{FUNCTIONS, Scene, plain},
    wait::wait_for,
};

const FILE: &str = "netlify.toml";
const PROBE: &str = "probe = { expect_status = 200, every = '1s', timeout = '2s' }";
const USERS: &str = "[build]\ncommand = 'make'\n\n[[redirects]]\nfrom = '/*'\nto = '/index.html'\n";

/// A site of which everything is well, with routes for its functions. The deploy that is published.
fn routed() -> (Scene, String) {
    let scene = Scene::new();
    let deploy = scene.fake.world().publish(30, &FUNCTIONS);
    let routes = format!("router = 'redirect'\nroute = '/api/NAME'\n{PROBE}");
    scene.configure_all("restore_after = '1s'\ncool_down = '1s'\n", &routes);
    let config = scene.project.read("redundancy.toml");
    scene.project.write("redundancy.toml", &config.replace("fall = 2", "fall = 2\nhold = '1s'"));
    scene.project.write(FILE, USERS);
    scene.run(&["apply", "--yes"]).ok();
    (scene, deploy)
}

/// The targets of the redirects.
fn targets(scene: &Scene) -> Vec<String> {
    let file: toml::Table = scene.project.read(FILE).parse().unwrap();
    let redirects = file["redirects"].as_array().unwrap();
    redirects.iter().map(|it| it["to"].as_str().unwrap().to_owned()).collect()
}

fn wait_for_target(scene: &Scene, target: &str) {
    let target = format!("/.netlify/functions/{target}");
    wait_for(&target, || targets(scene).contains(&target).then_some(()));
}

/// The lines of what is told that are about `mail`, without times.
fn about_mail(text: &str) -> String {
    let is_time = |it: &str| {
        let it = it.trim_matches(['(', ')', ',', ':']);
        let is_span = it.starts_with(|c: char| c.is_ascii_digit()) && it.ends_with(['s', 'm']);
        it == "ago" || is_span || it.starts_with("20") && it.ends_with('Z')
    };
    let lines = plain(text);
    let lines = lines.lines().filter(|it| it.contains("mail") || it.contains("duty"));
    let lines =
        lines.map(|it| it.split(' ').filter(|it| !is_time(it)).collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_route_goes_to_the_backup_and_back() {
    let (scene, deploy) = routed();
    let before = ["/.netlify/functions/hello", "/.netlify/functions/mail", "/index.html"];
    assert_eq!(targets(&scene), before);
    let (code, health) = scene.health();
    assert!(code == 0 && !health.contains(FILE), "{health}");
    scene.fake.world().answers(&deploy, "mail", Answer::Status(502));
    let watch = scene.watch();
    wait_for_target(&scene, "mail-backup");
    assert!(scene.project.read(FILE).ends_with(&USERS["[build]\ncommand = 'make'\n\n".len()..]));
    watch.wait_for_log("; that takes effect with the next deploy)");
    let status = scene.run(&["status"]).ok().stdout;
    assert!(
        status.contains(
            "netlify/mail-backup is on duty: the redirect goes to mail-backup: the primary "
        ),
        "{status}"
    );
    let waits = "the published deploy is older than the last move of its route";
    assert!(status.contains(waits), "{status}");
    scene.fake.world().answers(&deploy, "mail", Answer::Status(200));
    wait_for_target(&scene, "mail");
    watch.end_well();
    assert_eq!(targets(&scene), before);
    let history = scene.run(&["history"]).ok().stdout;
    let history: Vec<&str> = history
        .lines()
        .filter_map(|it| it.split_once("done "))
        .filter_map(|(_, it)| it.split_once("netlify.toml "))
        .map(|(_, it)| it.split(" since ").next().unwrap())
        .collect();
    insta::assert_snapshot!(history.join("\n"), @r"
        create: the config asks for it and it is not there
        update: duty moves: the route of mail goes to its backup: the primary answers 502 on the live site
        update: duty moves: the route of mail goes to its primary: the primary answers well
        ");
    assert_eq!(scene.fake.world().count("POST", ""), 0);
}

/// The words of duty in the history of `netlify/mail-backup`, the first ones first.
fn duty_of_mail(scene: &Scene) -> Vec<String> {
    let history = plain(&scene.run(&["history"]).ok().stdout);
    let lines = history.lines().filter_map(|it| it.split_once("duty netlify/mail-backup "));
    lines.map(|(_, it)| it.split(" since ").next().unwrap().to_owned()).collect()
}

/// `failover` or `handback`, asked by a person.
fn asked(scene: &Scene, verb: &str, id: &str) -> Run {
    let mut command = scene.command(&[verb, id]);
    command.env("USER", "ann");
    Scene::end(command)
}

#[test]
fn a_person_moves_a_route_and_no_watch_moves_it_back() {
    let (scene, deploy) = routed();
    let before = targets(&scene);
    let told = asked(&scene, "failover", "netlify/mail").ok().stdout;
    insta::assert_snapshot!(told.trim_end(), @r"
        done     update  netlify/netlify.toml

        1 change done.

        The route of netlify/mail goes to netlify/mail-backup. That takes effect with the next deploy; `redundancy deploy` makes it, or says how.
        ");
    let said = "# mail-backup is on duty since ";
    let file = scene.project.read(FILE);
    let line = file.lines().find(|it| it.starts_with(said)).unwrap();
    assert!(line.ends_with("Z: asked for by ann"), "{line}");
    let again = asked(&scene, "failover", "netlify/mail-backup");
    assert!(
        again.code == 1 && again.stderr.contains("mail-backup is on duty already"),
        "{again:?}"
    );
    assert_eq!(scene.run(&["plan", "--detailed-exitcode"]).code, 0);
    // Its primary has answered well for longer than the hold, again and again.
    let watch = scene.watch();
    let looks = scene.fake.world().count("GET", "/mail");
    wait_for("looks", || (scene.fake.world().count("GET", "/mail") > looks + 4).then_some(()));
    assert_eq!(scene.project.read(FILE), file);
    wait_for("a line of duty", || (duty_of_mail(&scene).len() > 1).then_some(()));
    // Nor does one that runs keep a person from it.
    asked(&scene, "handback", "netlify/mail").ok();
    wait_for("a line of duty", || (duty_of_mail(&scene).len() > 3).then_some(()));
    assert_eq!(targets(&scene), before);
    insta::assert_snapshot!(duty_of_mail(&scene).join("\n"), @r"
        ann asks for duty to go to netlify/mail-backup
        stands in for netlify/mail (asked for by ann)
        ann asks for duty to go to netlify/mail
        hands back to netlify/mail (asked for by ann)
        ");
    // From here on it goes by what is seen.
    scene.fake.world().answers(&deploy, "mail", Answer::Status(502));
    wait_for_target(&scene, "mail-backup");
    wait_for("a line of duty", || (duty_of_mail(&scene).len() > 4).then_some(()));
    watch.end_well();
    assert_eq!(duty_of_mail(&scene)[4], "stands in for netlify/mail (answers 502 on the live site");
    let report = scene.run(&["report", "netlify", "--format", "json"]).ok().stdout;
    let report: Value = serde_json::from_str(&report).unwrap();
    let moves: Vec<String> = (report["transfers"].as_array().unwrap().iter())
        .map(|it| format!("{} {} {}", it["kind"], it["to"], it["arrived"]))
        .collect();
    insta::assert_snapshot!(moves.join("\n"), @r#"
        "by_person" "backup" true
        "by_person" "primary" true
        "failover" "backup" true
        "#);
}

#[test]
fn without_a_route_a_person_is_told_what_there_is_instead() {
    let scene = Scene::new();
    for (router, id) in [("none", "netlify/mail"), ("edge", "netlify/mail-backup")] {
        scene.configure_all("", &format!("router = '{router}'\n{PROBE}"));
        scene.run(&["apply", "--yes"]).ok();
        for verb in ["failover", "handback"] {
            let run = asked(&scene, verb, id);
            let said = format!("(`router = \"{router}\"`)");
            assert!(run.code == 1 && run.stderr.contains(&said), "{run:?}");
        }
    }
    let run = scene.run(&["resolve", "netlify/mail", "--assume-stopped"]);
    assert!(run.code == 1 && run.stderr.contains("within the same request"), "{run:?}");
    let run = asked(&scene, "failover", "netlify/nobody");
    assert!(run.code == 1 && run.stderr.contains("there is no resource"), "{run:?}");
}

#[test]
fn a_person_moves_no_route_that_is_paused_or_edited_by_hand() {
    let (scene, _) = routed();
    let before = scene.project.read(FILE);
    scene.run(&["pause", "netlify/mail-backup", "--for", "1h"]).ok();
    let run = asked(&scene, "failover", "netlify/mail");
    assert!(run.code == 1 && run.stderr.contains("because of a pause"), "{run:?}");
    scene.run(&["resume", "netlify/mail-backup"]).ok();
    let edited = before.replace("# hello is on duty", "# mine");
    scene.project.write(FILE, &edited);
    let run = asked(&scene, "failover", "netlify/mail");
    assert!(
        run.code == 1 && run.stderr.contains("was not moved: netlify/netlify.toml: "),
        "{run:?}"
    );
    assert_eq!(scene.project.read(FILE), edited);
}

#[test]
fn a_route_does_not_go_to_a_backup_that_fails_too() {
    let (scene, deploy) = routed();
    let before = scene.project.read(FILE);
    for function in ["mail", "mail-backup"] {
        scene.fake.world().answers(&deploy, function, Answer::Status(502));
    }
    let watch = scene.watch();
    wait_for("questions", || (scene.fake.world().count("GET", "/mail") > 5).then_some(()));
    watch.end_well();
    assert_eq!(scene.project.read(FILE), before);
}

#[test]
fn a_route_stays_where_nothing_is_seen() {
    let (scene, deploy) = routed();
    scene.fake.world().answers(&deploy, "mail", Answer::Status(502));
    let watch = scene.watch();
    wait_for_target(&scene, "mail-backup");
    watch.end_well();
    let before = scene.project.read(FILE);
    scene.project.run(&["apply", "--yes"]).ok();
    fs::remove_dir_all(scene.project.path(".redundancy")).unwrap();
    scene.project.run(&["apply", "--yes"]).ok();
    assert_eq!(scene.project.read(FILE), before);
    let explained = scene.project.run(&["explain", "netlify/mail"]).ok().stdout;
    insta::assert_snapshot!(about_mail(&explained), @r"
        resource netlify/mail: untested (unknown)
        it is backed up by netlify/mail-backup; not managed by this tool
        duty: stands by since because the redirect goes to mail-backup: the primary answers 502 on the live site since
        resource netlify/mail-backup: untested (unknown)
        it backs up mail; managed by this tool
        duty: on duty since because the redirect goes to mail-backup: the primary answers 502 on the live site since
        ");
}

#[test]
fn without_a_router_the_backup_is_there_to_be_called() {
    let scene = Scene::new();
    let deploy = scene.fake.world().publish(30, &FUNCTIONS);
    scene.fake.world().answers(&deploy, "mail", Answer::Status(502));
    let status = scene.run(&["status"]).ok().stdout;
    insta::assert_snapshot!(about_mail(&status), @r"
        netlify/hello function - on duty answers healthy -
        netlify/mail function - on duty failing: it answers 502 on the live site unhealthy -
        netlify/mail-backup function mail stands by answers healthy create
        netlify/mail is on duty: mail is failing: it answers 502 on the live site; mail-backup is well and can be called at /.netlify/functions/mail-backup (nothing routes to it by itself)
        ");
    let explained = scene.run(&["explain", "netlify/mail-backup"]).ok().stdout;
    insta::assert_snapshot!(about_mail(&explained), @r"
        resource netlify/mail: failing: it answers 502 on the live site (unhealthy), since
        it is backed up by netlify/mail-backup; not managed by this tool
        duty: on duty, because mail is failing: it answers 502 on the live site; mail-backup is well and can be called at /.netlify/functions/mail-backup (nothing routes to it by itself)
        resource netlify/mail-backup: answers (healthy), since
        it backs up mail; managed by this tool
        duty: stands by, because mail is failing: it answers 502 on the live site; mail-backup is well and can be called at /.netlify/functions/mail-backup (nothing routes to it by itself)
        ");
}

#[test]
fn the_plan_shows_the_block_and_the_next_one_nothing() {
    let (scene, _) = routed();
    scene.project.write(FILE, USERS);
    let plan = scene.run(&["plan", "--diff"]).ok().stdout;
    insta::assert_snapshot!(plan.trim_end(), @r"
        + create  netlify/netlify.toml  the config asks for it and it is not there
            netlify.toml (14 lines)

        Plan: 1 to create.
        Next: `redundancy apply` makes these changes.
        ");
    scene.run(&["apply", "--yes"]).ok();
    let config = scene.project.read("redundancy.toml");
    scene.project.write("redundancy.toml", &config.replace("/api/NAME", "/call/NAME"));
    let plan = scene.run(&["plan", "--diff"]).ok().stdout;
    insta::assert_snapshot!(plan.trim_end(), @r#"
        ~ update  netlify/netlify.toml  the config has changed
            netlify.toml
            @@ -2,13 +2,13 @@
             # here is kept, and ends its updates until somebody decides. It takes effect with the next deploy.
             # hello is on duty
             [[redirects]]
            -from = "/api/hello"
            +from = "/call/hello"
             to = "/.netlify/functions/hello"
             status = 200
             force = true
             # mail is on duty
             [[redirects]]
            -from = "/api/mail"
            +from = "/call/mail"
             to = "/.netlify/functions/mail"
             status = 200
             force = true

        Plan: 1 to update.
        Next: `redundancy apply` makes these changes.
        "#);
    scene.run(&["apply", "--yes"]).ok();
    assert_eq!(scene.run(&["plan", "--detailed-exitcode"]).code, 0);
}
