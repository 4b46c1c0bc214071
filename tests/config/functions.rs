//! `[netlify]` and `[[function]]`: what their keys have to hold.

use redundancy::config::parse;

use crate::wrong;

#[test]
fn what_makes_no_sense_is_refused() {
    insta::assert_snapshot!(wrong("
[netlify]
poll_every = '1ms'
hook_env = 'A=B'
recover = 'restor'
deploy = 'ftp'
[[function]]
backs_up = '*'
probe = { path = 'a', expect_status = 42, every = '10ms', method = 'get' }
[[function]]
backs_up = '*'
probe = { path = '//a', timeout = '0s', expected = 1 }
[[function]]
backs_up = '*'
router = 'edges'
snapshot = 'zips'
"), @r#"
        3:14 `poll_every` is at least `1s`
        4:12 `hook_env` is the name of an environment variable, and it holds a `=`
        5:11 `recover` can't be "restor" (did you mean "restore"?)
        6:10 `deploy` can't be "ftp" (it is one of "git", "hook", "build", "cli")
        9:18 `path` is a path on the site, and begins with one `/`
        9:39 the status of an answer is a number from 100 to 599
        9:51 `every` is at least `1s`
        9:68 `method` can't be "get" (did you mean "GET"?)
        12:18 `path` is a path on the site, and begins with one `/`
        12:35 `timeout` is at least `1s`
        12:41 unknown key `expected` (the keys here are `method`, `path`, `expect_status`, `every`, `timeout`)
        15:10 `router` can't be "edges" (did you mean "edge"?)
        16:12 `snapshot` can't be "zips" (did you mean "zip"?)
        "#);
}

#[test]
fn a_route_is_a_path_that_is_free() {
    insta::assert_snapshot!(wrong("
[[function]]
backs_up = 'a'
route = '/a'
[[function]]
backs_up = 'b'
router = 'redirect'
[[function]]
backs_up = ['c', 'd']
router = 'redirect'
route = '/c'
[[function]]
backs_up = '*'
router = 'redirect'
route = '/.netlify/functions/NAME'
[[function]]
backs_up = '*'
router = 'redirect'
route = 'api/NAME'
[[function]]
backs_up = '*'
router = 'redirect'
route = '/api/NAME/*'
[[function]]
backs_up = '*'
router = 'redirect'
route = '/api/NAME'
probe = { path = '/api/NAME' }
[[function]]
backs_up = '*'
router = 'proxy'
"), @r#"
        4:9 `route` has no effect without `router = "redirect"`
        7:10 this router needs a `route`, like `route = "/api/NAME"`
        11:9 several functions can't have one `route`; write `NAME` into it
        15:9 what is below `/.netlify/` is Netlify's own, so a `route` is not
        19:9 `route` is a path on the site, and begins with one `/`
        23:9 a `route` has letters, digits, `/`, `-`, `.`, `_` and `~` alone
        28:9 the probe asks at the `route`, behind which is whoever is on duty; leave out its `path`
        31:10 `router` can't be "proxy" (it is one of "none", "edge", "redirect")
        "#);
}

#[test]
fn what_goes_together_is_taken() {
    for text in [
        "[netlify]\nrecover = 'restore'\nrestore_after = '5m'\ncool_down = '0s'",
        "[netlify]\ndeploy = 'hook'\nhook_env = 'HOOK'\ndeploys_per_day = 0",
        "[[function]]\nbacks_up = '*'\nprobe = {}",
        "[[function]]\nbacks_up = '*'\nrouter = 'redirect'\nroute = '/api/NAME'\nprobe = {}",
        "[[function]]\nbacks_up = 'a'\nrouter = 'redirect'\nroute = '/'",
        "[[function]]\nbacks_up = 'a'\nrouter = 'none'",
        "[[function]]\nbacks_up = '*'\nrouter = 'edge'\nprobe = {}",
        "[[function]]\nbacks_up = '*'\nrouter = 'none'",
        "[[function]]\nbacks_up = 'a'\nprobe = { method = 'HEAD', path = '/api/NAME' }",
    ] {
        assert!(parse(text).is_ok(), "{text}: {:?}", parse(text));
    }
}
