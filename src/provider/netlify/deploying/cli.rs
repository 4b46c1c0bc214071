//! Netlify's own command line, run as the user would: it builds here and uploads all of the site.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde::Deserialize;
use tokio::process::Command;

use super::super::api::{DeployId, SiteId, Token};
use crate::{group, http::text::harmless, provider::Error};

/// Where a project has its own.
const OWN: &str = "node_modules/.bin/netlify";

/// What it is called in `PATH`.
const NAME: &str = "netlify";

/// How much of what it says is shown, in characters.
const MOST_SAID: usize = 300;

/// The command line of a project.
#[derive(Debug)]
pub(super) struct CommandLine {
    program: PathBuf,
    root: PathBuf,
    token: Token,
}

impl CommandLine {
    /// That of the project at `root`, or else the one in `PATH`.
    pub(super) fn find(root: &Path, token: Token) -> Result<Self, Error> {
        let own = root.join(OWN);
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let everywhere = std::env::split_paths(&paths).map(|it| it.join(NAME));
        let program = std::iter::once(own).chain(everywhere).find(|it| it.is_file());
        let program = program.ok_or_else(|| {
            Error::Refused(format!(
                "there is no `{NAME}` in {OWN} or in PATH; `npm install --save-dev netlify-cli` brings it"
            ))
        })?;
        Ok(Self { program, root: root.to_owned(), token })
    }

    /// It, for people.
    pub(super) fn shown(&self) -> String {
        let own = self.program.strip_prefix(&self.root).unwrap_or(&self.program);
        format!("`{} deploy`", harmless(&own.to_string_lossy(), 120))
    }

    /// Builds the site and uploads it as a draft, within `limit`.
    pub(super) async fn draft(&self, site: &SiteId, limit: Duration) -> Result<DeployId, Error> {
        let mut command = Command::new(&self.program);
        command
            .args(["deploy", "--json", "--site", &site.to_string()])
            .current_dir(&self.root)
            .env("NETLIFY_AUTH_TOKEN", self.token.reveal())
            .env("NETLIFY_SITE_ID", site.to_string())
            .stdin(Stdio::null());
        let refused = |how: String| Error::Refused(format!("{}: {how}", self.shown()));
        let ended = group::output(&mut command, limit).await;
        let output = ended.map_err(|error| refused(error.to_string()))?.ok_or_else(|| {
            refused(format!("it did not end within {} s, and was ended", limit.as_secs()))
        })?;
        if !output.status.success() {
            let texts =
                [output.stderr, output.stdout].map(|it| String::from_utf8_lossy(&it).into_owned());
            let mut lines =
                texts.iter().filter_map(|it| it.lines().rev().find(|it| !it.trim().is_empty()));
            let said = lines.next().unwrap_or("it said nothing");
            let said = harmless(&self.token.hide_in(said), MOST_SAID);
            return Err(refused(format!("it ended with {}: {said}", output.status)));
        }
        draft(&output.stdout).ok_or_else(|| {
            let said = String::from_utf8_lossy(&output.stdout);
            let said = harmless(&self.token.hide_in(&said), MOST_SAID);
            refused(format!("it does not say which deploy it made: {said}"))
        })
    }
}

/// The deploy in what `netlify deploy --json` says. What a build says may stand before.
fn draft(said: &[u8]) -> Option<DeployId> {
    #[derive(Deserialize)]
    struct Made {
        deploy_id: DeployId,
    }
    let said = String::from_utf8_lossy(said);
    let starts = said.match_indices('{').map(|(at, _)| &said[at..]);
    let mut made = starts.filter_map(|it| {
        let mut values = serde_json::Deserializer::from_str(it).into_iter::<Made>();
        values.next()?.ok()
    });
    made.next().map(|it| it.deploy_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deploy_is_found_behind_what_a_build_says() {
        let made = r#"{ "site_id": "s", "deploy_id": "65a", "deploy_url": "https://65a--x" }"#;
        for said in [made.to_owned(), format!("built {{1}}\n{made}\n"), format!("{{}}{made}")] {
            assert_eq!(draft(said.as_bytes()), Some(DeployId("65a".to_owned())), "{said}");
        }
        assert_eq!(draft(b"Error: no"), None);
    }
}
