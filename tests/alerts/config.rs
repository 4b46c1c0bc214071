//! What is wrong with `[alerts]`, told where it stands.

use crate::project::Project;

#[test]
fn a_sink_is_checked_where_it_stands() {
    let sink = |rest: &str| format!("[[alerts.sink]]\n{rest}\n");
    for (text, wrong) in [
        (sink("url_env = \"A\""), "the key `kind` is missing"),
        (sink("kind = \"pager\""), "`kind` can't be \"pager\""),
        (sink("kind = \"slack\""), "a sink of the kind `slack` needs `url_env`"),
        (
            sink("kind = \"slack\"\nurl_env = \"\""),
            "`url_env` is the name of an environment variable",
        ),
        (sink("kind = \"slack\"\nurl_env = \"A\"\nsecret_env = \"B\""), "this is a `slack`"),
        (sink("kind = \"slack\"\nurl_env = \"A\"\ncommand = [\"x\"]"), "runs no command"),
        (sink("kind = \"slack\"\nurl_env = \"A\"\ntimeout = \"2m\""), "`timeout` is at most"),
        (sink("kind = \"slack\"\nurl_env = \"A\"\ntimeout = \"1ms\""), "`timeout` is at least"),
        (sink("kind = \"command\""), "`command` names no program"),
        (sink("kind = \"command\"\ncommand = [\"x\"]\nurl_env = \"A\""), "has no address"),
        (sink("kind = \"slack\"\nurl_env = \"A\"").repeat(2), "another sink called `slack`"),
        ("[alerts]\nat_most = 0\n".to_owned(), "`at_most` is at least 1"),
        ("[alerts]\nremind_every = \"1s\"\n".to_owned(), "`remind_every` is at least"),
        ("[alerts]\nheartbeat_env = \"a=b\"\n".to_owned(), "`heartbeat_env` is the name of an"),
    ] {
        let run = Project::new(&text).run(&["validate"]);
        assert_eq!(run.code, 1, "{text}");
        assert!(run.stderr.contains(wrong), "{text}: {}", run.stderr);
    }
}

#[test]
fn an_address_in_the_file_is_refused_and_not_shown() {
    for address in [
        "https://hooks.slack.com/services/T00000000/B00000000/s3cr3tS3cr3tS3cr3t",
        "https://hc-ping.com/00000000-1111-2222-3333-s3cr3tS3cr3t",
        "https://example.com/s3cr3tS3cr3tS3cr3t",
    ] {
        let text = format!("[[alerts.sink]]\nkind = \"slack\"\nurl_env = \"{address}\"\n");
        let run = Project::new(&text).run(&["validate"]);
        assert_eq!(run.code, 1, "{run:?}");
        assert!(!run.stderr.contains("s3cr3t"), "{run:?}");
    }
}
