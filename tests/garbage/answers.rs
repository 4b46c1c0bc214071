//! What services and PM2's daemon answer.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    os::unix::net::UnixListener,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use jiff::Timestamp;
use redundancy::{
    config::{self, Project},
    core::{
        plan::{Asker, Consent, Plan, plan},
        resource::{Desired, Observed},
    },
    provider::{Error, Provider, github::Github, netlify::Netlify, pm2::Pm2},
};
use tempfile::TempDir;

use crate::{each_damaged, each_damaged_text};

/// A variable that cargo sets. What is in it is of no matter: nobody is there to check a token.
const SOME_TOKEN: &str = "CARGO_PKG_NAME";

/// A service on this machine. What it answers is a text of parts, each below a line `== PATH`.
struct Service {
    address: String,
    answers: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
}

impl Service {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (answers, asked) = (Arc::<Mutex<String>>::default(), Arc::<AtomicUsize>::default());
        let service = Self { address, answers: Arc::clone(&answers), asked: Arc::clone(&asked) };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                asked.fetch_add(1, Ordering::Relaxed);
                // Whoever asked may be gone.
                drop(answer(&stream, &answers.lock().unwrap()));
            }
        });
        service
    }

    fn says(&self, text: &str) {
        text.clone_into(&mut self.answers.lock().unwrap());
    }
}

/// Answers one question with the part whose path is the end of what is asked for, or with all that there is where damage took
/// the path.
fn answer(stream: &TcpStream, answers: &str) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let asked = lines.next().transpose()?.unwrap_or_default();
    let path = asked.split([' ', '?']).nth(1).unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let parts = answers.split("== ").filter_map(|it| it.split_once('\n'));
    let mut of_path = parts.filter(|(of, _)| !of.is_empty() && path.ends_with(of)).map(|it| it.1);
    let body = of_path.next().unwrap_or(answers);
    // Its length is told by its end.
    let mut stream = stream;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

fn project(folder: &TempDir, config: &str) -> Project {
    let (config, _) = config::parse(config).unwrap();
    Project { root: folder.path().to_owned(), config }
}

fn write(folder: &TempDir, path: &str, text: &str) {
    let path = folder.path().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn now() -> Timestamp {
    "2026-01-10T12:00:00Z".parse().unwrap()
}

/// Looks and plans, and makes nothing.
fn look(provider: &dyn Provider) -> Result<Plan, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let seen = runtime.block_on(provider.observe(now()))?;
    let (mut desired, mut observed) = (Desired::default(), Observed::default());
    desired.set(provider.name(), provider.desire(&seen));
    observed.set(provider.name(), Ok(seen));
    Ok(plan(&desired, &observed, Asker::Person, &Consent::default(), now()))
}

const GITHUB: &str = r#"== /repos/o/n
{"default_branch": "main", "archived": false, "fork": false, "private": true}
== /actions/workflows
{"total_count": 2, "workflows": [
 {"id": 1, "name": "CI", "path": ".github/workflows/ci.yml", "state": "active", "created_at": "2025-01-01T00:00:00Z", "updated_at": "2025-01-01T00:00:00Z"},
 {"id": 2, "name": "CI (backup)", "path": ".github/workflows/ci-backup.yml", "state": "disabled_inactivity", "created_at": "2025-01-01T00:00:00.000Z", "updated_at": "2025-01-01T00:00:00Z"}]}
== runs
{"total_count": 2, "workflow_runs": [
 {"id": 11, "workflow_id": 1, "run_attempt": 2, "event": "schedule", "status": "completed", "conclusion": "failure", "head_branch": "main", "head_sha": "abc",
  "created_at": "2026-01-10T04:00:00Z", "run_started_at": "2026-01-10T04:10:00Z", "updated_at": "2026-01-10T04:20:00Z", "html_url": "https://example.com/11"},
 {"id": 12, "workflow_id": 2, "event": "workflow_dispatch", "status": "in_progress", "conclusion": null, "head_branch": "main", "head_sha": "abc",
  "created_at": "2026-01-10T05:00:00Z", "updated_at": "2026-01-10T05:20:00Z", "html_url": "https://example.com/12"}]}
== jobs
{"total_count": 0, "jobs": []}
"#;

#[test]
fn answers_of_github() {
    let (service, folder) = (Service::new(), tempfile::tempdir().unwrap());
    let cron = "name: CI\non:\n  schedule:\n    - cron: '0 4 * * *'\njobs:\n  a:\n    runs-on: x\n    steps: [{run: x}]\n";
    write(&folder, ".github/workflows/ci.yml", cron);
    let project = project(
        &folder,
        &format!(
            "[github]\nrepository = 'o/n'\napi_url = '{}'\ntoken_env = '{SOME_TOKEN}'\n\
             [[workflow]]\nbacks_up = 'ci.yml'\n",
            service.address
        ),
    );
    service.says(GITHUB);
    assert!(look(&Github::new(&project)).is_ok());
    assert!(service.asked.load(Ordering::Relaxed) > 2, "it did not ask");
    each_damaged_text("answers of GitHub", 500, &[GITHUB], |text| {
        service.says(text);
        // What it does not understand is an error.
        drop(look(&Github::new(&project)));
    });
}

const NETLIFY: &str = r#"== /sites/app.netlify.app
{"id": "1", "name": "app", "ssl_url": "https://127.0.0.1:1", "url": "http://127.0.0.1:1", "published_deploy": {"id": "d2", "state": "ready", "context": "production",
 "created_at": "2026-01-10T04:00:00Z", "published_at": "2026-01-10T04:10:00Z", "available_functions": [{"n": "hello"}, {"n": "hello-backup"}]}}
== deploys
[{"id": "d3", "state": "error", "context": "production", "created_at": "2026-01-10T05:00:00Z", "error_message": "Build failed", "locked": null, "skipped": true},
 {"id": "d2", "state": "ready", "context": "production", "created_at": "2026-01-10T04:00:00Z", "published_at": "2026-01-10T04:10:00.000Z", "commit_ref": "abc"},
 {"id": "d1", "state": "old", "context": "deploy-preview", "created_at": "2026-01-09T04:00:00Z", "draft": true, "deploy_ssl_url": "https://127.0.0.1:1"}]
== functions
{"functions": [{"n": "hello"}, {"name": "hello-backup"}]}
"#;

#[test]
fn answers_of_netlify() {
    let (service, folder) = (Service::new(), tempfile::tempdir().unwrap());
    write(
        &folder,
        "netlify/functions/hello.mjs",
        "export default async () => new Response('x');\n",
    );
    let project = project(
        &folder,
        &format!(
            "[netlify]\nsite = 'app.netlify.app'\napi_url = '{}'\ntoken_env = '{SOME_TOKEN}'\n\
             [[function]]\nbacks_up = '*'\nsnapshot = 'files'\n",
            service.address
        ),
    );
    service.says(NETLIFY);
    assert!(look(&Netlify::new(&project)).is_ok());
    assert!(service.asked.load(Ordering::Relaxed) > 0, "it did not ask");
    each_damaged_text("answers of Netlify", 500, &[NETLIFY], |text| {
        service.says(text);
        drop(look(&Netlify::new(&project)));
    });
}

/// A daemon at `home` that says `reply` to everybody's first call and its version to the second, and no more.
fn daemon(home: &Path, reply: Arc<Mutex<Vec<u8>>>) {
    let calls = UnixListener::bind(home.join("rpc.sock")).unwrap();
    thread::spawn(move || {
        for mut stream in calls.incoming().flatten() {
            let said =
                [reply.lock().unwrap().clone(), self::reply(2, r#"{"args": ["7.0.4"]}"#)].concat();
            // All at once, so that nobody waits for what a damaged length promises. Whoever asked may be gone.
            drop(stream.write_all(&said));
            drop(stream.shutdown(Shutdown::Write));
            thread::spawn(move || std::io::copy(&mut stream, &mut std::io::sink()));
        }
    });
}

/// A reply of PM2's daemon to its call of this number: see `provider/pm2/wire.rs`.
fn reply(number: u32, json: &str) -> Vec<u8> {
    let mut frame = vec![0x12];
    for argument in [format!("j:{json}"), format!("s:{number}")] {
        frame.extend(u32::try_from(argument.len()).unwrap().to_be_bytes());
        frame.extend(argument.bytes());
    }
    frame
}

const LIST: &str = r#"{"args": [[
 {"pm_id": 0, "name": "web", "pid": 999999999, "monit": {"memory": 5, "cpu": 1.5}, "pm2_env": {"status": "online", "pm_uptime": 1767000000000, "restart_time": 3,
  "exec_mode": "fork_mode", "node_args": [], "args": ["a"], "pm_exec_path": "/bin/true", "pm_cwd": "/", "autorestart": true, "env": {"A": "1"}, "axm_monitor": {}}},
 {"pm_id": "_old_1", "name": "web", "pid": null, "monit": {}, "pm2_env": {"status": "stopped", "instances": 2, "exec_mode": "cluster_mode", "created_at": null}}]]}"#;

#[test]
fn replies_of_pm2() {
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "runner = 'pm2'\n[pm2]\nhome = '{}'\n[[process]]\nname = 'web'\ncommand = ['x']\n",
        folder.path().display()
    );
    let (project, said) = (project(&folder, &config), Arc::new(Mutex::new(Vec::new())));
    daemon(folder.path(), Arc::clone(&said));
    let sound = reply(1, LIST);
    *said.lock().unwrap() = sound.clone();
    let seen = look(&Pm2::new(&project));
    assert!(seen.is_ok(), "{seen:?}");
    each_damaged(
        "replies of PM2",
        500,
        &[sound, reply(1, r#"{"error": "no", "stack": ""}"#)],
        |bytes| {
            bytes.clone_into(&mut said.lock().unwrap());
            drop(look(&Pm2::new(&project)));
        },
    );
    // What is in a sound frame comes to who reads lists.
    each_damaged_text("lists of PM2", 500, &[LIST], |text| {
        *said.lock().unwrap() = reply(1, text);
        drop(look(&Pm2::new(&project)));
    });
}
