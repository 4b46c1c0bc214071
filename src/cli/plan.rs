//! `plan`: shows what would change, and why.

use std::process::ExitCode;

use jiff::Timestamp;

use super::{
    args::PlanOptions,
    choice,
    document::Document,
    human, markdown,
    open::{Project, block_on},
    output,
};
use crate::core::{
    change::Origin,
    plan::{Asker, Plan},
};

pub(super) fn run(project: &Project, options: &PlanOptions) -> anyhow::Result<ExitCode> {
    project.tell_notes();
    let now = Timestamp::now();
    let world = block_on(project.controller().look_around(now))?;
    choice::check(&options.choice, &world)?;
    let consent = options.choice.consent();
    let plan = world.plan(Asker::Person, &consent, now);
    let plan = choice::part(plan, &options.choice);

    let code = if options.detailed_exitcode { exit_code(&plan) } else { ExitCode::SUCCESS };
    let document = Document::new(plan, consent, project.loaded.digest, now);
    if let Some(path) = &options.out {
        document.save(path)?;
    }
    let shown = if options.json {
        document.to_json()?
    } else if options.markdown {
        markdown::plan(&document.plan)
    } else {
        human::plan(&document.plan) + &next_step(&document.plan, options)
    };
    output::print(&shown)?;
    Ok(code)
}

/// What to do next, where there is something to do.
fn next_step(plan: &Plan, options: &PlanOptions) -> String {
    if plan.lanes.is_empty() {
        return String::new();
    }
    match &options.out {
        Some(path) => format!("Next: `redundancy apply {}` makes these changes.\n", path.display()),
        None => "Next: `redundancy apply` makes these changes.\n".to_owned(),
    }
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
