//! From a fetched commit to a checkout that is in step with it.

use jiff::Timestamp;

use super::{
    Done, Error, Event, GitError, Options, Strategy,
    checkout::Checkout,
    clean,
    git::{Call, Oid},
    keep,
    snapshot::{Purpose, Snapshot, Studio},
    spare::Spare,
};

/// How often work is kept anew when somebody goes on working, before giving up.
const TRIES: usize = 3;

/// One run on one checkout.
pub(super) struct Run<'a> {
    pub(super) checkout: &'a Checkout,
    pub(super) studio: &'a Studio,
    pub(super) options: &'a Options,
    /// The remote's commit.
    pub(super) target: Oid,
    pub(super) tell: &'a mut dyn FnMut(Event),
}

impl Run<'_> {
    pub(super) fn bring_in_step(&mut self) -> Result<Done, Error> {
        let head = self.checkout.head()?;
        if head == self.target {
            let local_changes = self.checkout.status()?.local_changes();
            return Ok(Done::InStep { at: head, local_changes });
        }
        let (ahead, behind) = self.checkout.count(&head, &self.target)?;
        match (self.options.strategy, ahead, behind) {
            (Strategy::HardReset, ..) => self.reset(),
            (_, 0, _) => self.fast_forward(head, behind),
            (Strategy::FfOnly, _, 0) => Ok(Done::Ahead { at: head, commits: ahead }),
            (Strategy::FfOnly, ..) => {
                Err(Error::Diverged { upstream: self.options.upstream(), ahead, behind })
            }
            (_, _, 0) => self.push(head, ahead, 0),
            (Strategy::Rebase | Strategy::Merge, ..) => self.combine(&head, behind),
        }
    }

    /// Makes the checkout equal to the remote, keeping first what that loses.
    fn reset(&mut self) -> Result<Done, Error> {
        let Options { branch, remote, clean, spare, .. } = self.options;
        let spare = Spare::new(self.checkout, spare)?;
        let purpose = Purpose::Reset { clean: clean.then_some(&spare) };
        let mut snapshot = Snapshot::take(self.checkout, self.studio, &self.target, purpose)?;
        for _ in 0..TRIES {
            let (ahead, behind) = self.checkout.count(&snapshot.head, &self.target)?;
            self.keep(&snapshot, ahead > 0)?;
            self.checkout.check(branch, remote)?;
            let stamp = snapshot.stamp(self.checkout)?;
            let again = Snapshot::take(self.checkout, self.studio, &self.target, purpose)?;
            if again != snapshot || again.stamp(self.checkout)? != stamp {
                snapshot = again;
                continue;
            }
            let from = snapshot.head.clone();
            let git = &self.checkout.git;
            snapshot.show_assumed(git)?;
            git.call(["reset", "--hard", "--quiet", self.target.as_str(), "--"]).output()?;
            // Git notes which commit it moved away from. Another one was made in this instant.
            if let Some(late) = self.checkout.tip("ORIG_HEAD")?.filter(|it| *it != from) {
                let kept = keep::keep_late(git, &late, Timestamp::now())?;
                (self.tell)(Event::Kept(kept));
            }
            if *clean {
                for left in clean::remove(git, self.studio, &snapshot)? {
                    (self.tell)(Event::Note(left));
                }
            }
            let to = self.target.clone();
            return Ok(Done::Moved { from, to, commits: behind, put_aside: ahead });
        }
        Err(Error::Restless)
    }

    fn keep(&mut self, snapshot: &Snapshot, unpushed: bool) -> Result<(), Error> {
        let branch = &self.options.branch;
        let kept = keep::keep(self.checkout, branch, snapshot, unpushed, Timestamp::now())?;
        if let Some(kept) = kept {
            (self.tell)(Event::Kept(kept));
        }
        Ok(())
    }

    /// Makes sure that nothing is overwritten that git would overwrite without a word.
    fn look(&self) -> Result<Snapshot, Error> {
        let snapshot = Snapshot::take(self.checkout, self.studio, &self.target, Purpose::Carry)?;
        if snapshot.in_the_way.is_empty() {
            return Ok(snapshot);
        }
        let paths = snapshot.in_the_way.into_iter().collect();
        Err(Error::InTheWay { upstream: self.options.upstream(), paths })
    }

    fn fast_forward(&mut self, from: Oid, commits: usize) -> Result<Done, Error> {
        self.look()?;
        self.checkout.check(&self.options.branch, &self.options.remote)?;
        let merged =
            self.as_person(["merge", "--ff-only", "--quiet", self.target.as_str()])?.output();
        match merged {
            Ok(_) => Ok(Done::Moved { from, to: self.target.clone(), commits, put_aside: 0 }),
            Err(source @ GitError::Failed { .. }) => {
                Err(Error::Blocked { upstream: self.options.upstream(), source })
            }
            Err(other) => Err(other.into()),
        }
    }

    /// Brings both sides together by rebase or merge, and pushes what comes of it.
    fn combine(&mut self, head: &Oid, behind: usize) -> Result<Done, Error> {
        let strategy = self.options.strategy;
        let upstream = self.options.upstream();
        let mut snapshot = self.look()?;
        if snapshot.tracked_differ() {
            return Err(Error::Dirty { upstream, strategy });
        }
        if snapshot.head != *head {
            return Err(Error::Moved);
        }
        if strategy == Strategy::Rebase {
            self.keep(&snapshot, true)?;
        }
        self.checkout.check(&self.options.branch, &self.options.remote)?;
        let again = self.look()?;
        if again != snapshot {
            snapshot = again;
            self.keep(&snapshot, true)?;
            return Err(Error::Restless);
        }
        let target = self.target.as_str();
        let combined = match strategy {
            Strategy::Rebase => self.as_person(["rebase", "--quiet", target])?,
            _ => {
                let message = format!("Merge {upstream}");
                self.as_person(["merge", "--quiet", "--no-edit", "-m", &message, target])?
            }
        };
        if let Err(source) = combined.output() {
            return Err(self.take_back(head, source));
        }
        let now = self.checkout.head()?;
        let (ahead, _) = self.checkout.count(&now, &self.target)?;
        if ahead == 0 {
            let (from, to) = (head.clone(), now);
            return Ok(Done::Moved { from, to, commits: behind, put_aside: 0 });
        }
        self.push(now, ahead, behind)
    }

    /// Takes a rebase or merge back that did not come to its end.
    fn take_back(&self, head: &Oid, source: GitError) -> Error {
        let strategy = self.options.strategy;
        let upstream = self.options.upstream();
        let (trace, command) = match strategy {
            Strategy::Rebase => (["rebase-merge", "rebase-apply"], "rebase"),
            _ => (["MERGE_HEAD", "MERGE_HEAD"], "merge"),
        };
        let left = |it: &&str| self.checkout.git_dir.join(it).symlink_metadata().is_ok();
        if trace.iter().any(left) {
            let abort = self.checkout.git.call([command, "--abort"]).output();
            if let Err(abort) = abort {
                return Error::NotTakenBack { strategy, source, abort: abort.to_string() };
            }
        }
        let is_as_it_was = || -> Result<bool, Error> {
            self.checkout.check_index_lock()?;
            // Tracked files had no changes when it began.
            Ok(self.checkout.head()? == *head && self.checkout.status()?.changed == 0)
        };
        match is_as_it_was() {
            Ok(true) => Error::Conflict { upstream, strategy, source },
            Ok(false) | Err(Error::IndexLock { .. }) => {
                Error::HalfDone { strategy, source, head: head.clone() }
            }
            Err(error) => error,
        }
    }

    fn push(&mut self, head: Oid, ahead: usize, taken: usize) -> Result<Done, Error> {
        let Options { remote, branch, .. } = self.options;
        let git = self.checkout.git.asking_nothing()?;
        // Without `+`: what is there and not here makes it fail.
        let what = format!("{head}:refs/heads/{branch}");
        let call = git.call(["push", "--quiet", remote, &what]).with_hooks().with_submodules();
        match call.waiting_for_others().output() {
            Ok(_) => Ok(Done::Pushed { to: head, commits: ahead, taken }),
            Err(source @ GitError::Failed { .. }) => {
                Err(Error::Push { upstream: self.options.upstream(), ahead, source })
            }
            Err(other) => Err(other.into()),
        }
    }

    /// A run of git with hooks, but with submodules left alone, and with a name for its commits
    /// where the user has given none.
    fn as_person<const N: usize>(&self, arguments: [&str; N]) -> Result<Call<'_>, GitError> {
        let git = &self.checkout.git;
        let call = git.call(arguments).with_hooks();
        let named = git.call(["var", "GIT_COMMITTER_IDENT"]).answer()?.code == 0;
        Ok(if named { call } else { keep::signed(call) })
    }

    pub(super) fn tell_of_submodules(&mut self) -> Result<(), Error> {
        for path in self.checkout.status()?.submodules {
            let path = String::from_utf8_lossy(&path).replace(char::is_control, "\u{fffd}");
            let note =
                format!("the submodule {path} has changes inside; they are left as they are");
            (self.tell)(Event::Note(note));
        }
        Ok(())
    }
}
