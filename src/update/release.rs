//! The releases of a repository on GitHub.
//!
//! <https://docs.github.com/en/rest/releases>, version 2022-11-28. `digest` is there since June 2025, and null
//! with older files.

use std::io;

use serde::Deserialize;

use super::Error;
use crate::{
    config::model::Update,
    core::repository::{NoRepository, Repository},
    http::{
        Pace, Service, Token,
        address::Base,
        text::harmless,
        transport::{Call, Transport},
    },
};

static GITHUB: Service = Service {
    name: "GitHub",
    section: "update",
    like: "https://api.github.com or https://HOST/api/v3",
    span: "hour",
    headers: &[("accept", "application/vnd.github+json"), ("x-github-api-version", "2022-11-28")],
    permissions: Some("x-accepted-github-permissions"),
    public: true,
};

const NEEDS: &str = "Contents: read";

/// Who is asked for releases.
#[derive(Debug)]
pub struct Releases {
    transport: Transport,
    /// Whose releases they are.
    pub repository: Repository,
}

/// A release, as far as it is of use here.
#[derive(Debug, Clone, Deserialize)]
pub struct Release {
    /// The tag that it was made from.
    #[serde(rename = "tag_name")]
    pub tag: String,
    assets: Vec<Asset>,
}

/// A file of a release.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Asset {
    id: u64,
    name: String,
    /// In bytes.
    pub(super) size: u64,
    /// `sha256:…`.
    #[serde(default)]
    pub(super) digest: Option<String>,
}

impl Releases {
    /// The releases that the config names.
    ///
    /// # Errors
    /// When it names none, or the token that it names is not there.
    pub fn of(config: &Update) -> Result<Self, Error> {
        let Some(repository) = &config.repository else {
            return Err(Error::Config(
                "nobody knows where newer versions are: give `repository = \"owner/name\"` in `[update]` of \
                 redundancy.toml, the repository on GitHub whose releases they are"
                    .to_owned(),
            ));
        };
        let wrong = |it: NoRepository| Error::Config(format!("`repository` of `[update]` is {it}"));
        let repository = repository.parse().map_err(wrong)?;
        let token = config.token_env.as_deref().map(token).transpose()?;
        let base = Base::new(&GITHUB, &config.api_url)?;
        Ok(Self { transport: Transport::new(&GITHUB, base, token, Pace::default())?, repository })
    }

    /// The newest release that is no draft and no prerelease.
    pub async fn newest(&self) -> Result<Release, Error> {
        self.ask(&["latest"], "find the newest release").await
    }

    /// The release of a tag.
    pub async fn tagged(&self, tag: &str) -> Result<Release, Error> {
        self.ask(&["tags", tag], &format!("find the release {tag}")).await
    }

    async fn ask(&self, parts: &[&str], doing: &str) -> Result<Release, Error> {
        let (release, _) = self.transport.get::<Release>(&self.call(parts, doing)).await?;
        // It is shown, and nothing but a tag is one.
        let tag = harmless(&release.tag, 200);
        Ok(Release { tag, ..release })
    }

    /// Gives `sink` the bytes of a file, never more than it should have.
    pub(super) async fn download(
        &self,
        release: &Release,
        asset: &Asset,
        sink: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), Error> {
        let doing = format!("download {} of release {}", asset.name, release.tag);
        let call = self.call(&["assets", &asset.id.to_string()], &doing);
        Ok(self.transport.download(&call, asset.size, sink).await?)
    }

    fn call(&self, parts: &[&str], doing: &str) -> Call {
        let Repository { owner, name } = &self.repository;
        let all = ["repos", owner, name, "releases"];
        let url = self.transport.base().join(all.into_iter().chain(parts.iter().copied()));
        Call::ask(url, format!("{doing} of {}", self.repository), NEEDS)
    }
}

impl Release {
    pub(super) fn asset(&self, name: &str) -> Result<&Asset, Error> {
        let found = self.assets.iter().find(|it| it.name == name);
        let there = self.assets.iter().map(|it| it.name.clone());
        found.ok_or_else(|| Error::no_file(&self.tag, name, there))
    }
}

fn token(variable: &str) -> Result<Token, Error> {
    let text = std::env::var(variable).ok().filter(|it| !it.trim().is_empty());
    let text = text.ok_or_else(|| {
        Error::Config(format!(
            "there is no token in the environment variable {variable}, which `token_env` of `[update]` names; \
             it needs {NEEDS}"
        ))
    })?;
    Token::new(&text).map_err(|error| Error::Config(format!("{variable}: {error}")))
}
