use super::*;

fn routes(names: &[&str]) -> Routes {
    let route = |name: &&str| {
        (name.to_string(), Route { from: format!("/api/{name}"), place: Place::FIRST })
    };
    names.iter().map(route).collect()
}

const OURS: &str = "[build]\npublish = \"dist\"\n\n# Old pages.\n[[redirects]]\nfrom = \"/*\"\nto = \
                    \"/index.html\"\nstatus = 200\n[redirects.headers]\nx = \"y\"\n";

/// Files of users.
const FILES: [&str; 8] = [
    "",
    "\n",
    "[build]\ncommand = \"make\"\n",
    "[build]\ncommand = \"make\"",
    "[build]\r\ncommand = \"make\"\r\n",
    "[build]\r\ncommand = \"make\"",
    OURS,
    "a = \"\"\"\n[[x]]\n\"\"\" # end\n[[ redirects ]]\nfrom='/a'\nto='/b'\n[functions]\nx = 1",
];

#[test]
fn a_block_comes_changes_and_goes_and_nothing_else_does() {
    for file in FILES {
        let one = put(file, Some(&inner(&routes(&["mail"])))).unwrap();
        let two = put(&one, Some(&inner(&routes(&["hello", "mail"])))).unwrap();
        assert_eq!(put(file, Some(&inner(&routes(&["hello", "mail"])))).unwrap(), two, "{file:?}");
        assert_eq!(put(&two, None).unwrap(), file, "{file:?}");
        let block = Block::find(&two).unwrap().unwrap();
        assert_eq!(Block::routes(&block.inner), routes(&["hello", "mail"]));
        let resource = block.resource();
        assert_eq!(resource.mark.unwrap().written, resource.body.digest());
        assert_eq!(two.contains("\r\n"), file.contains("\r\n"));
        if file.contains("\r\n") {
            assert_eq!(two.matches("\r\n").count(), two.matches('\n').count(), "{two:?}");
        }
    }
}

#[test]
fn the_block_goes_above_what_netlify_would_obey_before_it() {
    let backup = Place {
        side: Side::Backup,
        since: Some("2026-11-27T11:00:00Z".parse().unwrap()),
        why: Some("the primary answers 502\n[[redirects]]".to_owned()),
    };
    let mut two = routes(&["hello", "mail"]);
    two.insert("mail".to_owned(), Route { from: "/api/mail".to_owned(), place: backup.clone() });
    let file = put(OURS, Some(&inner(&two))).unwrap();
    insta::assert_snapshot!(file, @r#"
        [build]
        publish = "dist"

        # redundancy: begin written=2b4654e26375da1fa512f87809f3c5a6
        # Made by redundancy. To change it, change redundancy.toml and run `redundancy apply`. An edit made
        # here is kept, and ends its updates until somebody decides. It takes effect with the next deploy.
        # hello is on duty
        [[redirects]]
        from = "/api/hello"
        to = "/.netlify/functions/hello"
        status = 200
        force = true
        # mail-backup is on duty since 2026-11-27T11:00:00Z: the primary answers 502 [[redirects]]
        [[redirects]]
        from = "/api/mail"
        to = "/.netlify/functions/mail-backup"
        status = 200
        force = true
        # redundancy: end
        # Old pages.
        [[redirects]]
        from = "/*"
        to = "/index.html"
        status = 200
        [redirects.headers]
        x = "y"
        "#);
    let found = Block::routes(&Block::find(&file).unwrap().unwrap().inner);
    assert_eq!(found["mail"].place.since, backup.since);
    assert_eq!(found["mail"].place.why.as_deref(), Some("the primary answers 502 [[redirects]]"));
}

#[test]
fn an_edit_by_hand_is_seen_and_understood() {
    let file = put(OURS, Some(&inner(&routes(&["mail"])))).unwrap();
    let edited = file.replace("functions/mail\"", "functions/mail-backup\"");
    let block = Block::find(&edited).unwrap().unwrap();
    let resource = block.resource();
    assert_ne!(resource.mark.unwrap().written, resource.body.digest());
    assert_eq!(
        Block::routes(&block.inner)["mail"].place,
        Place { side: Side::Backup, ..Place::FIRST }
    );
    assert_eq!(Block::routes("[[redirects"), Routes::new());
}

#[test]
fn broken_marks_are_told_with_their_line() {
    let file = put("a = 1\n", Some(&inner(&routes(&["mail"])))).unwrap();
    let end = format!("{END}\n");
    let told = |file: &str| {
        let why = Block::find(file).unwrap_err();
        assert_eq!(put(file, None).unwrap_err(), why);
        why.split("; ").next().unwrap().to_owned()
    };
    let texts = [
        told(&file.replace(&end, "")),
        told(&file.replace("written=", "written=x")),
        told(&file.replace(BEGIN, "# redundancy begin")),
        told(&format!("{file}{file}")),
        told(&format!("{file}{end}")),
    ];
    insta::assert_snapshot!(texts.join("\n"), @r"
        netlify.toml:2: the block of redirects that begins here has no end (`# redundancy: end`)
        netlify.toml:2: this mark is damaged
        netlify.toml:11: a block of redirects ends here that begins nowhere
        netlify.toml:13: a second block of redirects begins here
        netlify.toml:12: a block of redirects ends here that begins nowhere
        ");
}

#[test]
fn what_other_redirects_do_to_a_route_is_told() {
    let block = put("", Some(&inner(&routes(&["mail"])))).unwrap();
    let before = |from: &str| format!("[[redirects]]\nfrom = \"{from}\"\nto = \"/x\"\n{block}");
    for (file, is_in_the_way) in [
        (block.clone(), false),
        (before("/api/other"), false),
        (before("/api/mail"), true),
        (before("/api/mail/"), true),
        (before("/api/*"), true),
        (before("/*"), true),
        (before("/:a/:b"), true),
        (before("/:a"), false),
        (before("/api/mail/more"), false),
        (format!("{block}[[redirects]]\nfrom = \"/*\"\nto = \"/x\"\n"), false),
        (format!("{block}[[redirects]]\nfrom = \"/api/mail\"\nto = \"/x\"\n"), true),
        (OURS.to_owned(), false),
    ] {
        assert_eq!(Others::of(&file).conflict("/api/mail").is_some(), is_in_the_way, "{file}");
    }
    assert!(
        Others::of(&before("/*")).conflict("/api/mail").unwrap().starts_with("netlify.toml:2 ")
    );
}

#[test]
fn a_file_in_which_there_is_no_place_for_it_is_left() {
    for file in [
        "redirects = [{ from = '/a', to = '/b' }]\n",
        "a = '''\n[[redirects]]\n'''\n",
        "[redirects]\nx = 1\n",
    ] {
        let why = put(file, Some(&inner(&routes(&["mail"])))).unwrap_err();
        assert!(why.starts_with("netlify.toml "), "{why}");
    }
}
