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
        "#);
}

#[test]
fn what_goes_together_is_taken() {
    for text in [
        "[netlify]\nrecover = 'restore'\nrestore_after = '5m'\ncool_down = '0s'",
        "[netlify]\ndeploy = 'hook'\nhook_env = 'HOOK'\ndeploys_per_day = 0",
        "[[function]]\nbacks_up = '*'\nprobe = {}",
        "[[function]]\nbacks_up = '*'\nrouter = 'edge'\nprobe = {}",
        "[[function]]\nbacks_up = '*'\nrouter = 'none'",
        "[[function]]\nbacks_up = 'a'\nprobe = { method = 'HEAD', path = '/api/NAME' }",
    ] {
        assert!(parse(text).is_ok(), "{text}: {:?}", parse(text));
    }
}
