//! Stopping a process and all that it has started.

use super::Embedded;
use crate::{
    core::id::Name,
    provider::{
        Error,
        process::{
            end::{Manner, end},
            kernel::{self, ProcessId},
        },
    },
};

impl Embedded {
    /// Ends every process that carries the mark of `name`, and the group of its `leader`. When
    /// this succeeds, a look through all processes has found none left.
    pub(super) async fn end_all(
        &self,
        name: &Name,
        leader: Option<&ProcessId>,
        manner: Manner,
    ) -> Result<(), Error> {
        let left = || {
            let group = match leader {
                // Without a group, much less is read of each process.
                Some(leader)
                    if kernel::has_members(leader.pid) && kernel::owns_its_group(leader)? =>
                {
                    Some(leader.pid)
                }
                _ => None,
            };
            let mut members = self.scan(group)?;
            members.retain(|it| {
                Some(it.stat.group) == group || it.mark.as_ref().is_some_and(|(of, _)| of == name)
            });
            Ok((group, members))
        };
        let ended = end(name.as_str(), left, manner).await;
        self.running.doubt(name);
        ended
    }
}
