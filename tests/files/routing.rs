//! The block of redirects in `netlify.toml`: when it comes, changes and goes, and what it leaves alone.

use std::{fs, os::unix::fs::PermissionsExt as _};

use redundancy::{core::plan::Consent, provider::Error};

use crate::{World, overwrite, told};

const FILE: &str = "netlify.toml";
const V1: &str = "exports.handler = async () => ({ statusCode: 200 })\n";
const ROUTED: &str = "[[function]]\nbacks_up = '*'\nrouter = 'redirect'\nroute = '/api/NAME'\n";
const PLAIN: &str = "[[function]]\nbacks_up = '*'\n";

/// A project with two functions and this `netlify.toml`, in which the backups are there already.
fn world(file: &str) -> World {
    let files =
        [("netlify/functions/hello.js", V1), ("netlify/functions/mail.js", V1), (FILE, file)];
    let mut world = World::new(PLAIN, &files);
    world.settle();
    ROUTED.clone_into(&mut world.config);
    world
}

/// The targets of the redirects, in the order in which Netlify asks them.
fn targets(world: &World) -> Vec<String> {
    let file: toml::Table = world.read(FILE).parse().unwrap();
    let redirects = file["redirects"].as_array().unwrap();
    redirects.iter().map(|it| format!("{} {}", it["from"], it["to"]).replace('"', "")).collect()
}

#[test]
fn the_block_comes_and_goes_with_what_is_asked_for() {
    let user = "[build]\npublish = \"dist\"\n\n[[redirects]]\nfrom = \"/*\"\nto = \"/index.html\"";
    let mut world = world(user);
    fs::set_permissions(world.path(FILE), fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(
        told(&world.plan()),
        "create netlify/netlify.toml: the config asks for it and it is not there"
    );
    world.settle();
    let both = [
        "/api/hello /.netlify/functions/hello",
        "/api/mail /.netlify/functions/mail",
        "/* /index.html",
    ];
    assert_eq!(targets(&world), both);
    assert_eq!(world.path(FILE).metadata().unwrap().permissions().mode() & 0o777, 0o640);

    world.config = format!("[[function]]\nbacks_up = 'hello'\n{ROUTED}");
    assert_eq!(told(&world.plan()), "update netlify/netlify.toml: the config has changed");
    world.settle();
    assert_eq!(targets(&world), both[1..]);

    PLAIN.clone_into(&mut world.config);
    let consent = Consent { deletions: 1, ..Consent::default() };
    let plan = world.plan_with(&consent);
    assert_eq!(told(&plan), "delete netlify/netlify.toml: the config no longer asks for it");
    world.apply(&plan).unwrap();
    world.apply(&plan).unwrap();
    assert_eq!(world.read(FILE), user);
}

#[test]
fn a_file_that_was_made_for_the_block_goes_with_it() {
    let mut world = world("");
    world.remove(FILE);
    world.settle();
    assert_eq!(targets(&world).len(), 2);
    PLAIN.clone_into(&mut world.config);
    world.apply(&world.plan_with(&Consent { deletions: 1, ..Consent::default() })).unwrap();
    assert!(!world.path(FILE).exists());
    assert_eq!(told(&world.plan()), "");
}

#[test]
fn an_edit_made_by_hand_is_kept() {
    let world = world("[build]\n");
    world.settle();
    let edited = world.read(FILE).replace("functions/mail\"", "functions/mail-backup\"");
    world.write(FILE, &edited);
    assert_eq!(told(&world.plan()), "held netlify/netlify.toml: edited by hand");
    let plan = world.plan_with(&overwrite("netlify/netlify.toml"));
    world.apply(&plan).unwrap();
    assert_eq!(targets(&world)[1], "/api/mail /.netlify/functions/mail-backup");
    // Where duty is, is what the block says.
    assert!(world.read(FILE).contains("# mail-backup is on duty\n"));
    assert_eq!(told(&world.plan()), "");
}

#[test]
fn an_edit_outside_of_the_block_is_nobodys_business() {
    let world = world("[build]\r\npublish = 'a'\r\n");
    world.settle();
    let edited = world.read(FILE).replace("'a'", "'b'") + "[functions]\r\n";
    world.write(FILE, &edited);
    assert_eq!(told(&world.plan()), "");
    assert_eq!(world.read(FILE), edited);
}

#[test]
fn what_changed_since_the_plan_is_left() {
    let world = world("[build]\n");
    let plan = world.plan();
    world.settle();
    let made = world.read(FILE);
    world.apply(&plan).unwrap();
    assert_eq!(world.read(FILE), made);
    let edited = made.replace("force = true", "force = false");
    world.write(FILE, &edited);
    let Err(Error::Passing(why)) = world.apply(&plan) else { panic!("it is refused for a time") };
    assert!(why.contains("netlify.toml has changed since the plan was made"), "{why}");
    assert_eq!(world.read(FILE), edited);
}

#[test]
fn broken_marks_hold_everything() {
    let world = world("[build]\n");
    world.settle();
    let made = world.read(FILE);
    for broken in [made.replace("# redundancy: end\n", ""), format!("{made}# redundancy: end\n")] {
        world.write(FILE, &broken);
        let plan = world.plan();
        let told = told(&plan);
        assert!(told.starts_with("held netlify/netlify.toml: netlify.toml:"), "{told}");
        world.apply(&plan).unwrap();
        assert_eq!(world.read(FILE), broken);
    }
}

#[test]
fn what_nobody_can_be_sent_to_has_no_route() {
    let v2 = "export default async () => new Response('x');\nexport const config = ";
    let world = World::new(
        &format!(
            "[[function]]\nbacks_up = 'other'\nrouter = 'redirect'\nroute = '/api/mail'\n{ROUTED}"
        ),
        &[
            ("netlify/functions/deploy-succeeded.js", V1),
            ("netlify/functions/mail.js", V1),
            ("netlify/functions/news.mjs", &format!("{v2}{{ path: '/news/:id' }}\n")),
            ("netlify/functions/nightly.mjs", &format!("{v2}{{ schedule: '@daily' }}\n")),
            ("netlify/functions/old.js", V1),
            ("netlify/functions/other.js", V1),
            ("netlify/functions/work.js", V1),
            (
                FILE,
                "[functions.work]\nbackground = true\n[functions.work-backup]\nbackground = true\n\
                 [[redirects]]\nfrom = '/api/old/'\nto = '/x'\n",
            ),
        ],
    );
    world.apply(&world.plan()).unwrap();
    insta::assert_snapshot!(told(&world.plan()), @r"
        held netlify/deploy-succeeded.route: deploy-succeeded can't have the route /api/deploy-succeeded: Netlify calls it for an event; give it a `[[function]]` of its own without a router, above the other one
        held netlify/news.route: news can't have the route /api/news: it serves a path of its own, /news/:id, so that it is not at /.netlify/functions/news; give it a `[[function]]` of its own without a router, above the other one
        held netlify/nightly.route: nightly can't have the route /api/nightly: it works by a schedule or in the background, and is not called; give it a `[[function]]` of its own without a router, above the other one
        held netlify/old.route: old can't have the route /api/old: netlify.toml:16 has a redirect for it already; remove one of them
        held netlify/other.route: other can't have the route /api/mail: mail has that route
        held netlify/work.route: work can't have the route /api/work: it works by a schedule or in the background, and is not called; give it a `[[function]]` of its own without a router, above the other one
        ");
    assert_eq!(targets(&world), ["/api/mail /.netlify/functions/mail", "/api/old/ /x"]);
}

#[test]
fn a_broken_or_lost_primary_keeps_its_route() {
    let world = world("");
    world.settle();
    let made = world.read(FILE).replace("functions/mail\"", "functions/mail-backup\"");
    world.write(FILE, &made);
    world.apply(&world.plan_with(&overwrite("netlify/netlify.toml"))).unwrap();
    let made = world.read(FILE);
    for text in [Some("exports.handler = ("), None] {
        match text {
            Some(text) => world.write("netlify/functions/mail.js", text),
            None => world.remove("netlify/functions/mail.js"),
        }
        let told = told(&world.plan());
        assert!(!told.contains("netlify.toml"), "{told}");
        assert_eq!(world.read(FILE), made);
    }
}
