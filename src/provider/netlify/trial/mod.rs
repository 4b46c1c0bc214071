//! `redundancy test`: functions are bundled as Netlify bundles them, loaded in a process of their own
//! and, backups always and primaries where the config says with what, called.

mod bundler;
mod call;
mod group;
mod node;
mod output;
mod packages;
mod run;
mod subject;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::MetadataExt as _,
    path::Path,
    time::Duration,
};

use jiff::Timestamp;

pub(in crate::provider::netlify) use self::bundler::PACKAGE as BUNDLER;
use self::{
    bundler::{Bundle, Bundler},
    call::Call,
    node::Node,
    run::{End, Job},
    subject::{State, Subject, Subjects},
};
use super::{
    look::Look,
    tools::in_path,
    verdicts::{Verdict, Verdicts, key},
};
use crate::{
    config::model::FunctionTest,
    core::{
        digest::Digest,
        id::Name,
        trial::{Outcome, Trial},
    },
    provider::{
        Error,
        files::{blocking, shown},
    },
};

/// The version of how functions are tried. Raise it when what has passed has to be tried again.
const VERSION: &str = "test/1";

/// How long a function may take to be loaded, and to answer, where the config does not say.
const LIMIT: Duration = Duration::from_secs(10);

/// What package managers write down about the packages of a project, and who does.
const LOCKS: [(&str, &str); 5] = [
    ("package-lock.json", "npm"),
    ("npm-shrinkwrap.json", "npm"),
    ("yarn.lock", "yarn"),
    ("pnpm-lock.yaml", "pnpm"),
    ("bun.lock", "bun"),
];

/// What came of trying one.
struct Finding {
    outcome: Outcome,
    why: String,
}

impl Finding {
    fn passed(why: &str) -> Self {
        Self { outcome: Outcome::Passed, why: why.to_owned() }
    }

    fn failed(why: String) -> Self {
        Self { outcome: Outcome::Failed, why }
    }

    fn not_tested(why: String) -> Self {
        Self { outcome: Outcome::NotTested, why }
    }
}

/// Which Node.js tests are run by, and where it is; or why there is none.
pub(super) async fn node() -> Result<String, String> {
    let node = Node::find().await?;
    Ok(format!("{} in {}", node.version, node.program.display()))
}

/// Tries the functions called `names`, or all primaries that the config names and all backups.
pub(super) async fn all(
    look: &Look,
    names: &[Name],
    anew: bool,
    now: Timestamp,
) -> Result<Vec<Trial>, Error> {
    let (looking, asked) = (look.clone(), names.to_vec());
    let subjects = blocking(move || subject::all(&looking, &asked)).await?;
    let verdicts = Verdicts::new(&look.state_dir);
    let mut bench = Bench::default();
    let mut trials = Vec::new();
    for subject in &subjects.list {
        let test = &look.test(&subject.stem);
        let tried_with = tried_with(look, &subjects, test);
        let digest = subject.digest.map(|it| key(&it, test));
        let known = digest.filter(|_| !anew).and_then(|it| verdicts.read(&it));
        let known =
            known.filter(|it| it.passed && it.tried_with == tried_with && tried_with.is_some());
        if let Some(known) = known {
            let why = format!("{}; nothing of it has changed since", known.why);
            let at = Some(known.at);
            trials.push(Trial { name: subject.name.clone(), outcome: Outcome::Passed, why, at });
            continue;
        }
        let mut finding = match &subject.state {
            State::Broken(why) => Finding::failed(why.clone()),
            State::Unfit(why) => Finding::not_tested(why.clone()),
            State::Ready => bench.one(look, &subjects, subject, test).await,
        };
        // A zip file has all that it needs in it.
        if finding.outcome == Outcome::Failed
            && !subject.is_zip()
            && let Some(why) = packages::lacking(&look.reader.root, &subject.entry, &finding.why)
        {
            finding = Finding::not_tested(format!("{}: {why}", shown(&subject.main)));
        }
        let at = (finding.outcome != Outcome::NotTested).then_some(now);
        let kept = match (digest, at) {
            (None, _) => Ok(()),
            (Some(digest), None) => verdicts.forget_failure(&digest),
            (Some(digest), Some(at)) => {
                let verdict = Verdict {
                    passed: finding.outcome == Outcome::Passed,
                    why: finding.why.clone(),
                    at,
                    tool: bench.tools(),
                    tried_with,
                };
                verdicts.write(&digest, &verdict)
            }
        };
        kept.map_err(|error| {
            Error::Passing(format!(
                "what came of testing {} can't be kept in {}: {error}",
                subject.name,
                look.state_dir.display()
            ))
        })?;
        let Finding { outcome, why } = finding;
        trials.push(Trial { name: subject.name.clone(), outcome, why, at });
    }
    bench.end().await;
    Ok(trials)
}

/// The digest of what functions are tried with, beside what they consist of; none where a program is
/// missing. Runs nothing.
fn tried_with(look: &Look, subjects: &Subjects, test: &FunctionTest) -> Option<Digest> {
    let bundler = subjects.tools.find(&bundler::PACKAGE)?;
    let node = fs::canonicalize(in_path("node")?).ok()?;
    let of_node = fs::metadata(&node).ok()?;
    let mut parts: Vec<Vec<u8>> = vec![
        VERSION.into(),
        serde_json::to_vec(test).ok()?,
        subjects.functions.to_string().into(),
        bundler::version(&bundler).ok()?.into(),
        node.into_os_string().into_encoded_bytes(),
        format!("{} {}", of_node.len(), of_node.mtime()).into(),
    ];
    let folders: BTreeSet<&Path> = subjects.tools.folders.iter().map(AsRef::as_ref).collect();
    let folders = folders.into_iter().chain([look.reader.root.as_path()]);
    parts.extend(folders.flat_map(|it| LOCKS.map(|(lock, _)| it.join(lock))).map(|it| {
        // One that can't be read is as good as none.
        fs::read(it).map_or_else(|_| Vec::new(), |text| Digest::of([text]).to_string().into())
    }));
    Some(Digest::of(parts))
}

/// The programs, got when the first function needs them.
#[derive(Default)]
struct Bench {
    node: Option<Result<Node, String>>,
    bundler: Option<Result<Bundler, String>>,
}

impl Bench {
    /// Tries one function.
    async fn one(
        &mut self,
        look: &Look,
        subjects: &Subjects,
        subject: &Subject,
        test: &FunctionTest,
    ) -> Finding {
        let node = match &self.node {
            Some(node) => node.clone(),
            None => self.node.insert(Node::find().await).clone(),
        };
        let node = match node {
            Ok(node) => node,
            Err(why) => return Finding::not_tested(why),
        };
        // One that has ended, whatever of, is begun anew.
        if matches!(&self.bundler, Some(Ok(bundler)) if bundler.has_ended()) {
            self.end().await;
        }
        let bundler = match &mut self.bundler {
            Some(bundler) => bundler,
            none => none.insert(Bundler::begin(&node, subjects).await),
        };
        let bundler = match bundler {
            Ok(bundler) => bundler,
            Err(why) => return Finding::not_tested(why.clone()),
        };
        let main = shown(&subject.main);
        let bundle = match bundler.bundle(&subject.function, &subject.entry).await {
            Ok(Ok(bundle)) => bundle,
            Ok(Err(why)) => {
                return Finding::failed(format!("{main}: Netlify's bundler refuses it: {why}"));
            }
            Err(why) => return Finding::not_tested(format!("{main}: {why}")),
        };
        let finding = run(&node, bundler, &bundle, subject, test).await;
        if let Err(error) = fs::remove_dir_all(&bundle.folder) {
            tracing::debug!("cannot remove {}: {error}", bundle.folder.display());
        }
        if !subject.is_as_before(look) {
            let why = "it has changed while it was tested; test it again";
            return Finding::not_tested(format!("{main}: {why}"));
        }
        finding
    }

    /// Ends what it has begun.
    async fn end(&mut self) {
        if let Some(Ok(bundler)) = self.bundler.take() {
            bundler.end().await;
        }
    }

    fn tools(&self) -> BTreeMap<String, String> {
        let node = self.node.iter().flatten().map(|it| ("node".to_owned(), it.version.clone()));
        let bundler = self.bundler.iter().flatten();
        let bundler = bundler.map(|it| (bundler::PACKAGE.name.to_owned(), it.version.clone()));
        node.chain(bundler).collect()
    }
}

async fn run(
    node: &Node,
    bundler: &Bundler,
    bundle: &Bundle,
    subject: &Subject,
    test: &FunctionTest,
) -> Finding {
    let limit = test.timeout.map_or(LIMIT, |it| it.0);
    let probe = subject.is_backup.then(|| Call::probe(limit));
    let event = test.calls().then(|| Call::of(test, limit));
    let calls: Vec<Call> = probe.into_iter().chain(event).collect();
    let main = shown(&subject.main);
    let job = Job { bundle, name: &subject.function, calls: &calls, env: &test.env, limit };
    match run::run(node, bundler.home(), &job).await {
        Ok(End::Answered(answers)) => judged(&main, bundle, &calls, &answers),
        Ok(End::Failed(why)) => Finding::failed(format!("{main}: {why}")),
        Ok(End::Refused(why)) => Finding::not_tested(format!("{main}: {why}")),
        Err(why) => Finding::not_tested(format!("{main}: it could not be run: {why}")),
    }
}

/// Whether these are the answers that were expected.
fn judged(main: &str, bundle: &Bundle, calls: &[Call], answers: &[run::Answer]) -> Finding {
    for (call, answer) in calls.iter().zip(answers) {
        let told = answer.told.as_ref().map(|it| format!(": {it}")).unwrap_or_default();
        match answer.status {
            Some(status) if status == call.status => {}
            // Nobody waits for the answer of what works by a schedule or in the background.
            None if bundle.deferred => {}
            Some(status) => {
                return Finding::failed(format!(
                    "{main}: {call} is answered with {status} and not with {}{told}",
                    call.status
                ));
            }
            None => return Finding::failed(format!("{main}: {call} is answered with no status")),
        }
    }
    match calls {
        [] => Finding::passed("it can be bundled and loaded"),
        calls => {
            let calls: Vec<String> = calls.iter().map(ToString::to_string).collect();
            let what = calls.join(" and ");
            Finding::passed(&format!("it can be bundled and loaded, and answers {what}"))
        }
    }
}
