//! `self-update`: a newer version of this program, or the one before.

use std::{path::Path, process::ExitCode};

use anyhow::Context;
use semver::Version;

use super::{
    open::{Project, block_on, shown},
    output, start,
};
use crate::{
    controller::{
        lock::{self, Holder, Lock},
        make_state_dir,
        self_update::Ledger,
    },
    core::update::{Step, step},
    update::{self, Place, Release, Releases, VERSION},
};

#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(super) struct SelfUpdateOptions {
    /// Only say whether there is a newer version
    #[arg(long)]
    check: bool,
    /// The release of this tag, also an earlier one [default: the newest release]
    #[arg(long, value_name = "TAG")]
    to: Option<String>,
    /// Put the program before this one back, which the last update left beside it
    #[arg(long, conflicts_with_all = ["check", "to"])]
    rollback: bool,
    /// Have a running watch of this project restarted by the new program
    #[arg(long, conflicts_with = "check")]
    restart: bool,
    /// Do not ask
    #[arg(long, short, conflicts_with = "check")]
    yes: bool,
}

pub(super) fn run(config: Option<&Path>, options: &SelfUpdateOptions) -> anyhow::Result<ExitCode> {
    let place = Place::of_this()?;
    let project = if options.rollback {
        match Project::open_even_if_broken(config) {
            Ok(project) => Some(project),
            Err(error) if options.restart => return Err(error),
            // It takes none.
            Err(_) => None,
        }
    } else {
        Some(Project::open(config)?)
    };
    let changed = match (&project, options.rollback) {
        (Some(project), false) => block_on(forward(project, options, place.clone()))??,
        _ => block_on(back(options, place.clone()))??,
    };
    if let (Changed::Yes, true, Some(project)) = (changed, options.rollback, &project) {
        let state_dir = project.loaded.project.state_dir();
        let refuse =
            || make_state_dir(&state_dir).and_then(|()| Ledger::of(&state_dir).refuse(VERSION));
        if project.loaded.project.config.update.automatic
            && let Err(error) = refuse()
        {
            output::remark(&format!("a watch may update itself to {VERSION} again: {error}\n"));
        }
    }
    match (changed, project) {
        (Changed::Yes, Some(project)) => watch(&project, options.restart, &place.program),
        (Changed::Yes | Changed::NothingToDo, _) => Ok(ExitCode::SUCCESS),
        (Changed::Declined, _) => Ok(ExitCode::FAILURE),
    }
}

/// What became of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Changed {
    Yes,
    NothingToDo,
    Declined,
}

async fn forward(
    project: &Project,
    options: &SelfUpdateOptions,
    place: Place,
) -> anyhow::Result<Changed> {
    let releases = Releases::of(&project.loaded.project.config.update)?;
    let release = match &options.to {
        Some(tag) => releases.tagged(tag).await?,
        None => releases.newest().await?,
    };
    let running: Version = VERSION.parse().context("this program has no version")?;
    let step = step(&running, &release.tag);
    output::print(&found(&releases, &release, &step))?;
    let wanted = match step {
        Step::Forward(_) => true,
        Step::Same => false,
        Step::Back(_) | Step::Unknown => options.to.is_some(),
    };
    if options.check || !wanted {
        return Ok(Changed::NothingToDo);
    }
    let place = place.keep()?;
    let question = format!("Put release {} in the place of this program?", release.tag);
    if !output::agreed(&question, options.yes, "does it")? {
        return Ok(Changed::Declined);
    }
    let fetched = update::fetch(&releases, &release, &place).await?;
    let version = update::put(fetched, &place)?;
    tell(&version)?;
    Ok(Changed::Yes)
}

fn found(releases: &Releases, release: &Release, step: &Step) -> String {
    let (repository, tag) = (&releases.repository, &release.tag);
    let release = format!("release {tag} of {repository}");
    match step {
        Step::Forward(version) => {
            format!("{release} is newer than this program: {version}, where this is {VERSION}\n")
        }
        Step::Same => format!("this program, {VERSION}, is {release} already\n"),
        Step::Back(version) => format!(
            "{release} is older than this program: {version}, where this is {VERSION}; only `--to {tag}` goes \
             back to it\n"
        ),
        Step::Unknown => format!(
            "{release} is not named by a version, so nobody can tell whether it is newer than this one, \
             {VERSION}; only `--to {tag}` takes it\n"
        ),
    }
}

async fn back(options: &SelfUpdateOptions, place: Place) -> anyhow::Result<Changed> {
    if !place.old.exists() {
        return Err(update::Error::NoOld(place.old).into());
    }
    let kept = place.keep()?;
    if !output::agreed("Put the program before this one back?", options.yes, "does it")? {
        return Ok(Changed::Declined);
    }
    let version = update::put_back(&kept).await?;
    tell(&version)?;
    Ok(Changed::Yes)
}

fn tell(version: &Version) -> anyhow::Result<()> {
    output::print(&format!(
        "this program is {version} now; {VERSION} is kept, and `redundancy self-update --rollback` puts it back\n"
    ))
}

/// What becomes of the watch of `project`, which runs the program of before.
fn watch(project: &Project, restart: bool, program: &Path) -> anyhow::Result<ExitCode> {
    let state_dir = project.loaded.project.state_dir();
    let Some(watch) = Lock::holder(&lock::watch_file(&state_dir)).filter(Holder::lives) else {
        return Ok(ExitCode::SUCCESS);
    };
    if restart {
        return start::again_as(project, program)
            .context("the program is replaced, the watch is not");
    }
    output::print(&format!(
        "the watch of {} (pid {}) runs the one before until it is begun again: `redundancy restart`\n",
        shown(&project.path),
        watch.pid
    ))?;
    Ok(ExitCode::SUCCESS)
}
