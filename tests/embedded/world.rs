//! A project in a folder of its own, and a small controller around its embedded processes.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use redundancy::{
    config::{Project, parse},
    core::{
        change::{Change, Reason, Step},
        digest::Digest,
        id::{Id, Name},
        plan::{Asker, Consent, Plan, plan},
        resource::{Actual, Desired, Observed, Sightings, Status},
    },
    provider::{Error, Provider, embedded::Embedded},
};
use rustix::process::{Pid, Signal, kill_process};

/// How long anything may take before a test gives up on it.
const LIMIT: Duration = Duration::from_secs(30);

pub(crate) struct World {
    folder: tempfile::TempDir,
    pub(crate) embedded: Embedded,
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

impl World {
    /// A project with this `redundancy.toml`.
    pub(crate) fn new(toml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let embedded = Embedded::new(&project(&folder, toml));
        Self { folder, embedded }
    }

    /// Another config from now on, for the same controller.
    pub(crate) fn configure(&mut self, toml: &str) {
        self.embedded.configure(&project(&self.folder, toml));
    }

    /// A new controller, as after a restart of the program.
    pub(crate) fn begin_anew(&mut self, toml: &str) {
        self.embedded = Embedded::new(&project(&self.folder, toml));
    }

    /// One more controller beside the first.
    pub(crate) fn another(&self, toml: &str) -> Embedded {
        Embedded::new(&project(&self.folder, toml))
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(path)
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    pub(crate) fn record(&self, process: &str) -> PathBuf {
        self.path(&format!(".redundancy/embedded/{process}.json"))
    }

    /// The pid that the record of a process speaks of.
    pub(crate) fn pid_of_record(&self, process: &str) -> u32 {
        let text = fs::read_to_string(self.record(process)).unwrap();
        let record: serde_json::Value = serde_json::from_str(&text).unwrap();
        let pid = &record["run"]["started"]["process"]["pid"];
        pid.as_u64().unwrap().try_into().unwrap()
    }

    pub(crate) async fn observe(&self) -> Sightings {
        self.embedded.observe(Timestamp::now()).await.unwrap()
    }

    pub(crate) async fn actual(&self, process: &str) -> Actual {
        self.observe().await.remove(&name(process)).unwrap()
    }

    pub(crate) async fn status(&self, process: &str) -> Status {
        self.actual(process).await.status
    }

    /// The pid of a process that runs.
    pub(crate) async fn pid(&self, process: &str) -> u32 {
        match self.status(process).await {
            Status::Running { pid, .. } => pid,
            other => panic!("{process} does not run: {other:?}"),
        }
    }

    pub(crate) async fn apply(&self, process: &str, change: &Change) -> Result<(), Error> {
        self.embedded.apply(&name(process), change, Timestamp::now()).await
    }

    /// What `asker` would do at `now`.
    pub(crate) async fn plan(&self, asker: Asker, now: Timestamp) -> Plan {
        let seen = self.embedded.observe(now).await.unwrap();
        let (mut desired, mut observed) = (Desired::default(), Observed::default());
        desired.set(self.embedded.name(), self.embedded.desire(&seen));
        observed.set(self.embedded.name(), Ok(seen));
        let consent = Consent { deletions: usize::MAX, ..Consent::default() };
        plan(&desired, &observed, asker, &consent, now)
    }

    /// Observes, plans and applies once. The plan, and what failed.
    pub(crate) async fn pass_at(
        &self,
        asker: Asker,
        now: Timestamp,
    ) -> (Plan, BTreeMap<Id, Error>) {
        let mut plan = self.plan(asker, now).await;
        // How often recovery is tried is the business of a whole watch.
        let recovers =
            |lane: &Vec<Step>| lane.iter().any(|it| matches!(it.reason, Reason::Recovery { .. }));
        plan.lanes.retain(|lane| asker == Asker::Person || !recovers(lane));
        let mut failed = BTreeMap::new();
        for lane in &plan.lanes {
            for step in lane {
                if let Err(error) = self.embedded.apply(&step.id.name, &step.change, now).await {
                    failed.insert(step.id.clone(), error);
                    break;
                }
            }
        }
        (plan, failed)
    }

    /// One pass of the watch, in which nothing may fail: what it did, as `verb name`.
    pub(crate) async fn pass(&self) -> Vec<String> {
        let (plan, failed) = self.pass_at(Asker::Watch, Timestamp::now()).await;
        assert!(failed.is_empty(), "{failed:?}");
        verbs(&plan)
    }

    /// Waits by the kernel's word alone until a process is as `done` says.
    pub(crate) async fn woken_until(
        &self,
        process: &str,
        done: impl Fn(&Status) -> bool,
    ) -> Status {
        tokio::time::timeout(LIMIT, async {
            loop {
                let status = self.status(process).await;
                if done(&status) {
                    return status;
                }
                self.embedded.woken().await;
            }
        })
        .await
        .expect("the process gets there in time")
    }

    /// Passes of the watch, each at the kernel's word, until a process is as `done` says.
    pub(crate) async fn watch_until(&self, process: &str, done: impl Fn(&Status) -> bool) {
        tokio::time::timeout(LIMIT, async {
            loop {
                self.pass_at(Asker::Watch, Timestamp::now()).await;
                if done(&self.status(process).await) {
                    return;
                }
                // A rest is ended by the clock, not by the kernel.
                let rest = Duration::from_millis(5);
                tokio::select! {
                    () = self.embedded.woken() => {}
                    () = tokio::time::sleep(rest) => {}
                }
            }
        })
        .await
        .expect("the process gets there in time");
    }

    /// Every living process of this project.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let root = self.folder.path().canonicalize().unwrap();
        let state = root.join(".redundancy");
        let scope = Digest::of([&root, &state].map(|it| it.as_os_str().as_encoded_bytes()));
        let mark = format!("REDUNDANCY_MARK={scope}:");
        let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| {
            let pid: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let environ = environ(pid)?;
            environ.split(|b| *b == 0).any(|it| it.starts_with(mark.as_bytes())).then_some(pid)
        });
        pids.filter(|pid| *pid != std::process::id()).collect()
    }
}

/// The environment of a process. One that has just been started gets it a moment later.
fn environ(pid: u32) -> Option<Vec<u8>> {
    let read = |file: &str| fs::read(format!("/proc/{pid}/{file}")).ok();
    for _ in 0..1000 {
        let environ = read("environ")?;
        let stat = String::from_utf8_lossy(&read("stat")?).into_owned();
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        if !environ.is_empty() || fields[20] == "0" || fields[48] != "0" {
            return Some(environ);
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    None
}

impl Drop for World {
    fn drop(&mut self) {
        // Again, for what was being started meanwhile.
        for _ in 0..3 {
            for pid in self.processes() {
                let _ = kill_process(raw(pid), Signal::KILL);
            }
        }
    }
}

fn project(folder: &tempfile::TempDir, toml: &str) -> Project {
    let (config, _) = parse(&format!("runner = \"embedded\"\n{toml}")).unwrap();
    Project { root: folder.path().canonicalize().unwrap(), config }
}

pub(crate) fn verbs(plan: &Plan) -> Vec<String> {
    plan.steps().map(|it| format!("{} {}", it.change.verb(), it.id.name)).collect()
}

fn raw(pid: u32) -> Pid {
    Pid::from_raw(pid.try_into().unwrap()).unwrap()
}

/// Ends a process of the test as nobody should.
pub(crate) fn kill_9(pid: u32) {
    kill_process(raw(pid), Signal::KILL).unwrap();
}

/// Whether a process runs; a zombie does not.
pub(crate) fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Waits until `done`.
pub(crate) async fn until(what: &str, done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < LIMIT, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

pub(crate) fn runs(status: &Status) -> bool {
    matches!(status, Status::Running { .. })
}

pub(crate) fn is_down(status: &Status) -> bool {
    matches!(status, Status::Down { .. })
}
