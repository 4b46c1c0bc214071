//! Backups that are proposed in a pull request instead of written into the checkout.
//!
//! What is proposed counts as there: it is seen where it would be merged from, so nothing is proposed
//! twice, and nobody has to remember what was.

mod batch;
mod there;
mod words;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use self::{
    batch::{Asked, Batch},
    there::{Found, There},
};
use super::{
    api::{Client, Pull},
    pull_request::{BRANCH, Outcome, Proposal, propose},
    watching::Watching,
};
use crate::{
    config::model::{self as config, Writing},
    core::{
        change::Change,
        resource::{Actual, Body},
    },
    provider::{
        Error,
        files::{
            Comment,
            mark::Role,
            read::{relative, resource, unreadable},
            write::{changed, header, not_ours},
        },
        polled::Polled,
    },
};

/// The backups of a project as they are at GitHub, and how they are changed there.
#[derive(Debug, Clone)]
pub(super) struct Proposing {
    at: Result<At, String>,
    /// Where the project is in its repository, with a `/` at the end where it is not at the top.
    place: String,
    batch: Arc<Batch>,
}

/// Where the backups are.
#[derive(Debug, Clone)]
struct At {
    client: Arc<Client>,
    /// The folder of the workflows in the repository.
    folder: String,
    there: Polled<(), There>,
}

impl At {
    fn new(client: Arc<Client>, folder: String, every: Duration) -> Self {
        let asked = (Arc::clone(&client), folder.clone());
        let ask = move |before: Arc<There>, ()| {
            let (client, folder) = asked.clone();
            let look = async move { there::look(&client, &folder, &before).await };
            Box::pin(look) as BoxFuture<'static, _>
        };
        Self { client, folder, there: Polled::new("GitHub", every, ask) }
    }
}

impl Proposing {
    /// The backups at GitHub, where the config says that they are proposed there. Sends nothing yet.
    pub(super) fn of(config: &config::Github, watching: &Watching) -> Option<Self> {
        if config.write != Writing::PullRequest {
            return None;
        }
        let folder = watching.at_github(&relative(&config.workflows_dir));
        let folder = folder.trim_end_matches('/').to_owned();
        let at = match watching.speaks_by() {
            Ok(client) => Ok(At::new(client, folder, config.poll_every.0)),
            Err(why) => Err(format!(
                "{why}; to propose backups, a token needs the permissions Contents, Workflows and \
                 Pull requests: write"
            )),
        };
        let place = watching.at_github("");
        Some(Self { at, place, batch: Arc::default() })
    }

    /// Each backup at GitHub, by its path in the project, or why they are not known.
    pub(super) async fn look(&self, deadline: Instant) -> Result<Vec<(String, Actual)>, String> {
        let there = self.at.clone()?.there.look((), |(), ()| false, deadline).await?;
        let backups = there.files.iter().filter_map(|(path, found)| {
            let path = path.strip_prefix(&self.place)?;
            let actual = match found.text.as_ref()? {
                Ok(text) => resource(path, text, Comment::Hash),
                Err(problem) => unreadable(path, problem),
            };
            Some((path.to_owned(), actual))
        });
        Ok(backups.collect())
    }

    /// What waits for somebody to merge it, if that is known.
    pub(super) fn waits(&self) -> Option<String> {
        let known = self.at.as_ref().ok()?.there.known();
        let count = known.files.values().filter(|it| it.proposed).count();
        let Pull { number, html_url, .. } = known.pull.as_ref().filter(|_| count > 0)?;
        let what =
            if count == 1 { "1 backup waits".to_owned() } else { format!("{count} backups wait") };
        Some(format!(
            "{what} in pull request #{number}, to take effect when it is merged: {html_url}"
        ))
    }

    /// Resolves when there may be something new to see.
    pub(super) async fn woken(&self) {
        match &self.at {
            Ok(at) => at.there.woken().await,
            Err(_) => std::future::pending().await,
        }
    }

    /// Proposes a change of a backup, together with what else is to be changed now.
    pub(super) async fn change(&self, change: Change) -> Result<(), Error> {
        let at = self.at.clone().map_err(Error::Refused)?;
        let this = self.clone();
        self.batch.ask(change, move |asked| async move { this.propose(&at, asked).await }).await
    }

    async fn propose(&self, at: &At, asked: Vec<Asked>) {
        // The plan may be an old one.
        let there = match there::look(&at.client, &at.folder, &at.there.known()).await {
            Ok(there) => there,
            Err(why) => {
                let failed = Error::Passing(format!("nothing was proposed: {why}"));
                return asked.into_iter().for_each(|it| it.tell(Err(failed.clone())));
            }
        };
        let mut files = proposed(&there);
        let mut taken = Vec::new();
        for asked in asked {
            match self.edits(&asked.change, &there) {
                Ok(edits) if edits.is_empty() => asked.tell(Ok(())),
                Ok(edits) => {
                    files.extend(edits);
                    taken.push(asked);
                }
                Err(error) => {
                    // What was seen when it was planned is no longer so.
                    at.there.forget();
                    asked.tell(Err(error));
                }
            }
        }
        if taken.is_empty() {
            return;
        }
        let text = words::text(&files, &there);
        let title = words::TITLE.to_owned();
        let proposal = Proposal { base: there.base.clone(), files, title, text };
        let outcome = propose(&at.client, &proposal).await;
        // Also where it failed: something may have been changed.
        at.there.forget();
        let done = outcome.and_then(told);
        for asked in taken {
            asked.tell(done.clone());
        }
    }

    /// What a change makes of which files of the repository; nothing where it is made already, or
    /// proposed. Nothing is touched that is not as the change says.
    fn edits(&self, change: &Change, there: &There) -> Result<Files, Error> {
        let (from, to, backs_up) = match change {
            Change::Create { to, backs_up, .. } => (None, Some(to), backs_up.as_deref()),
            Change::Update { from, to, backs_up, .. } => {
                (Some(from), Some(to), backs_up.as_deref())
            }
            Change::Delete { from } => (Some(from), None, None),
            Change::Start | Change::Stop | Change::Restart => {
                let why = "a file is neither started nor stopped".to_owned();
                return Err(Error::Refused(why));
            }
        };
        let body = to.or(from).cloned().unwrap_or_default();
        let mut edits = Files::new();
        for path in body.files.keys() {
            let at_github = format!("{}{path}", self.place);
            let found = there.files.get(&at_github).and_then(|it: &Found| it.text.as_ref());
            let live = match found {
                Some(Ok(text)) => Some(resource(path, text, Comment::Hash)),
                Some(Err(problem)) => return Err(Error::Refused(format!("{path}: {problem}"))),
                None => None,
            };
            let wanted = match to {
                Some(to) => Some(whole(to, path, backs_up)?),
                None => None,
            };
            if found.and_then(|it| it.as_ref().ok()) == wanted.as_ref() {
                continue;
            }
            if to.is_none() && live.as_ref().is_some_and(|it| it.mark.is_none()) {
                return Err(not_ours(&body));
            }
            if live.as_ref().map(|it| &it.body) != from {
                return Err(changed(&body));
            }
            edits.insert(at_github, wanted);
        }
        Ok(edits)
    }
}

/// Texts of files by their paths in the repository; none where there shall be no such file.
type Files = BTreeMap<String, Option<String>>;

/// The text of the file at `path` of `to`.
fn whole(to: &Body, path: &str, backs_up: Option<&str>) -> Result<String, Error> {
    let text = to.files.get(path).map(String::as_str).unwrap_or_default();
    let role = backs_up.and_then(|it| Some(Role::BacksUp(it.parse().ok()?)));
    Ok(header(to, role.as_ref())?.above(text, Comment::Hash))
}

/// What our branch changes. Without it in the next proposal it would be proposed no more.
fn proposed(there: &There) -> Files {
    let ours = there.files.iter().filter(|(_, it)| it.proposed);
    let files = ours.filter_map(|(path, found)| match &found.text {
        Some(Ok(text)) => Some((path.clone(), Some(text.clone()))),
        // We propose nothing that can't be read: our branch was changed, and is left as it is.
        Some(Err(_)) => None,
        None => Some((path.clone(), None)),
    });
    files.collect()
}

/// Whether what came of a proposal is what was asked for.
fn told(outcome: Outcome) -> Result<(), Error> {
    match outcome {
        Outcome::Nothing => Ok(()),
        Outcome::Same(pull) => {
            say("kept", &pull);
            Ok(())
        }
        Outcome::Opened(pull) => {
            say("opened", &pull);
            Ok(())
        }
        Outcome::Updated(pull) => {
            say("updated", &pull);
            Ok(())
        }
        Outcome::Withdrawn(pull) => {
            say("closed", &pull);
            Ok(())
        }
        Outcome::Declined(Pull { number, html_url, .. }) => Err(Error::Refused(format!(
            "pull request #{number}, which proposes just this, was closed ({html_url}); it is not \
             proposed again unless somebody deletes the branch {BRANCH} or opens that pull request \
             again"
        ))),
    }
}

fn say(what: &str, Pull { number, html_url, .. }: &Pull) {
    tracing::info!("{what} pull request #{number} with backups of workflows: {html_url}");
}
