//! Generations: what each change of files and definitions replaced, and how to go back to it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    change::{Change, Reason, Step},
    id::Id,
    resource::{Body, Desired},
};

/// The version of the form.
pub const VERSION: u32 = 1;

/// What was replaced by changes that were made together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// The version of the form.
    pub version: u32,
    /// Its number; later ones are higher.
    pub number: u64,
    /// When it began.
    pub at: Timestamp,
    /// Who made the changes.
    pub by: By,
    /// The text of the config that asked for them.
    pub config: String,
    /// What was changed, in the order of the plan.
    pub changes: Vec<Replaced>,
}

/// Who made a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// A person, with `apply`.
    Apply,
    /// A person, with `recover --emergency`.
    Recover,
    /// The watch.
    Watch,
    /// A person, who went back to the generation of this number.
    Rollback(u64),
    /// A person, who edited the config; the edit was not applied before something took its place.
    Edit,
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Apply => f.write_str("apply"),
            Self::Recover => f.write_str("recover"),
            Self::Watch => f.write_str("watch"),
            Self::Rollback(number) => write!(f, "rollback {number}"),
            Self::Edit => f.write_str("an edit that was not applied"),
        }
    }
}

/// A resource that was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// Which.
    pub id: Id,
    /// The change, as [`Change::verb`].
    pub verb: String,
    /// Why.
    pub reason: String,
    /// What it consisted of before. None: it was not there.
    pub before: Option<Body>,
}

impl Generation {
    /// What `steps` are about to replace; none where they only start and stop. Who is on duty is no
    /// part of it: nobody goes back to that.
    #[must_use]
    pub fn of<'a>(
        number: u64,
        at: Timestamp,
        by: By,
        config: &str,
        steps: impl Iterator<Item = &'a Step>,
    ) -> Option<Self> {
        let changes: Vec<Replaced> = steps.filter_map(replaced).collect();
        (!changes.is_empty()).then(|| Self {
            version: VERSION,
            number,
            at,
            by,
            config: config.to_owned(),
            changes,
        })
    }
}

fn replaced(step: &Step) -> Option<Replaced> {
    let before = match &step.change {
        Change::Create { .. } => None,
        Change::Update { from, .. } | Change::Delete { from } => Some(from.clone()),
        Change::Start | Change::Stop | Change::Restart => return None,
    };
    (!matches!(step.reason, Reason::DutyMoves { .. })).then(|| Replaced {
        id: step.id.clone(),
        verb: step.change.verb().to_owned(),
        reason: step.reason.to_string(),
        before,
    })
}

/// What each resource consisted of before `later`, which are in order; none where it was not there.
/// What they did not change is as it is.
#[must_use]
pub fn before<'a>(
    later: impl Iterator<Item = &'a Generation>,
) -> BTreeMap<&'a Id, Option<&'a Body>> {
    let mut bodies = BTreeMap::new();
    for Replaced { id, before, .. } in later.flat_map(|it| &it.changes) {
        bodies.entry(id).or_insert(before.as_ref());
    }
    bodies
}

/// Asks for the texts that generated files had `before`, in place of those that their primaries would give
/// today.
///
/// Everything else is as the config says, also what such a text counts as made from. So it stays until its
/// primary or the config changes again, with nothing to remember. Gives those that were asked for otherwise.
pub fn put_back(desired: &mut Desired, before: &BTreeMap<&Id, Option<&Body>>) -> BTreeSet<Id> {
    let mut asked = BTreeSet::new();
    for (id, body) in before {
        let wanted = desired.wanted.get_mut(id).filter(|it| it.is_made_from_primary());
        let Some(wanted) = wanted else { continue };
        if let (Some(wanted), Some(before)) = (&mut wanted.body, body)
            && !before.files.is_empty()
            && wanted.files != before.files
        {
            wanted.files.clone_from(&before.files);
            asked.insert((*id).clone());
        }
    }
    asked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::resource::{Run, Wanted};

    fn body(text: &str, made_from: &str) -> Body {
        Body {
            fields: [("made_from".to_owned(), made_from.into())].into(),
            files: [("a".to_owned(), text.to_owned())].into(),
        }
    }

    fn update(id: &str, from: Body, to: Body, reason: Reason) -> Step {
        let change = Change::Update { from, to, backs_up: None, restart: false };
        Step { id: id.parse().unwrap(), change, reason }
    }

    fn generation(number: u64, steps: &[Step]) -> Option<Generation> {
        Generation::of(number, Timestamp::UNIX_EPOCH, By::Apply, "", steps.iter())
    }

    #[test]
    fn starts_and_moves_of_duty_are_no_generation() {
        let start = Step { id: "p/a".parse().unwrap(), change: Change::Start, reason: Reason::Due };
        let how = "x".to_owned();
        let moves = update("p/b", body("1", "1"), body("2", "2"), Reason::DutyMoves { how });
        assert_eq!(generation(1, &[start, moves]), None);
    }

    #[test]
    fn a_generation_says_who_made_it() {
        let all = [By::Apply, By::Recover, By::Watch, By::Rollback(7), By::Edit];
        let told = all.map(|it| it.to_string());
        assert_eq!(
            told,
            ["apply", "recover", "watch", "rollback 7", "an edit that was not applied"]
        );
    }

    #[test]
    fn what_was_first_replaced_is_what_was_there_before() {
        let step = |from, to| update("p/a", body(from, from), body(to, to), Reason::OutOfDate);
        let create = Step {
            id: "p/new".parse().unwrap(),
            change: Change::Create { to: body("n", "n"), run: Run::On, backs_up: None },
            reason: Reason::Missing,
        };
        let renewed = update("p/new", body("n", "n"), body("m", "m"), Reason::OutOfDate);
        let later = [
            generation(2, &[step("1", "2"), create]).unwrap(),
            generation(3, &[step("2", "3"), renewed]).unwrap(),
        ];
        let (a, new): (Id, Id) = ("p/a".parse().unwrap(), "p/new".parse().unwrap());
        let all = before(later.iter());
        assert_eq!((all[&a], all[&new]), (Some(&body("1", "1")), None));
        assert_eq!(before(later[1..].iter())[&a], Some(&body("2", "2")));
    }

    #[test]
    fn a_text_that_is_put_back_counts_as_made_from_what_is_there_today() {
        let id: Id = "p/a".parse().unwrap();
        let mut wanted = Wanted::not_ours(Run::On);
        wanted.body = Some(Body { fields: BTreeMap::new(), ..body("new", "today") });
        let mut desired = Desired::default();
        desired.wanted.insert(id.clone(), wanted);
        let old = body("old", "yesterday");
        let before = BTreeMap::from([(&id, Some(&old))]);
        assert!(put_back(&mut desired, &before).is_empty());
        let as_it_is = desired.wanted[&id].body.as_ref().unwrap();
        assert_eq!(as_it_is.files, body("new", "today").files, "it is made from nothing");
        desired.wanted.get_mut(&id).unwrap().body = Some(body("new", "today"));
        assert_eq!(put_back(&mut desired, &before), BTreeSet::from([id.clone()]));
        assert_eq!(desired.wanted[&id].body, Some(body("old", "today")));
        assert!(put_back(&mut desired, &before).is_empty(), "it is asked for already");
    }
}
