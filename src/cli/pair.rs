//! The pair that an id means, for verbs that move its duty.

use anyhow::bail;

use super::choice;
pub(super) use crate::controller::standing::{Functions, Jobs, Place, Row, beside, of};
use crate::{
    controller::World,
    core::{failover::Pair, id::Id},
};

/// The pair that `id` is one of, between which duty moves.
pub(super) fn exclusive<'w>(world: &'w World, id: &Id) -> anyhow::Result<&'w Pair> {
    let Some(pair) = of(world, id) else {
        choice::check_id(id, world)?;
        if let Some(Jobs { primary, backup }) = Jobs::of(world, id) {
            bail!(
                "{primary} and {backup} work in runs of their own, so there is no duty that could be given \
                 from one to the other: when {primary} fails, a watch begins {backup}, or that does so by \
                 its own schedule"
            );
        }
        let pairs = world.known.pairs.iter();
        let pairs: Vec<String> =
            pairs.map(|it| format!("{} and {}", it.primary, it.backup)).collect();
        if pairs.is_empty() {
            bail!("{id} is in no pair, and the config has none; `backs_up` of a process makes one");
        }
        bail!("{id} is in no pair; the pairs are {}", pairs.join(", "));
    };
    if !pair.rules.exclusive {
        bail!(
            "{} and {} run side by side (`mode = \"parallel\"`), so there is no duty that could be \
             given from one to the other",
            pair.primary,
            pair.backup
        );
    }
    Ok(pair)
}
