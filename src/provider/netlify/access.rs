//! By which token and under which name the site is looked at.

use super::api::{Client, Error, Token};
use crate::config::{Project, model};

/// The variables that Netlify's own command line reads, and others do.
const USUAL: [&str; 2] = ["NETLIFY_AUTH_TOKEN", "NETLIFY_TOKEN"];

/// A client for the site of `project`, or what is missing for one.
pub(super) fn client(project: &Project) -> Result<Client, String> {
    let config = &project.config.netlify;
    let site = config.site.as_ref().ok_or(
        "the site is not known: give `site` in `[netlify]`, its id or its name like \
         \"app.netlify.app\"",
    )?;
    let site = site.parse().map_err(|error: Error| error.to_string())?;
    let token = token(config)?;
    Client::new(&config.api_url, Some(token), site).map_err(|error| error.to_string())
}

/// The token in the environment variable that the config names, or else in one of the usual ones.
pub(super) fn token(config: &model::Netlify) -> Result<Token, String> {
    let set = |variable: &str| {
        let text = std::env::var(variable).ok().filter(|it| !it.trim().is_empty())?;
        Some((variable.to_owned(), text))
    };
    let named = config.token_env.as_str();
    let found = [named].into_iter().chain(USUAL).find_map(set);
    let (variable, text) = found.ok_or_else(|| {
        let others: Vec<&str> = USUAL.into_iter().filter(|it| *it != named).collect();
        format!(
            "there is no token in the environment variable {named}, nor in {}; Netlify gives one \
             under \"User settings\", \"Applications\"",
            others.join(" or ")
        )
    })?;
    Token::new(&text).map_err(|error| format!("{variable}: {error}"))
}
