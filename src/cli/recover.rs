//! `recover`: tries again now what fails, was given up or rests; `--emergency` also applies it anew, in
//! order.

use std::process::ExitCode;

use jiff::Timestamp;

use super::{
    apply::{Work, begin},
    args::RecoverOptions,
    choice, human,
    open::{Project, block_on},
    output, pair,
    watch::log_to_onlooker,
};
use crate::{
    controller::{
        Manner, World,
        requests::{Request, What},
        standing,
    },
    core::{
        change::{Change, Why},
        generation::By,
        health::Health,
        id::Id,
        plan::{Asker, Consent, Plan},
        resource::Run,
    },
};

pub(super) fn run(project: &Project, options: &RecoverOptions) -> anyhow::Result<ExitCode> {
    log_to_onlooker();
    block_on(recover(project, options))?
}

async fn recover(project: &Project, options: &RecoverOptions) -> anyhow::Result<ExitCode> {
    let controller = &project.controller();
    let id = options.id.as_ref();
    let world = controller.look_around(Timestamp::now()).await;
    if let Some(id) = id {
        choice::check_id(id, &world)?;
    }
    // Looked at once more under the lock, so that nothing is started that is being started.
    let (_lock, journal) = begin(controller, "recover").await?;
    let now = Timestamp::now();
    let world = controller.look_around(now).await;
    let (plan, manner, differs) = if options.emergency {
        (world.emergency_plan(now), Manner::InOrder, false)
    } else {
        let plan = world.plan(Asker::Person, &Consent::default(), now);
        let plan = plan.only(|it| id.is_none_or(|id| id == it));
        let differs = !plan.lanes.is_empty();
        (part(plan, &world), Manner::Together, differs)
    };
    output::print(&told(&plan, &world, id, differs))?;
    let mut good = !plan.held.iter().any(|it| id.is_some() || matches!(it.why, Why::Blind { .. }));
    if !plan.lanes.is_empty() {
        let work = Work { controller, config: &project.loaded.text, by: By::Recover };
        good &= work.carry_out_as_it_is(&plan, manner, &journal).await?;
    }
    for id in plan.lanes.iter().map(|lane| &lane[0].id) {
        let request = Request { what: What::Forgive, id: Some(id.clone()) };
        controller.ask(&mut journal.borrow_mut(), &request)?;
    }
    Ok(output::exit_code(good))
}

/// The part of `plan` that only starts again what fails.
fn part(plan: Plan, world: &World) -> Plan {
    let mut plan = plan.only(|it| fails(world, it));
    let starts = |change: &Change| matches!(change, Change::Start | Change::Restart);
    plan.lanes.retain(|lane| lane.iter().all(|step| starts(&step.change)));
    plan
}

/// Whether it does not do its work, or nobody can see whether it does.
fn fails(world: &World, id: &Id) -> bool {
    if world.observed.blind.contains_key(&id.provider) {
        return true;
    }
    let run = world.desired.wanted.get(id).map_or(Run::AsIs, |it| it.run);
    let status = world.observed.found.get(id).map(|it| &it.status);
    matches!(Health::of(run, status), Health::Unhealthy | Health::Failed)
}

/// What `plan` tries again; `differs` says whether there is something else to be done.
fn told(plan: &Plan, world: &World, id: Option<&Id>, differs: bool) -> String {
    if !plan.is_empty() {
        return human::plan(plan);
    }
    let next = if differs { "`redundancy apply` does what else is to be done.\n" } else { "" };
    let Some(id) = id else {
        let none = "Nothing fails, rests or was given up: there is nothing to try again.\n";
        return if differs {
            format!("There is nothing to try again; {next}")
        } else {
            none.to_owned()
        };
    };
    let state = standing::state(world, id);
    let off_duty = pair::of(world, id).is_some_and(|it| it.rules.exclusive)
        && world.desired.wanted.get(id).is_some_and(|it| it.run == Run::Off);
    let why = if off_duty {
        ", and the other one of its pair is on duty"
    } else if world.desired.wanted.get(id).is_some_and(|it| it.run == Run::Off) {
        ", and shall be off"
    } else {
        ""
    };
    format!("There is nothing to try again: {id} is {}{why}.\n{next}", output::visible(&state))
}
