//! `plan`: shows what would change, and why.

use std::{path::PathBuf, process::ExitCode};

use jiff::Timestamp;

use super::{
    choice::{self, Choice},
    document::Document,
    human, markdown,
    open::{Project, block_on},
    output::{self, quoted},
    table::table,
};
use crate::{
    controller::World,
    core::{
        change::{Change, Origin, Step},
        id::Id,
        plan::{Asker, Plan},
        resource::Body,
        simulate,
    },
};

#[derive(Debug, clap::Args)]
pub(super) struct PlanOptions {
    #[command(flatten)]
    pub(super) choice: Choice,
    #[command(flatten)]
    pub(super) form: PlanForm,
    /// Show what would follow if something failed, step by step, and touch nothing: "kill ID" (it
    /// dies, and again at each start), "crash ID" (it dies once), "freeze ID" (it hangs)
    #[arg(long, value_name = "EVENT", conflicts_with_all = ["markdown", "diff", "out", "detailed_exitcode",
        "target", "exclude", "adopt", "overwrite", "allow_deletions"])]
    pub(super) simulate: Option<simulate::Event>,
    /// Also save the plan, for `apply FILE`
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Exit with 0 for nothing to do, 2 for changes of the config, 3 for drift only, 4 when
    /// something is left alone and needs a person; 1 is an error as always
    #[arg(long)]
    pub(super) detailed_exitcode: bool,
}

/// How a plan is shown, if not for people.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
pub(super) struct PlanForm {
    /// Print the plan as JSON, the form that --out saves
    #[arg(long)]
    pub(super) json: bool,
    /// Print the plan as Markdown, for a pull request
    #[arg(long)]
    pub(super) markdown: bool,
    /// Show a new backup by how its file differs from its primary's
    #[arg(long)]
    pub(super) diff: bool,
}

pub(super) fn run(project: &Project, options: &PlanOptions) -> anyhow::Result<ExitCode> {
    project.tell_notes();
    let now = Timestamp::now();
    let world = block_on(project.controller().look_around(now))?;
    if let Some(event) = &options.simulate {
        return simulate(project, world, event, options.form.json, now);
    }
    choice::check(&options.choice, &world)?;
    let consent = options.choice.consent();
    let plan = world.plan(Asker::Person, &consent, now);
    let plan = choice::part(plan, &options.choice);

    let code = if options.detailed_exitcode { exit_code(&plan) } else { ExitCode::SUCCESS };
    let document = Document::new(plan, consent, project.loaded.digest, now);
    if let Some(path) = &options.out {
        document.save(path)?;
    }
    let shown = if options.form.json {
        document.to_json()?
    } else if options.form.markdown {
        markdown::plan(options.choice.of(), &document.plan)
    } else {
        let beside = |step: &Step| beside(&world, step).filter(|_| options.form.diff);
        human::plan_beside(options.choice.of(), &document.plan, beside)
            + &next_step(&document.plan, options)
    };
    output::print(&shown)?;
    Ok(code)
}

/// What a backup that is to be made is made from: the primary's file, called as the backup's.
fn beside(world: &World, step: &Step) -> Option<Body> {
    let Change::Create { to, backs_up: Some(primary), .. } = &step.change else { return None };
    let primary = Id::new(step.id.provider.clone(), primary.parse().ok()?);
    let found = &world.observed.found.get(&primary)?.body;
    let (path, text) = (to.files.keys().next()?, found.files.values().next()?);
    let files = [(path.clone(), text.clone())].into();
    (to.files.len() == 1 && found.files.len() == 1).then(|| Body { files, ..Body::default() })
}

/// The version of the JSON form of what would follow.
const STORY_VERSION: u32 = 1;

/// What would follow if something failed.
fn simulate(
    project: &Project,
    world: World,
    event: &simulate::Event,
    json: bool,
    now: Timestamp,
) -> anyhow::Result<ExitCode> {
    choice::check_id(&event.id, &world)?;
    let controller = project.controller();
    let World { desired, observed, known } = world;
    let (rules, config) = (controller.rules(), &controller.project().config);
    let policy = |id: &Id| config.restarts_of(&id.name);
    let stop_takes = |id: &Id| config.stop_of(&id.name);
    let story = simulate::simulate(
        simulate::Beginning {
            desired,
            observed,
            rules: &rules,
            memory: known.memory,
            policy: &policy,
            stop_takes: &stop_takes,
            now,
        },
        event,
    )?;
    let assumptions = simulate::assumptions();
    output::print(&if json {
        let told = serde_json::json!({
            "version": STORY_VERSION, "happenings": story, "assumptions": assumptions
        });
        serde_json::to_string_pretty(&told)? + "\n"
    } else {
        let line = |it: &simulate::Happening| {
            let id = it.id.as_ref().map(ToString::to_string).unwrap_or_default();
            vec![simulate::offset(it.after_ms), id, it.text.clone()]
        };
        let rows: Vec<_> = story.iter().map(line).collect();
        let assumed = assumptions.join("\n- ");
        format!("{}\nAssumed:\n- {assumed}\n", table(&["WHEN", "RESOURCE", "WHAT HAPPENS"], &rows))
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What to do next, where there is something to do.
fn next_step(plan: &Plan, options: &PlanOptions) -> String {
    if plan.lanes.is_empty() {
        return String::new();
    }
    // Without the same options it would make others.
    let apply = match &options.out {
        Some(path) => format!(" {}", quoted(&path.to_string_lossy())),
        None => options.choice.in_words(),
    };
    format!("Next: `redundancy apply{apply}` makes these changes.\n")
}

/// What `--detailed-exitcode` promises. What needs a person outweighs what does not.
fn exit_code(plan: &Plan) -> ExitCode {
    if plan.held.iter().any(|held| held.why.needs_a_person()) {
        ExitCode::from(4)
    } else if plan.has(Origin::Config) {
        ExitCode::from(2)
    } else if plan.has(Origin::Drift) {
        ExitCode::from(3)
    } else {
        ExitCode::SUCCESS
    }
}
