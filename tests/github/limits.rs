//! GitHub's limits: while it has asked to be left alone, nothing is sent.

use jiff::{SignedDuration, Timestamp};
use redundancy::provider::github::api::{Client, Error};

use crate::{
    client,
    fake::{Fake, Fault, Hour},
    run, told,
};

/// Asks several times in a row, which sends nothing. The seconds until something may be sent.
fn rest(fake: &Fake, client: &Client) -> i64 {
    let before = fake.world().requests.len();
    let mut seconds = 0;
    for _ in 0..3 {
        let now = Timestamp::now();
        match run(client.about()) {
            Err(Error::Resting { until, .. }) => seconds = until.as_second() - now.as_second(),
            other => panic!("it did not rest: {other:?}"),
        }
        let error = run(client.runs("main", now)).unwrap_err();
        assert!(error.is_passing());
        told(&error);
    }
    assert_eq!(fake.world().requests.len(), before);
    seconds
}

/// A client that has met `fault`, and the error that it got for that.
fn after(fake: &Fake, fault: &Fault) -> (Client, Error) {
    fake.world().fail(1, fault);
    let client = client(&fake.url());
    let error = run(client.about()).unwrap_err();
    assert!(matches!(error, Error::Resting { .. }), "{error}");
    told(&error);
    (client, error)
}

/// Whether a rest has about so many seconds, of which the test itself may have taken some.
fn is_about(seconds: i64, wanted: i64) -> bool {
    (wanted - 50..=wanted + 1).contains(&seconds)
}

#[test]
fn retry_after_is_obeyed() {
    let fake = Fake::start();
    for status in [429, 403] {
        let fault = Fault::Status(status, "retry-after: 120\r\n", String::new());
        let (client, error) = after(&fake, &fault);
        assert!(error.to_string().contains("retry-after"), "{error}");
        let seconds = rest(&fake, &client);
        assert!(is_about(seconds, 120), "{seconds}");
    }
}

#[test]
fn a_secondary_limit_without_a_time_rests_a_minute() {
    let fake = Fake::start();
    for fault in [Fault::secondary_limit(), Fault::Status(429, "", "Too many".to_owned())] {
        let seconds = rest(&fake, &after(&fake, &fault).0);
        assert!(is_about(seconds, 60), "{seconds}");
    }
}

#[test]
fn an_hour_that_is_used_up_rests_until_the_next() {
    let fake = Fake::start();
    let reset = Timestamp::now() + SignedDuration::from_mins(30);
    fake.world().hour = Some(Hour { limit: 5000, remaining: 0, reset });
    let client = client(&fake.url());
    let error = run(client.about()).unwrap_err();
    assert!(told(&error).contains("used up"), "{error}");
    let seconds = rest(&fake, &client);
    assert!(is_about(seconds, 1800), "{seconds}");
}

#[test]
fn the_last_tenth_of_the_hour_is_left_to_others() {
    let fake = Fake::start();
    let reset = Timestamp::now() + SignedDuration::from_mins(30);
    fake.world().hour = Some(Hour { limit: 1000, remaining: 102, reset });
    let client = client(&fake.url());
    run(client.about()).unwrap();
    run(client.workflows()).unwrap();
    let seconds = rest(&fake, &client);
    assert!(is_about(seconds, 1800), "{seconds}");
    assert_eq!(client.budget(Timestamp::now()).unwrap().remaining, 100);
    assert_eq!(fake.world().requests.len(), 2);
}

#[test]
fn a_limit_holds_for_what_changes_something_too() {
    let fake = Fake::start();
    fake.world().add_workflow("Nightly", ".github/workflows/nightly.yml");
    let client = client(&fake.url());
    let id = run(client.workflows()).unwrap().items[0].id;
    fake.world().fail(1, &Fault::secondary_limit());
    for _ in 0..5 {
        let error = run(client.enable(id)).unwrap_err();
        assert!(matches!(error, Error::Resting { .. }), "{error}");
    }
    assert_eq!(fake.world().requests.len(), 2);
}

#[test]
fn a_limit_whose_body_never_ends_is_one_all_the_same() {
    let fake = Fake::start();
    let fault = Fault::Status(429, "retry-after: 90\r\n", "x".repeat(9 << 20));
    let seconds = rest(&fake, &after(&fake, &fault).0);
    assert!(is_about(seconds, 90), "{seconds}");
}
