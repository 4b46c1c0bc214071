//! What `health` and `status` say of functions and of what is published.

use jiff::{SignedDuration, Timestamp};

use crate::{
    fake::{Answer, Fault},
    scene::{FUNCTIONS, HELLO, Scene},
};

#[test]
fn functions_are_judged_by_what_they_answer() {
    let scene = Scene::new();
    let deploy = scene.fake.world().publish(60, &["hello", "hello-backup", "mail"]);
    {
        let mut world = scene.fake.world();
        world.answers(&deploy, "mail", Answer::Status(502));
        world.answers(&deploy, "hello-backup", Answer::Status(404));
    }
    let (code, health) = scene.health();
    insta::assert_snapshot!(health, @r"
        HEALTH RESOURCE STATE
        unhealthy netlify/hello-backup failing: it answers 404, and 200 is expected
        unhealthy netlify/mail failing: it answers 502 on the live site
        unknown netlify/mail-backup not in effect yet
        healthy netlify/hello answers
        healthy netlify/published.deploy published: deploy 65a000000000000000000001

        2 unhealthy, 1 unknown, 2 healthy
        ");
    assert_eq!(code, 2);
    scene.fake.world().answers(&deploy, "mail", Answer::Silence);
    let status = scene.run(&["status"]).ok().stdout;
    assert!(status.contains("it does not answer within 2s on the live site"), "{status}");
    scene.fake.world().answers(&deploy, "mail", Answer::Nothing);
    let status = scene.run(&["status"]).ok().stdout;
    assert!(status.contains("unseen: it could not be asked"), "{status}");
}

#[test]
fn without_a_probe_no_function_is_called() {
    let scene = Scene::new();
    scene.configure_all("", "");
    scene.fake.world().publish(60, &FUNCTIONS);
    scene.fake.world().requests.clear();
    let (code, health) = scene.health();
    insta::assert_snapshot!(health, @r"
        HEALTH RESOURCE STATE
        unknown netlify/hello deployed
        unknown netlify/hello-backup deployed
        unknown netlify/mail deployed
        unknown netlify/mail-backup deployed
        healthy netlify/published.deploy published: deploy 65a000000000000000000001

        4 unknown, 1 healthy
        ");
    assert_eq!(code, 3);
    assert_eq!(scene.fake.world().count("GET", "/hello"), 0);
}

/// What `status` says of the resource called `name`, which ends with a blank: its row, and what is too long for that
/// and stands below the table.
fn about(status: &str, name: &str) -> String {
    let below = format!("{}:", name.trim_end());
    let all = status.lines().filter(|it| it.starts_with(name) || it.starts_with(&below));
    all.collect::<Vec<_>>().join(" ")
}

#[test]
fn what_works_by_itself_is_never_called() {
    let scene = Scene::new();
    let text = "export const config = { schedule: '@daily' };\n";
    scene.project.write("netlify/functions/mail.mjs", &format!("{HELLO}{text}"));
    scene.project.write("netlify/functions/work.mjs", HELLO);
    scene.project.write("netlify/functions/deploy-succeeded.mjs", HELLO);
    scene.project.write("netlify.toml", "[functions.work]\nbackground = true\n");
    // The word alone does nothing.
    let words = "// It asks for the schedule of the day, in the background of the page.\n";
    scene.project.write("netlify/functions/words.mjs", &format!("{words}{HELLO}"));
    let all = ["hello", "mail", "mail-backup", "work", "deploy-succeeded", "words"];
    scene.fake.world().publish(60, &all);
    let status = scene.run(&["status"]).ok().stdout;
    let row = |name: &str| about(&status, name);
    for (name, why) in [
        ("netlify/mail ", "it works by a schedule"),
        ("netlify/mail-backup ", "it works by a schedule"),
        ("netlify/work ", "netlify.toml gives it a schedule, or the background"),
        ("netlify/deploy-succeeded ", "Netlify calls it for an event"),
    ] {
        let why = format!("it is not called, because {why}");
        assert!(row(name).contains(&why), "{name}: {status}");
    }
    let world = scene.fake.world();
    assert!(world.count("GET", "/hello") > 0);
    assert_eq!(world.count("GET", "/mail") + world.count("GET", "/mail-backup"), 0);
    assert_eq!(world.count("GET", "/work") + world.count("GET", "/deploy-succeeded"), 0);
    assert!(world.count("GET", "/words") > 0);
}

#[test]
fn what_can_not_be_understood_is_called_only_where_its_backup_tells() {
    let scene = Scene::new();
    let text = "export const config = { schedule: '@daily' };\n";
    scene.project.write("netlify/functions/nightly.mjs", &format!("{HELLO}{text}"));
    scene.run(&["apply", "--yes"]).ok();
    for name in ["hello", "nightly", "new"] {
        scene.project.write(&format!("netlify/functions/{name}.mjs"), "export default (\n");
    }
    let all = ["hello", "hello-backup", "nightly", "nightly-backup", "new"];
    scene.fake.world().publish(60, &all);
    scene.fake.world().requests.clear();
    let status = scene.run(&["status"]).ok().stdout;
    let row = |name: &str| about(&status, name);
    for name in ["netlify/nightly ", "netlify/new "] {
        assert!(row(name).contains("it is not called, because netlify/functions/"), "{status}");
    }
    let why = "what its backup holds works by a schedule";
    assert!(row("netlify/nightly-backup ").contains(why), "{status}");
    let world = scene.fake.world();
    assert!(world.count("GET", "/hello") > 0 && world.count("GET", "/hello-backup") > 0);
    let quiet = ["/nightly", "/nightly-backup", "/new"];
    assert_eq!(quiet.map(|it| world.count("GET", it)), [0; 3]);
}

#[test]
fn a_deploy_that_fails_or_hangs_is_told() {
    let scene = Scene::new();
    scene.fake.world().publish(300, &FUNCTIONS);
    let at = Timestamp::now() - SignedDuration::from_hours(2);
    let newer = scene.fake.world().make("processing", at);
    let (code, health) = scene.health();
    assert!(health.contains("published.deploy stuck: deploy"), "{health}");
    assert!(health.contains("is processing since"), "{health}");
    assert_eq!(code, 2);
    {
        let mut world = scene.fake.world();
        let deploy = world.deploy(&newer);
        (deploy.state, deploy.error) = ("error", Some("Build failed\u{1b}[2J".to_owned()));
    }
    let (code, health) = scene.health();
    assert!(health.contains("failed (Build failed?[2J)"), "{health}");
    assert_eq!(code, 2);
}

#[test]
fn what_netlify_does_not_tell_is_unknown_and_hides_nothing_else() {
    for (fault, says) in [
        (Fault::said(401, "Bad"), "does not accept the token"),
        (Fault::said(404, "Not Found"), "finds no such thing"),
        (Fault::said(422, "Bad"), "refuses it (422"),
        (Fault::said(429, "Bad"), "before 20"),
        (Fault::said(502, "Bad"), "it answers 502"),
        (Fault::html(), "text/html"),
    ] {
        let scene = Scene::new();
        scene.fake.world().publish(60, &FUNCTIONS);
        scene.fake.world().fail(1, &fault);
        let status = scene.run(&["status"]).ok().stdout;
        assert!(status.contains(says), "{says}: {status}");
        scene.fake.world().fail(1, &fault);
        assert_eq!(scene.health().0, 3, "{says}");
        scene.project.write("netlify/functions/more.mjs", HELLO);
        scene.fake.world().fail(1, &fault);
        let plan = scene.run(&["plan"]).ok().stdout;
        assert!(plan.contains("+ create  netlify/more-backup"), "{plan}");
        assert_eq!(scene.fake.world().count("POST", ""), 0);
    }
}

#[test]
fn without_a_token_or_a_site_nothing_is_asked() {
    let scene = Scene::new();
    scene.fake.world().requests.clear();
    let status = scene.project.run(&["status"]).ok().stdout;
    let says = "there is no token in the environment variable APP_TOKEN, nor in NETLIFY_AUTH_TOKEN";
    assert!(status.contains(says), "{status}");
    scene.project.config("[[function]]\nbacks_up = '*'\n");
    let status = scene.run(&["status"]).ok().stdout;
    assert!(status.contains("give `site` in `[netlify]`"), "{status}");
    assert_eq!(scene.fake.world().requests.len(), 0);

    let mut command = scene.project.command(&["status"]);
    scene.configure("");
    command.env("NETLIFY_TOKEN", crate::fake::TOKEN);
    let run = Scene::end(command);
    assert!(!run.stdout.contains("no token"), "{}", run.stdout);
    assert!(!scene.fake.world().requests.is_empty());
}
