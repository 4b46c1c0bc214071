//! The edge function in front of a function: when there is one, and what becomes of it.

use redundancy::core::{
    change::Why,
    digest::Digest,
    plan::{Consent, Plan},
    resource::{Body, Status},
    route::Router,
};

use crate::{World, id, overwrite, told};

pub(crate) const V1: &str = "exports.handler = async () => ({ statusCode: 200 })\n";
pub(crate) const V2: &str = "export default async () => new Response('x')\n";

pub(crate) const FILE: &str = "netlify/edge-functions/redundancy-hello.js";

const NONE: &str = "[[function]]\nbacks_up = '*'\nsnapshot = 'files'\n";
const EDGE: &str = "[[function]]\nbacks_up = '*'\nsnapshot = 'files'\nrouter = 'edge'\n";

/// A project whose functions shall have backups, with edge functions in front of them.
pub(crate) fn site(functions: &[(&str, &str)]) -> World {
    let files: Vec<_> =
        functions.iter().map(|(file, text)| (format!("netlify/functions/{file}"), *text)).collect();
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    World::new(EDGE, &files)
}

/// The plan of who agrees to deletions.
fn agreed(world: &World) -> Plan {
    world.plan_with(&Consent { deletions: 9, ..Consent::default() })
}

/// Whether something is seen that brings requests to the backup of `hello`.
fn has_router(world: &World) -> bool {
    let (_, seen) = world.look();
    match &seen.found[&id("netlify/hello")].status {
        Status::Code(code) => code.router == Router::Edge,
        other => panic!("{other}"),
    }
}

#[test]
fn it_goes_with_the_backup_and_with_the_router() {
    let mut world = site(&[("hello.js", V1), ("other.mjs", V2)]);
    insta::assert_snapshot!(told(&world.plan()), @r"
        create netlify/hello-backup: the config asks for it and it is not there
        create netlify/hello.edge: the config asks for it and it is not there
        create netlify/other-backup: the config asks for it and it is not there
        create netlify/other.edge: the config asks for it and it is not there
        ");
    world.settle();
    assert!(world.read(FILE).starts_with("// What stands in front of hello, made by redundancy."));
    world.config = EDGE.replace("'*'", "'hello'");
    let plan = agreed(&world);
    insta::assert_snapshot!(told(&plan), @r"
        delete netlify/other-backup: the config no longer asks for it
        delete netlify/other.edge: the config no longer asks for it
        ");
    world.apply(&plan).unwrap();
    world.config = NONE.to_owned();
    let plan = agreed(&world);
    insta::assert_snapshot!(told(&plan), @r"
        delete netlify/hello.edge: the config no longer asks for it
        create netlify/other-backup: the config asks for it and it is not there
        ");
    world.apply(&plan).unwrap();
    assert!(!world.path(FILE).exists());
    assert!(world.path("netlify/functions/hello-backup/hello-backup.cjs").exists());
    // A router may come later, and needs no test of what has not changed.
    world.config = EDGE.to_owned();
    world.settle();
    // It goes also where its function is gone, by mistake or not.
    world.remove("netlify/functions/hello.js");
    insta::assert_snapshot!(told(&world.plan()), @r"
        held netlify/hello-backup: the primary hello is gone; its backup is kept; to delete it, take hello out of `backs_up` or put it into `except`
        held netlify/hello.edge: the function hello is gone; what stands in front of it is kept; to delete it, take hello out of `backs_up` or put it into `except`
        ");
    world.config = NONE.to_owned();
    insta::assert_snapshot!(told(&agreed(&world)), @r"
        delete netlify/hello.edge: the config no longer asks for it
        delete netlify/other.edge: the config no longer asks for it
        held netlify/hello-backup: the primary hello is gone; its backup is kept; to delete it, take hello out of `backs_up` or put it into `except`
        ");
}

#[test]
fn of_two_rules_the_first_one_says_which_router() {
    let mut world = site(&[("hello.js", V1), ("other.mjs", V2)]);
    world.config = format!("[[function]]\nbacks_up = 'other'\nsnapshot = 'files'\n{EDGE}");
    world.settle();
    let there: Vec<String> = world.tree().into_iter().filter(|it| it.contains("/edge-")).collect();
    assert_eq!(there, [FILE]);
}

#[test]
fn one_that_an_older_version_wrote_is_ours_and_brought_up_to_date() {
    let world = site(&[("hello.js", V1)]);
    world.settle();
    let new = world.read(FILE);
    // Its header was that of a backup, and the text was the same.
    let text = new.splitn(4, '\n').last().unwrap();
    let made_from = Digest::of(["netlify-edge/1", text]).to_string();
    let fields = [("made_from".to_owned(), made_from.clone().into())].into();
    let body = Body { fields, files: [(FILE.to_owned(), text.to_owned())].into() };
    let words = "// The backup of hello, made by redundancy. To change it, change hello or redundancy.toml and\n\
                 // run `redundancy apply`. An edit made here is kept, and ends its updates until somebody decides.\n";
    let mark = format!("backs_up=hello made_from={made_from} written={}", body.digest());
    let old = format!("{words}// redundancy/1 {mark}\n{text}");
    world.write(FILE, &old);
    let (_, seen) = world.look();
    assert_eq!(seen.found[&id("netlify/hello.edge")].mark.as_ref().unwrap().backs_up, None);
    insta::assert_snapshot!(told(&world.plan()), @"update netlify/hello.edge: out of date: its primary, or the config, has changed");
    world.apply(&world.plan()).unwrap();
    assert_eq!((world.read(FILE), told(&world.plan())), (new, String::new()));
    // An edit of it is one as ever.
    world.write(FILE, format!("{old}// mine\n"));
    assert!(matches!(world.plan().held[0].why, Why::EditedByHand { .. }));
}

#[test]
fn it_stays_while_its_function_is_broken() {
    let world = site(&[("hello.js", V1)]);
    world.settle();
    world.write("netlify/functions/hello.js", "exports.handler = async () => {{{\n");
    insta::assert_snapshot!(told(&world.plan()), @r"
        held netlify/hello-backup: netlify/functions/hello.js:2: this is no valid code: Expected `}` but found `EOF`; its backup stays as it is
        ");
}

#[test]
fn what_it_can_t_stand_in_front_of_is_refused_with_the_reason() {
    let own = |config: &str| format!("{V2}export const config = {config}\n");
    let world = site(&[
        ("by-clock.mjs", &own("{ schedule: '@daily' }")),
        ("deferred.mjs", &own("{ background: true }")),
        ("identity-signup.js", V1),
        ("events.mjs", "export default { fetch: () => new Response(''), userLogin() {} }\n"),
        ("params.mjs", &own("{ path: '/api/:id' }")),
        ("some.mjs", &own("{ path: ['/api', '/api/*'] }")),
        ("without.mjs", &own("{ path: '/without', excludedPath: '/without/*' }")),
        ("head.mjs", &own("{ path: '/head', method: 'HEAD' }")),
        ("broken.mjs", "export default {{\n"),
        ("taken.mjs", V2),
        ("taken-backup.mjs", V2),
        ("named.mjs", V2),
        ("named.edge.mjs", V2),
    ]);
    insta::assert_snapshot!(told(&world.plan()), @r"
        create netlify/by-clock-backup: the config asks for it and it is not there
        create netlify/deferred-backup: the config asks for it and it is not there
        create netlify/events-backup: the config asks for it and it is not there
        create netlify/head-backup: the config asks for it and it is not there
        create netlify/identity-signup-backup: the config asks for it and it is not there
        create netlify/named-backup: the config asks for it and it is not there
        create netlify/params-backup: the config asks for it and it is not there
        create netlify/some-backup: the config asks for it and it is not there
        create netlify/without-backup: the config asks for it and it is not there
        held netlify/broken-backup: netlify/functions/broken.mjs:1: this is no valid code: Unexpected token
        held netlify/by-clock.edge: no edge function can stand in front of by-clock: it works by a schedule or in the background, and nobody waits for its answer; give it a `[[function]]` of its own without a router, above the other one
        held netlify/deferred.edge: no edge function can stand in front of deferred: it works by a schedule or in the background, and nobody waits for its answer; give it a `[[function]]` of its own without a router, above the other one
        held netlify/events.edge: no edge function can stand in front of events: Netlify calls it for events; give it a `[[function]]` of its own without a router, above the other one
        held netlify/head.edge: no edge function can stand in front of head: it answers no method that an edge function can stand in front of; give it a `[[function]]` of its own without a router, above the other one
        held netlify/identity-signup.edge: no edge function can stand in front of identity-signup: Netlify calls it for events; give it a `[[function]]` of its own without a router, above the other one
        held netlify/named.edge: there is a function named.edge; rename it
        held netlify/named.edge-backup: netlify/functions/named.edge.mjs: the name of a function has only letters, digits, `-` and `_`
        held netlify/params.edge: no edge function can stand in front of params: it takes parameters from its path, and its backup gets none; give it a `[[function]]` of its own without a router, above the other one
        held netlify/some.edge: no edge function can stand in front of some: it takes parameters from its path, and its backup gets none; give it a `[[function]]` of its own without a router, above the other one
        held netlify/taken-backup: netlify/functions/taken-backup.mjs has the name of the backup; rename or remove it
        held netlify/taken.edge: taken has no backup of ours that an edge function could ask
        held netlify/without.edge: no edge function can stand in front of without: its `excludedPath` makes it unclear which requests are for it; give it a `[[function]]` of its own without a router, above the other one
        ");
    world.apply(&world.plan()).unwrap();
    assert!(!world.path("netlify/edge-functions").exists());
}

#[test]
fn a_file_that_is_not_ours_is_left_alone() {
    let mut world = site(&[("hello.js", V1)]);
    world.write(FILE, "export default () => {}\n");
    insta::assert_snapshot!(told(&world.plan()), @r"
        create netlify/hello-backup: the config asks for it and it is not there
        held netlify/hello.edge: NotOurs
        ");
    world.apply(&world.plan()).unwrap();
    assert_eq!(world.read(FILE), "export default () => {}\n");
    assert!(!has_router(&world), "it brings nothing to the backup");
    world.config = NONE.to_owned();
    assert_eq!(told(&world.plan()), "");
    assert!(world.path(FILE).exists());
    // Nor is one that somebody has changed, until it is given up.
    world.config = EDGE.to_owned();
    world.remove(FILE);
    world.settle();
    assert!(has_router(&world));
    let edited = format!("{}// mine\n", world.read(FILE));
    world.write(FILE, &edited);
    let plan = world.plan();
    assert!(matches!(plan.held[0].why, Why::EditedByHand { .. }), "{}", told(&plan));
    world.apply(&plan).unwrap();
    assert_eq!(world.read(FILE), edited);
    assert_eq!(world.plan_with(&overwrite("netlify/hello.edge")).steps().count(), 1);
}

#[test]
fn the_folder_is_where_netlify_toml_says() {
    let world = site(&[]);
    world.write("web/netlify/functions/hello.js", V1);
    world.write("netlify.toml", "[build]\nbase = 'web'\nedge_functions = '/at/edge'\n");
    world.settle();
    assert!(world.path("web/at/edge/redundancy-hello.js").exists());
    world.write("netlify.toml", "[build]\nbase = 'web'\nedge_functions = '../../out'\n");
    insta::assert_snapshot!(told(&world.plan()), @r"
        held netlify/hello.edge: netlify.toml: its folder of edge functions ../../out is outside the project
        ");
}

#[test]
fn the_watch_sees_a_router_as_it_sees_other_files() {
    let world = site(&[("hello.js", V1)]);
    world.settle();
    let (desired, seen) = world.look();
    assert!(seen.found[&id("netlify/hello.edge")].mark.is_some());
    let backup = desired.backup_of(&id("netlify/hello"));
    assert_eq!(backup, Some(&id("netlify/hello-backup")));
    assert_eq!(desired.primary_of(&id("netlify/hello.edge")), None);
    // Also where the backup of a function that is broken is kept and not asked for.
    world.write("netlify/functions/hello.js", "exports.handler = async () => {{{\n");
    let (desired, seen) = world.look();
    assert_eq!(desired.backup_of(&id("netlify/hello")), None);
    assert_eq!(seen.found[&id("netlify/hello.edge")].mark.as_ref().unwrap().backs_up, None);
}
