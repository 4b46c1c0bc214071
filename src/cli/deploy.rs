//! `deploy`: gets the backups of functions to Netlify, or says how.

use std::{fmt::Write, path::Path, process::ExitCode};

use anyhow::{Context as _, bail};
use jiff::Timestamp;

use super::{
    open::{self, Project, block_on},
    output::{self, count, quoted, visible},
};
use crate::{
    config,
    controller::{
        lock::{self, Lock, LockError},
        signals::Signals,
    },
    core::{
        id::Id,
        ration::{self, Asked, Spent},
    },
    journal::{Entry, Journal, Kind},
    provider::{
        Error,
        netlify::{
            Netlify,
            api::DeployId,
            deploying::{Before, Deploying, asked},
        },
    },
    sync::unsent,
};

/// Under which key the journal has the deploys that were asked for.
const DEPLOYS: &str = "netlify.deploys";

/// How many of them are kept: far more than a day may have.
const MOST_KEPT: usize = 200;

/// What the entries of the journal are about.
const ABOUT: &str = "netlify/published.deploy";

#[derive(Debug, clap::Args)]
pub(super) struct DeployOptions {
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(project: &Project, options: &DeployOptions) -> anyhow::Result<ExitCode> {
    project.tell_notes();
    let project = &project.loaded.project;
    if project.config.function.is_empty() {
        bail!("the config gives no function a backup, so there is nothing to deploy");
    }
    let generated = block_on(Netlify::new(project).generated())??;
    if !generated.outdated.is_empty() {
        let names = generated.outdated.join(", ");
        bail!(
            "these backups are not as the config asks: {names}; `redundancy apply` makes them so"
        );
    }
    match Deploying::new(project)? {
        None => by_git(&project.root, &generated.folder, &generated.files),
        Some(deploying) => block_on(deploy(project, &deploying, options.dry_run))?,
    }
}

/// Says what to commit and to push.
fn by_git(
    root: &Path,
    folder: &Path,
    files: &std::collections::BTreeSet<String>,
) -> anyhow::Result<ExitCode> {
    let folder = folder.to_string_lossy();
    // A backup that was deleted is committed too.
    let is_backup = |path: &str| {
        let inside = path.strip_prefix(&*folder).map(|it| it.trim_start_matches('/'));
        inside.and_then(|it| it.split_once('/')).is_some_and(|(own, _)| own.ends_with("-backup"))
    };
    let unsent = unsent(root, |path| files.contains(path) || is_backup(path))?;
    let mut text = String::from("Nothing is sent: Netlify builds what is pushed.\n");
    let push = match unsent.unpushed {
        Some(0) if unsent.uncommitted.is_empty() => None,
        Some(n @ 1..) => Some(format!("  git push    # {} not pushed yet\n", count(n, "commit"))),
        Some(0) | None => Some("  git push\n".to_owned()),
    };
    let Some(push) = push else {
        text.push_str("All backups are committed and pushed.\n");
        output::print(&text)?;
        return Ok(ExitCode::SUCCESS);
    };
    if unsent.uncommitted.is_empty() {
        text.push_str("All backups are committed. To deploy them:\n");
    } else {
        text.push_str("Not committed yet:\n");
        for path in &unsent.uncommitted {
            let _ = writeln!(text, "  {}", visible(path));
        }
        text.push_str("\nTo deploy them:\n");
        let paths: Vec<String> = unsent.uncommitted.iter().map(|it| quoted(it)).collect();
        let _ = writeln!(text, "  git add --all -- {}", paths.join(" "));
        text.push_str("  git commit -m 'Backups of functions'\n");
    }
    text.push_str(&push);
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

async fn deploy(
    project: &config::Project,
    deploying: &Deploying,
    dry_run: bool,
) -> anyhow::Result<ExitCode> {
    let state_dir = open::state_dir(project)?;
    let now = Timestamp::now();
    let _lock = match Lock::take(&lock::deploy_file(&state_dir), "deploy", now) {
        Err(held @ LockError::Held(_)) => bail!("a deploy goes on already, by {held}"),
        other => other?,
    };
    let mut journal = open::journal(&state_dir)?;
    let noted = recalled(journal.recall(DEPLOYS)?.as_deref());
    let before = deploying.look().await?;
    let spent = ration::spent(&before.listed, &noted, now);
    let most = project.config.netlify.deploys_per_day;
    if let Some(obstacle) = &before.obstacle {
        bail!("nothing was deployed: {obstacle}");
    }
    if let Err(Spent { count: n, until }) = ration::admit(&spent, most) {
        let deploys = count(n, "production deploy");
        let until = until.map(|it| format!("; the next one may be made at {it:.0}"));
        bail!(
            "nothing was deployed: the last 24 hours had {deploys}, and `deploys_per_day` of \
             `[netlify]` is {most}{}",
            until.unwrap_or_default()
        );
    }
    let how = deploying.how();
    let left = usize::try_from(most).unwrap_or(usize::MAX) - spent.len();
    let budget = format!("{left} of {most} deploys of this day are left");
    if dry_run {
        output::print(&format!("Would deploy {how} ({budget}).\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    output::remark(&format!("Deploying {how} ({budget}).\n"));
    write(&mut journal, Kind::Intent, format!("deploy: {how}"))?;
    remember(&mut journal, asked(None, now))?;
    let tell = |id: &_| {
        output::remark(&format!("It is deploy {id}.\n"));
        let named = remember(&mut journal, asked(Some(id), now));
        if let Err(error) = named {
            output::remark(&format!("warning: {}\n", output::whole(&error)));
        }
    };
    let mut signals = Signals::new().context("cannot listen for signals")?;
    let done = tokio::select! {
        done = make(deploying, &before, tell) => done,
        // A build of its own ends here with all that it began.
        () = signals.received() => Err(Error::Passing(
            "it was broken off by a signal; what Netlify was asked for goes on there".to_owned(),
        )),
    };
    let (kind, text) = match &done {
        Ok(done) => (Kind::Done, format!("deploy: {done}")),
        Err(error) => (Kind::Failed, format!("deploy: {error}")),
    };
    write(&mut journal, kind, text)?;
    output::print(&format!("{}\n", visible(&capital(&done?))))?;
    Ok(ExitCode::SUCCESS)
}

/// Makes the deploy, and follows it until it is published.
async fn make(
    deploying: &Deploying,
    before: &Before,
    tell: impl FnMut(&DeployId),
) -> Result<String, Error> {
    let begun = deploying.begin().await?;
    deploying.follow(before, &begun, tell).await
}

fn capital(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map(|it| it.to_uppercase().chain(rest).collect()).unwrap_or_default()
}

fn write(journal: &mut Journal, kind: Kind, text: String) -> anyhow::Result<()> {
    let id: Id = ABOUT.parse()?;
    journal.write(&[Entry { at: Timestamp::now(), kind, id: Some(id), text }])?;
    Ok(())
}

/// Remembers that a deploy was asked for. Its name, once that is known, takes the place of none.
fn remember(journal: &mut Journal, deploy: Asked) -> anyhow::Result<()> {
    journal.revise(DEPLOYS, |before| {
        let mut all = recalled(before.as_deref());
        all.retain(|it| it.at != deploy.at || it.id.is_some());
        all.push(deploy);
        let surplus = all.len().saturating_sub(MOST_KEPT);
        all.drain(..surplus);
        // Plain data, which JSON can always say.
        (serde_json::to_string(&all).unwrap_or_default(), ())
    })?;
    Ok(())
}

/// What was remembered. What this version can't read is begun anew: Netlify lists the deploys too.
fn recalled(text: Option<&str>) -> Vec<Asked> {
    text.and_then(|it| serde_json::from_str(it).ok()).unwrap_or_default()
}
