//! Which repository is meant, and by which token it is looked at.

use std::{fs, path::Path};

use super::super::api::{NoRepository, Repository, Token};
use crate::config::{Project, model::Github};

/// The repository of `project`: what the config says, or else where its checkout comes from.
pub(super) fn of(project: &Project) -> Result<Repository, String> {
    let config = &project.config.github;
    if let Some(repository) = &config.repository {
        let wrong = |error: NoRepository| format!("`repository` of `[github]` is {error}");
        return repository.parse().map_err(wrong);
    }
    let host = web_host(&config.api_url);
    let origin = origin(&project.root).and_then(|url| on_host(&url, &host));
    origin.ok_or_else(|| {
        format!(
            "the repository is not known: the checkout has no remote `origin` at {host}; give \
             `repository = \"owner/name\"` in `[github]`"
        )
    })
}

/// Where `folder` is in the repository that it is checked out from: empty at its top, and where
/// that is not known.
pub(super) fn place(folder: &Path) -> std::path::PathBuf {
    let top = folder.ancestors().find(|it| it.join(".git").exists());
    top.and_then(|top| folder.strip_prefix(top).ok()).map(Path::to_owned).unwrap_or_default()
}

/// The token in the environment variable that the config names.
pub(super) fn token(config: &Github) -> Result<Token, String> {
    let variable = &config.token_env;
    let text =
        std::env::var(variable).ok().filter(|it| !it.trim().is_empty()).ok_or_else(|| {
            format!(
                "there is no token in the environment variable {variable}; one with the permission \
             Actions: read shows the runs, with Actions: write they are recovered too"
            )
        })?;
    Token::new(&text).map_err(|error| format!("{variable}: {error}"))
}

/// The host of the pages that belong to an API.
fn web_host(api_url: &str) -> String {
    let url = reqwest::Url::parse(api_url).ok();
    let host = url.as_ref().and_then(reqwest::Url::host_str).unwrap_or_default();
    host.strip_prefix("api.").unwrap_or(host).to_owned()
}

/// The address of the remote `origin` of the checkout that `folder` is in, as its config has it.
fn origin(folder: &Path) -> Option<String> {
    let git = folder.ancestors().map(|it| it.join(".git")).find(|it| it.exists())?;
    let git = if git.is_file() { linked(&git)? } else { git };
    let text = fs::read_to_string(git.join("config")).ok()?;
    let mut lines = text.lines().map(str::trim);
    lines.find(|it| *it == r#"[remote "origin"]"#)?;
    let section = lines.take_while(|it| !it.starts_with('['));
    let mut entries = section.filter_map(|it| it.split_once('='));
    entries.find_map(|(key, url)| (key.trim() == "url").then(|| url.trim().to_owned()))
}

/// The git folder whose config a linked worktree shares: its `.git` file names its own one.
fn linked(file: &Path) -> Option<std::path::PathBuf> {
    let text = fs::read_to_string(file).ok()?;
    let own = file.parent()?.join(text.strip_prefix("gitdir:")?.trim());
    let common = fs::read_to_string(own.join("commondir")).ok();
    Some(common.map_or_else(|| own.clone(), |it| own.join(it.trim())))
}

/// The repository at an address of git, if it is on `host`: `https://HOST/owner/name.git`,
/// `ssh://git@HOST/owner/name`, `git@HOST:owner/name.git`.
fn on_host(url: &str, host: &str) -> Option<Repository> {
    let path = match url.split_once("://") {
        Some((_, rest)) => {
            let (authority, path) = rest.split_once('/')?;
            let authority = authority.rsplit_once('@').map_or(authority, |(_, it)| it);
            let name = authority.rsplit_once(':').map_or(authority, |(it, _)| it);
            (name == host).then_some(path)?
        }
        None => {
            let (authority, path) = url.split_once(':')?;
            let name = authority.rsplit_once('@').map_or(authority, |(_, it)| it);
            (name == host).then_some(path)?
        }
    };
    let path = path.trim_matches('/');
    path.strip_suffix(".git").unwrap_or(path).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_read_from_where_a_checkout_comes_from() {
        for url in [
            "https://github.com/a/b.git",
            "https://github.com/a/b",
            "https://me:secret@github.com/a/b/",
            "ssh://git@github.com/a/b.git",
            "ssh://git@github.com:22/a/b.git",
            "git@github.com:a/b.git",
        ] {
            let read = on_host(url, &web_host("https://api.github.com"));
            assert_eq!(read.map(|it| it.to_string()).as_deref(), Some("a/b"), "{url}");
        }
        for url in ["https://gitlab.com/a/b", "git@example.com:a/b", "/srv/git/a/b", "", "a/b"] {
            assert_eq!(on_host(url, "github.com"), None, "{url}");
        }
        let host = web_host("https://github.example.com/api/v3");
        assert!(on_host("git@github.example.com:a/b.git", &host).is_some());
    }

    #[test]
    fn the_remote_of_a_checkout_is_found_from_below_and_in_a_worktree() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let write = |path: &str, text: &str| {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), text).unwrap();
        };
        let config = "[core]\n\tbare = false\n[remote \"up\"]\n\turl = x\n[remote \"origin\"]\n\t\
                      fetch = +refs/*\n\turl = git@github.com:a/b.git\n[branch \"main\"]\n";
        write("main/.git/config", config);
        write("main/.git/worktrees/w/commondir", "../..\n");
        write("w/.git", "gitdir: ../main/.git/worktrees/w\n");
        write("main/deep/er/x", "");
        for folder in ["main", "main/deep/er", "w"] {
            let found = origin(&root.join(folder));
            assert_eq!(found.as_deref(), Some("git@github.com:a/b.git"), "{folder}");
        }
        write("none/.git/config", "[core]\n");
        assert_eq!(origin(&root.join("none")), None);
    }
}
