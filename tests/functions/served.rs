//! Functions and their backups behind Netlify's own local server of functions: they answer the same, and a
//! backup goes on answering when its primary is broken.

use std::{
    fs::File,
    net::TcpListener,
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::{
    parts,
    site::{PATIENT, Site},
};

/// How long the server may take to begin, and to serve what has changed: far longer than it does.
const LONG: Duration = Duration::from_mins(3);

const FILES: [(&str, &str); 4] = [
    ("package.json", include_str!("../node/netlify/package.json")),
    ("package-lock.json", include_str!("../node/netlify/package-lock.json")),
    (".npmrc", include_str!("../node/.npmrc")),
    ("loopback.cjs", include_str!("../node/netlify/loopback.cjs")),
];

/// One of each form, each of which says what it was asked.
const FUNCTIONS: [(&str, &str); 10] = [
    (
        "common.js",
        "const { say } = require('./lib/say.js')\n\
         exports.handler = async (event) => say(event.httpMethod, event.queryStringParameters, event.body)",
    ),
    (
        "lib/say.js",
        "exports.say = (...what) => ({ statusCode: 201, headers: { 'x-own': 'yes' }, body: JSON.stringify(what) })",
    ),
    (
        "callback.cjs",
        "exports.handler = (event, context, callback) => { setTimeout(callback, 1, null, { statusCode: 200, body: event.body ?? 'none' }) }",
    ),
    (
        "module.mjs",
        "export const handler = async (event) => ({ statusCode: 404, body: event.path.split('/').length + 'x' })",
    ),
    (
        "typed.ts",
        "type Answer = { statusCode: number; body: string; isBase64Encoded: boolean }\n\
         export const handler = async (): Promise<Answer> => ({ statusCode: 200, body: btoa('bytes'), isBase64Encoded: true })",
    ),
    (
        "web.mjs",
        "export default async (request) => Response.json([request.method, new URL(request.url).search, await request.text()], { status: 202 })",
    ),
    (
        "web-typed.mts",
        "export default async (request: Request) => new Response(request.headers.get('x-own'), { headers: { 'x-own': 'too' } })",
    ),
    (
        "web-stream.mjs",
        "export default async () => new Response(new ReadableStream({
           start(to) { to.enqueue(new TextEncoder().encode('a')); setTimeout(() => { to.enqueue(new TextEncoder().encode('b')); to.close() }, 20) },
         }))",
    ),
    ("work-background.js", "exports.handler = async () => { console.log('worked') }"),
    (
        "nightly.mjs",
        "export default async () => new Response('done')\nexport const config = { schedule: '@daily' }",
    ),
];

/// What runs in the background has to say so for its backup.
const NETLIFY: &str = "[functions.\"work-background-backup\"]\nbackground = true\n";

/// Netlify's local server, ended with all that it started when dropped.
struct Server {
    child: Child,
    port: u16,
    /// Its home, and what it says.
    dir: TempDir,
}

impl Server {
    fn start(site: &Site) -> Self {
        static PARTS: OnceLock<std::path::PathBuf> = OnceLock::new();
        let parts = PARTS.get_or_init(|| parts::install("netlify", &FILES));
        // Free a moment ago; where another one is quicker, this test says so.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let dir = tempfile::tempdir().unwrap();
        let log = File::create(dir.path().join("log")).unwrap();
        let child = Command::new("node")
            .arg("--require")
            .arg(parts.join("loopback.cjs"))
            .arg(parts.join("node_modules/netlify-cli/bin/run.js"))
            .args(["functions:serve", "--offline", "--port", &port.to_string()])
            .current_dir(&site.root)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", dir.path())
            .env("TMPDIR", dir.path())
            .env("CI", "1")
            .env("NETLIFY_CLI_TELEMETRY_DISABLED", "1")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn()
            .expect("these tests need node in PATH");
        Self { child, port, dir }
    }

    /// What a function answers: the status, the headers of its own, and the body. None where nobody does.
    fn ask(&self, function: &str, more: &[&str]) -> Option<String> {
        let url = format!("http://127.0.0.1:{}/.netlify/functions/{function}?of=a&of=b", self.port);
        let form = ["--silent", "--max-time", "30", "--header", "x-own: asked"];
        let written = ["--write-out", "\n%{http_code} %header{x-own} %header{x-redundancy}"];
        let asked = Command::new("curl").args(form).args(written).args(more).arg(url).output();
        let asked = asked.expect("these tests need curl in PATH");
        asked.status.success().then(|| String::from_utf8(asked.stdout).unwrap())
    }

    /// Waits until it answers as it should.
    #[track_caller]
    fn wait_for(&self, function: &str, is_it: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + LONG;
        loop {
            let answer = self.ask(function, &[]);
            if let Some(answer) = answer.as_ref().filter(|it| is_it(it)) {
                return answer.clone();
            }
            let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "{function} never did: {answer:?}\n{log}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let group = Pid::from_child(&self.child);
        // It may have ended by itself.
        let _ = kill_process_group(group, Signal::KILL);
        let _ = self.child.wait();
    }
}

#[test]
fn a_backup_answers_as_its_primary_and_goes_on_when_that_is_broken() {
    let site = Site::new(PATIENT, &FUNCTIONS);
    site.write("netlify.toml", NETLIFY);
    let run = site.run(&["apply", "--yes"]);
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    let (code, rows) = site.test(&[]);
    assert_eq!(code, 0, "{rows:#?}");
    assert_eq!(rows.len(), 18, "{rows:#?}");

    let server = Server::start(&site);
    server.wait_for("common", |it| it.contains("201"));
    for (name, _) in FUNCTIONS {
        let Some((name, _)) = name.split_once('.').filter(|_| !name.contains('/')) else {
            continue;
        };
        // Where nobody may call it by hand there is nothing to compare.
        if name == "nightly" {
            continue;
        }
        for more in [&[][..], &["--request", "POST", "--data", "some words"]] {
            let primary = server.ask(name, more).unwrap();
            let backup = server.ask(&format!("{name}-backup"), more).unwrap();
            assert_eq!(primary, backup, "{name} {more:?}");
            assert!(!primary.contains(" 50"), "{name}: {primary}");
        }
    }
    let before = server.ask("common-backup", &[]).unwrap();
    assert!(before.starts_with("[\"GET\",{\"of\":"), "{before}");

    // A file that the primary imports is broken.
    site.write("netlify/functions/lib/say.js", "exports.say = (\n");
    server.wait_for("common", |it| it.contains("\n500 "));
    assert_eq!(server.ask("common-backup", &[]).unwrap(), before);
    let status = site.run(&["status"]).out;
    let row = |name: &str| status.lines().find(|it| it.starts_with(name)).unwrap_or_default();
    let (primary, backup) = (row("netlify/common "), row("netlify/common-backup "));
    assert!(primary.contains(" broken "), "{status}");
    let why = "netlify/common: broken: netlify/functions/lib/say.js:2:";
    assert!(!row(why).is_empty(), "{status}");
    assert!(backup.contains("healthy"), "{status}");
    let plan = site.run(&["plan"]).out;
    assert!(plan.contains("its backup stays as it is"), "{plan}");

    // Mended, and not as it was. The backup follows once that has passed its test.
    site.write(
        "netlify/functions/lib/say.js",
        "exports.say = () => ({ statusCode: 200, body: 'mended' })\n",
    );
    server.wait_for("common", |it| it.starts_with("mended\n200"));
    let plan = site.run(&["plan"]).out;
    assert!(plan.contains("redundancy test"), "{plan}");
    assert_eq!(server.ask("common-backup", &[]).unwrap(), before);
    assert_eq!(site.test(&["netlify/common"]).0, 0);
    let plan = site.run(&["plan"]).out;
    assert!(plan.contains("~ update  netlify/common-backup"), "{plan}");
    let run = site.run(&["apply", "--yes"]);
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    server.wait_for("common-backup", |it| it.starts_with("mended\n200"));
}
