//! The tree of a backup: what its text has to mean, however it is written.

use serde_yaml::{Mapping, Value};

use super::{
    edit::{Edit, JobEdit},
    keys,
};

/// The tree that comes of `primary`, with its keys in the primary's order.
pub(super) fn expected(primary: &Mapping, edit: &Edit) -> Result<Mapping, String> {
    let mut backup = Mapping::new();
    if !primary.contains_key(keys::NAME) {
        backup.insert(keys::NAME.into(), edit.name.as_str().into());
    }
    let has_group = primary.contains_key(keys::CONCURRENCY);
    for (key, value) in primary {
        let new = match key.as_str() {
            Some(keys::NAME) => edit.name.as_str().into(),
            Some(keys::ON) => edit.triggers.tree(),
            Some(keys::CONCURRENCY) => {
                edit.group.as_ref().map_or_else(|| edit.own_group.clone(), |it| it.apply(value))
            }
            Some(keys::JOBS) => Value::Mapping(jobs(value, edit)?),
            _ => value.clone(),
        };
        backup.insert(key.clone(), new);
        if key.as_str() == Some(keys::ON) && !has_group {
            backup.insert(keys::CONCURRENCY.into(), edit.own_group.clone());
        }
    }
    Ok(backup)
}

fn jobs(primary: &Value, edit: &Edit) -> Result<Mapping, String> {
    let mut jobs = Mapping::new();
    if let Some(guard) = &edit.guard {
        jobs.extend(parsed(&guard.lines(0))?);
    }
    for (id, value) in primary.as_mapping().into_iter().flatten() {
        let change = edit.jobs.iter().find(|it| Some(it.id.as_str()) == id.as_str());
        let job = match (change, value) {
            (Some(change), Value::Mapping(job)) => Value::Mapping(changed(job, change)),
            _ => value.clone(),
        };
        jobs.insert(id.clone(), job);
    }
    Ok(jobs)
}

/// What lines of our own mean.
pub(super) fn parsed(lines: &str) -> Result<Mapping, String> {
    serde_yaml::from_str(lines).map_err(|error| format!("what was generated is no YAML: {error}"))
}

fn changed(job: &Mapping, change: &JobEdit) -> Mapping {
    let mut new = Mapping::new();
    if let Some((guard, condition)) = &change.guarded {
        let (needs, condition) = (needs(job.get(keys::NEEDS), guard), condition.as_str().into());
        // First what is not there yet; what is keeps its place.
        for (key, value) in [(keys::NEEDS, needs), (keys::IF, condition)] {
            new.insert(key.into(), value);
        }
    }
    for (key, value) in job {
        if change.guarded.is_some() && matches!(key.as_str(), Some(keys::NEEDS | keys::IF)) {
            continue;
        }
        let value = match (&change.group, key.as_str()) {
            (Some(group), Some(keys::CONCURRENCY)) => group.apply(value),
            _ => value.clone(),
        };
        new.insert(key.clone(), value);
    }
    new
}

/// `needs` with the guard in front.
fn needs(old: Option<&Value>, guard: &str) -> Value {
    match old {
        Some(Value::String(one)) if !one.is_empty() => {
            Value::Sequence(vec![guard.into(), one.as_str().into()])
        }
        Some(Value::Sequence(all)) if !all.is_empty() => {
            Value::Sequence([Value::from(guard)].into_iter().chain(all.iter().cloned()).collect())
        }
        _ => guard.into(),
    }
}
