//! Every call through Netlify's published description. Where the client asked wrongly, or the fake
//! answered wrongly, prism answers in its place, and the call fails.

use redundancy::provider::netlify::api::{Client, DeployId, Error, Progress};

use crate::{PACE, client_at, fake::Fake, prism::Prism, run, told};

pub(crate) const DESCRIPTION: &str = include_str!("contract/netlify.json");

#[test]
fn every_call_and_every_answer_is_as_netlify_describes_it() {
    let fake = Fake::start();
    let prism = Prism::before(&fake.url(), DESCRIPTION);
    let client = client_at(prism.url(), PACE);
    run(calls(&fake, &client));
    run(refusals(&client));
}

async fn calls(fake: &Fake, client: &Client) {
    assert_eq!(client.site().await.unwrap().published_deploy, None);
    let (first, second) = {
        let mut world = fake.world();
        (world.publish(90, &["a"]), world.publish(60, &["a", "b"]))
    };
    let site = client.site().await.unwrap();
    let published = site.published_deploy.clone().unwrap();
    assert_eq!(published.id.0, second);
    assert_eq!(site.address(), Some(format!("{}/live", fake.url()).as_str()));
    assert!(published.is_production() && !published.is_locked());
    assert_eq!(client.functions().await.unwrap(), ["a", "b"]);
    let deploys = client.deploys().await.unwrap();
    assert_eq!(
        deploys.iter().map(|it| it.id.0.clone()).collect::<Vec<_>>(),
        [second, first.clone()]
    );
    assert_eq!(client.deploys().await.unwrap(), deploys, "the same still, by its ETag");

    let restored = client.restore(&deploys[1].id).await.unwrap();
    assert_eq!(restored.id.0, first);
    assert!(client.lock(&restored.id).await.unwrap().is_locked());
    assert_eq!(fake.world().published, Some(first));

    fake.world().builds.push_back(vec!["building", "processing"]);
    let built = client.build().await.unwrap().unwrap();
    assert_eq!(client.deploy(&built).await.unwrap().progress(), Progress::Active);
    client.cancel(&built).await.unwrap();
    let cancelled = client.deploy(&built).await.unwrap();
    assert_eq!(cancelled.progress(), Progress::Failed);
    assert_eq!(cancelled.error_message.as_deref(), Some("Canceled build"));
}

async fn refusals(client: &Client) {
    let missing =
        client.deploy(&DeployId("65a000000000000000000099".to_owned())).await.unwrap_err();
    assert!(told(&missing).contains("Netlify finds no such thing"), "{missing}");
    assert!(matches!(missing, Error::NotFound { .. }));
}
