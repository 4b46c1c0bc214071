//! `sync --every`: goes on, whatever fails, until it is told to stop.

use std::{
    fs,
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::repo::{Repo, wait_for};

/// A running loop, ended when dropped.
struct Loop<'a> {
    child: Child,
    repo: &'a Repo,
}

impl<'a> Loop<'a> {
    fn start(repo: &'a Repo, mut command: Command) -> Self {
        let log = fs::File::create(repo.path("home/log")).unwrap();
        Self { child: command.stdout(Stdio::null()).stderr(log).spawn().unwrap(), repo }
    }

    #[track_caller]
    fn wait_for_log(&self, text: &str) {
        wait_for(text, || self.repo.read("home/log").contains(text).then_some(()));
    }

    fn end(&mut self, signal: Signal) -> i32 {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Loop<'_> {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_follows_the_remote_through_errors_until_told_to_stop() {
    for signal in [Signal::TERM, Signal::INT] {
        let repo = Repo::new();
        let mut following = Loop::start(&repo, repo.command_in("mine", &["--every", "50ms"]));
        following.wait_for_log("following origin/main every 50ms");
        following.wait_for_log("in step with origin/main");
        fs::rename(repo.path("remote.git"), repo.path("away.git")).unwrap();
        following.wait_for_log("cannot fetch from origin, so nothing was touched");
        fs::rename(repo.path("away.git"), repo.path("remote.git")).unwrap();
        repo.write("mine/untracked", "u");
        repo.they_push("new", "new");
        following.wait_for_log("sync kept 1 untracked file");
        following
            .wait_for_log(&format!("in step with origin/main at {}", &repo.remote_head()[..7]));
        assert_eq!(repo.read("mine/new"), "new");
        assert_eq!(following.end(signal), 0);
        assert!(repo.read("home/log").contains("told to stop"));
    }
}

#[test]
fn it_ends_while_it_waits() {
    let repo = Repo::new();
    let mut following = Loop::start(&repo, repo.command_in("mine", &["--every", "1000h"]));
    following.wait_for_log("in step with origin/main");
    assert_eq!(following.end(Signal::TERM), 0);
}
