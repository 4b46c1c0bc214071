//! What can come in place of an answer. That the client bounds every answer in time and size is shown
//! by the tests of GitHub's client, which has the same transport; here is what Netlify says
//! otherwise.

use std::time::Duration;

use redundancy::provider::netlify::api::{Error, Hook, Pace, SiteId, Token};

use crate::{
    PACE, client_at,
    fake::{Fake, Fault, HOOK},
    run, told,
};

/// What a look at the site says that meets `fault`, and whether it may fare better next time.
fn with(fault: &Fault, pace: Pace) -> (String, bool) {
    let fake = Fake::start();
    fake.world().fail(1, fault);
    let error = run(client_at(&fake.url(), pace).site()).unwrap_err();
    let told = told(&error);
    assert!(told.starts_with("cannot look at the site 0d3a9d2f-"), "{told}");
    (told, error.is_passing())
}

#[test]
fn every_refusal_says_what_to_do() {
    for (status, message, says, passes) in [
        (401, "Bad", "Netlify does not accept the token (Bad)", false),
        (403, "Forbidden", "the token may not do that (Forbidden); it needs access to the", false),
        (404, "Bad", "Netlify finds no such thing", false),
        (422, "Bad", "Netlify refuses it (422: Bad)", false),
        (500, "Bad", "it answers 500 (Bad)", true),
        (503, "Bad", "it answers 503 (Bad)", true),
    ] {
        let (told, passing) = with(&Fault::said(status, message), PACE);
        assert!(told.contains(says) && passing == passes, "{told}");
    }
    let short = Pace { whole: Duration::from_secs(1), ..PACE };
    for fault in [Fault::Silence, Fault::Drip(Duration::from_millis(50))] {
        assert!(with(&fault, short).0.contains("no whole answer within 1s"));
    }
    assert!(with(&Fault::html(), PACE).0.contains("its answer is not what Netlify answers"));
    assert!(with(&Fault::Half, PACE).0.contains("broke off"));
}

#[test]
fn a_limit_is_kept() {
    let fake = Fake::start();
    fake.world().fail(1, &Fault::Status(429, "retry-after: 90\r\n", "{}".to_owned()));
    let client = client_at(&fake.url(), PACE);
    for _ in 0..2 {
        let error = run(client.site()).unwrap_err();
        assert!(matches!(error, Error::Resting { .. }), "{error}");
        assert!(told(&error).contains("Netlify asked to wait that long (429"), "{error}");
    }
    assert_eq!(fake.world().requests.len(), 1);

    let fake = Fake::start();
    fake.world().remaining = 51;
    let client = client_at(&fake.url(), PACE);
    run(client.site()).unwrap();
    let error = run(client.deploys()).unwrap_err();
    let says = "of the 500 requests that this token has in a minute 50 are left";
    assert!(told(&error).contains(says), "{error}");
}

#[test]
fn a_build_hook_is_shown_nowhere() {
    let fake = Fake::start();
    let at = |id: &str| Hook::new(&format!("{}/build_hooks/{id}", fake.url())).unwrap();
    run(at(HOOK).trigger(PACE)).unwrap();
    assert_eq!(fake.world().deploys.len(), 1);
    assert_eq!(format!("{:?}", at(HOOK)), "Hook(hidden)");
    let error = run(at("0123456789abcdef01234567").trigger(PACE)).unwrap_err();
    assert!(told(&error).contains("a build hook that still exists"), "{error}");
    fake.world().fail(1, &Fault::Reset);
    assert!(run(at(HOOK).trigger(PACE)).unwrap_err().is_passing());
    for text in ["", "abc", "http://api.netlify.com/build_hooks/x", "ftp://127.0.0.1/x"] {
        let error = Hook::new(text).unwrap_err();
        assert!(told(&error).contains("no address of a build hook"), "{error}");
    }
}

#[test]
fn what_is_no_site_is_refused() {
    for text in ["", "a/b", "../x", "a b", "-a", "app?x"] {
        assert!(text.parse::<SiteId>().is_err(), "{text:?}");
    }
    let site: SiteId = "app.netlify.app".parse().unwrap();
    let token = Token::new("nfp_x").unwrap();
    let client = redundancy::provider::netlify::api::Client::new;
    for api in ["http://api.netlify.com/api/v1", "https://a:b@api.netlify.com", ""] {
        let error = client(api, Some(token.clone()), site.clone()).unwrap_err();
        assert!(error.to_string().contains("`api_url` in `[netlify]`"), "{error}");
    }
    let without = client("https://api.netlify.com/api/v1", None, site).unwrap();
    let error = run(without.site()).unwrap_err();
    assert!(error.to_string().contains("`token_env` of `[netlify]`"), "{error}");
}
