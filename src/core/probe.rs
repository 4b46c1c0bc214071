//! Probes: whether a process that runs does its work, judged by a row of answers. One answer alone
//! moves nothing.

use serde::{Deserialize, Serialize};

/// How many answers in a row it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Bad ones, until it counts as unwell.
    pub fall: u32,
    /// Good ones after that, until it counts as well again.
    pub rise: u32,
}

/// What the answers up to now come to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// What is wrong, once it counts as unwell.
    unwell: Option<String>,
    /// How many answers in a row speak against that.
    against: u32,
    /// Whether any answer was good.
    answered_well: bool,
}

impl Judgement {
    /// The judgement of what has yet to prove that it is well.
    #[must_use]
    pub fn unproven() -> Self {
        Self { unwell: Some("was not asked yet".to_owned()), ..Self::default() }
    }

    /// Takes one more answer into account: fine, or what is wrong.
    #[must_use]
    pub fn after(self, answer: Result<(), String>, patience: Patience) -> Self {
        let answered_well = self.answered_well || answer.is_ok();
        let against = self.against.saturating_add(1);
        let (unwell, against) = match (self.unwell, answer) {
            (None, Ok(())) => (None, 0),
            (None, Err(why)) if against >= patience.fall => (Some(why), 0),
            (None, Err(_)) => (None, against),
            (Some(_), Err(why)) => (Some(why), 0),
            (Some(_), Ok(())) if against >= patience.rise => (None, 0),
            (Some(why), Ok(())) => (Some(why), against),
        };
        Self { unwell, against, answered_well }
    }

    /// Whether it does its work; none as long as it has not answered well once, nor badly often enough.
    #[must_use]
    pub fn is_well(&self) -> Option<bool> {
        match self.unwell {
            Some(_) => Some(false),
            None => self.answered_well.then_some(true),
        }
    }

    /// What is wrong, if it counts as unwell.
    #[must_use]
    pub fn unwell(&self) -> Option<&str> {
        self.unwell.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn judge(answers: &[bool], patience: Patience) -> Vec<bool> {
        let mut judgement = Judgement::default();
        let mut unwell = Vec::new();
        for good in answers {
            let answer = if *good { Ok(()) } else { Err("bad".to_owned()) };
            judgement = judgement.after(answer, patience);
            unwell.push(judgement.unwell().is_some());
        }
        unwell
    }

    #[test]
    fn it_takes_a_row_to_fall_and_a_row_to_rise() {
        let (y, n) = (true, false);
        let patience = Patience { fall: 3, rise: 2 };
        let answers = [n, n, y, n, n, n, y, n, y, y, n];
        assert_eq!(judge(&answers, patience), [n, n, n, n, n, y, y, y, y, n, n]);
    }

    #[test]
    fn nothing_is_known_before_it_has_answered() {
        let patience = Patience { fall: 2, rise: 1 };
        let (good, bad) = (Ok(()), || Err("bad".to_owned()));
        let new = Judgement::default();
        assert_eq!(new.is_well(), None);
        let doubtful = new.clone().after(bad(), patience);
        assert_eq!(doubtful.is_well(), None, "one answer alone moves nothing");
        assert_eq!(doubtful.clone().after(bad(), patience).is_well(), Some(false));
        let well = doubtful.after(good, patience);
        assert_eq!(well.is_well(), Some(true));
        assert_eq!(well.after(bad(), patience).is_well(), Some(true));
        assert_eq!(Judgement::unproven().is_well(), Some(false));
    }

    proptest! {
        #[test]
        fn fewer_than_fall_in_a_row_never_move_it(
            answers in prop::collection::vec(any::<bool>(), 0..50), fall in 1u32..6, rise in 1u32..6,
        ) {
            let unwell = judge(&answers, Patience { fall, rise });
            let longest = answers.split(|good| *good).map(<[bool]>::len).max().unwrap_or(0);
            let fell = unwell.iter().any(|it| *it);
            prop_assert_eq!(fell, longest >= usize::try_from(fall).unwrap());
        }
    }
}
