//! The backups as they are at GitHub: on the branch of our pull request while it is open, and else
//! on the default branch.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use tokio::time::Instant;

use super::super::{
    api::{Client, Entry, Error, Pull, PullState, Sha},
    pull_request::{self, BRANCH},
};
use crate::provider::files::{
    read::{MOST_BYTES, decoded, too_large},
    rule::SUFFIX,
};

/// After so long it is asked again which branch is the default one.
const REFRESH: Duration = Duration::from_hours(1);

/// What a file holds, or why that can't be said.
pub(super) type Text = Result<String, String>;

/// The backups at GitHub.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct There {
    /// The branch that the pull request is for.
    pub(super) base: String,
    /// When it was asked which branch that is.
    asked: Option<Instant>,
    /// Our pull request, while it is open.
    pub(super) pull: Option<Pull>,
    /// Each file that has the name of a backup, by its path in the repository.
    pub(super) files: BTreeMap<String, Found>,
    /// The last commits of the base and of our branch.
    heads: Option<(Sha, Option<Sha>)>,
    /// What was read, by the name of its content.
    read: HashMap<Sha, Text>,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// What it holds, if it is there.
    pub(super) text: Option<Text>,
    /// Whether it is there on the base.
    pub(super) on_base: bool,
    /// Whether the pull request changes it.
    pub(super) proposed: bool,
}

/// The entries of a folder by their names.
type Entries = BTreeMap<String, Entry>;

/// Looks at the backups in `folder` of the repository. `before` is what was seen the last time: as
/// long as no branch has changed, no file is read again.
pub(super) async fn look(client: &Client, folder: &str, before: &There) -> Result<There, String> {
    let told = |error: Error| error.to_string();
    let (base, asked, head) = base(client, before).await?;
    let pulls = client.pulls(BRANCH).await.map_err(told)?;
    let pull = pulls.into_iter().find(|it| it.state == PullState::Open && it.base.branch == base);
    let ours = match &pull {
        Some(_) => client.branch(BRANCH).await.map_err(told)?,
        None => None,
    };
    let heads = Some((head.clone(), ours.clone()));
    if before.heads == heads && before.base == base {
        return Ok(There { asked, pull, ..before.clone() });
    }
    let (files, read) = read(client, folder, &head, ours.as_ref(), before).await.map_err(told)?;
    Ok(There { base, asked, pull, files, heads, read })
}

/// The default branch, when it was asked which that is, and its last commit.
async fn base(client: &Client, before: &There) -> Result<(String, Option<Instant>, Sha), String> {
    let told = |error: Error| error.to_string();
    if before.asked.is_some_and(|it| it.elapsed() < REFRESH)
        && let Some(head) = client.branch(&before.base).await.map_err(told)?
    {
        return Ok((before.base.clone(), before.asked, head));
    }
    let base = client.about().await.map_err(told)?.default_branch;
    match client.branch(&base).await.map_err(told)? {
        Some(head) => Ok((base, Some(Instant::now()), head)),
        None => Err(format!(
            "cannot look at the branch {base:?} of {}: there is no such branch, or the token may \
             not see it; it needs the permission Contents: read",
            client.repository()
        )),
    }
}

type Read = (BTreeMap<String, Found>, HashMap<Sha, Text>);

async fn read(
    client: &Client,
    folder: &str,
    head: &Sha,
    ours: Option<&Sha>,
    before: &There,
) -> Result<Read, Error> {
    let on_base = backups(client, folder, head).await?;
    let proposed = match ours {
        Some(ours) => Some(Proposed::look(client, folder, ours, (head, &on_base)).await?),
        None => None,
    };
    let names: BTreeSet<&String> =
        on_base.keys().chain(proposed.iter().flat_map(|it| it.entries.keys())).collect();
    let (mut files, mut texts) = (BTreeMap::new(), HashMap::new());
    for name in names {
        let base = on_base.get(name);
        let holds = proposed.as_ref().filter(|it| it.holds_for(name, base));
        let (entry, at) = match (holds, ours) {
            (Some(it), Some(ours)) => (it.entries.get(name), ours),
            _ => (base, head),
        };
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        let text = match entry {
            Some(entry) => Some(text(client, (&path, at), entry, before, &mut texts).await?),
            None => None,
        };
        let proposed = content(entry) != content(base);
        files.insert(path, Found { text, on_base: base.is_some(), proposed });
    }
    Ok((files, texts))
}

fn content(entry: Option<&Entry>) -> Option<&Sha> {
    entry.map(|it| &it.sha)
}

/// What our branch holds, and what was there when that was proposed.
struct Proposed {
    entries: Entries,
    /// None where somebody else's commit ends the branch.
    before: Option<Entries>,
}

impl Proposed {
    async fn look(
        client: &Client,
        folder: &str,
        head: &Sha,
        (base, on_base): (&Sha, &Entries),
    ) -> Result<Self, Error> {
        let entries = backups(client, folder, head).await?;
        let before = match pull_request::made_on(client, head).await? {
            Some(on) if on == *base => Some(on_base.clone()),
            Some(on) => Some(backups(client, folder, &on).await?),
            None => None,
        };
        Ok(Self { entries, before })
    }

    /// Whether what is proposed of a file still holds: nobody has changed it on the base since.
    fn holds_for(&self, name: &str, base: Option<&Entry>) -> bool {
        self.before.as_ref().is_none_or(|before| content(before.get(name)) == content(base))
    }
}

/// What has the name of a backup in `folder` at a commit.
async fn backups(client: &Client, folder: &str, at: &Sha) -> Result<Entries, Error> {
    let is_backup =
        |it: &Entry| it.name.strip_suffix(".yml").is_some_and(|it| it.ends_with(SUFFIX));
    let entries = client.folder(folder, &at.0).await?.into_iter().filter(is_backup);
    Ok(entries.map(|it| (it.name.clone(), it)).collect())
}

/// What an entry holds. It is asked for only where that was not read before.
async fn text(
    client: &Client,
    (path, at): (&str, &Sha),
    entry: &Entry,
    before: &There,
    texts: &mut HashMap<Sha, Text>,
) -> Result<Text, Error> {
    if entry.kind != "file" {
        return Ok(Err(format!("it should be a file and is a {}", entry.kind)));
    }
    if entry.size > MOST_BYTES {
        return Ok(Err(too_large(entry.size)));
    }
    let known = texts.get(&entry.sha).or_else(|| before.read.get(&entry.sha));
    let text = match known {
        Some(text) => text.clone(),
        None => match client.file(path, &at.0).await? {
            Some(file) => decoded(file.bytes),
            None => Err("GitHub lists it and does not find it".to_owned()),
        },
    };
    texts.insert(entry.sha.clone(), text.clone());
    Ok(text)
}
