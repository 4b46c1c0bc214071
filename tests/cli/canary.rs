//! A word that must not be seen, in every secret that the program knows, through every verb: it is in
//! nothing that is said, shown, kept or on a command line, in no form of it that a machine might make.

mod traces;

use std::{
    fs,
    io::{Read, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use serde_json::json;

use self::traces::{CommandLines, assert_without, files};
use crate::{
    project::{PROGRAM, Project, Run, wait_for},
    running::Watch,
    server::{Reply, Request, Server, World},
};

/// The word. Letters and digits alone, as these stand as they are in addresses, tokens and JSON.
const WORD: &str = "Kanarienvogel7";

/// What `env` of a process in the config has, and what is in a file of `env_files`. Both are kept where
/// the tool must know them, and nowhere else.
const PLAIN: &str = "Kanarienvogel7-of-the-config";
const FILED: &str = "Kanarienvogel7-of-a-file";

/// Answers everything in the same way, and says who asked: the worst that a service can do.
struct Echo {
    status: u16,
}

impl World for Echo {
    fn answer(&mut self, request: &Request) -> Reply {
        let said = format!("{} {:?} {}", request.target, request.headers, request.text);
        let headers = match self.status {
            307 => vec![("location", format!("/elsewhere{}", request.target))],
            _ => Vec::new(),
        };
        Reply {
            status: self.status,
            headers,
            body: Some(json!({ "message": said, "error": said })),
        }
    }
}

struct Scene {
    project: Project,
    server: Server<Echo>,
}

impl Scene {
    fn new() -> Self {
        let scene =
            Self { project: Project::empty(), server: Server::serve(|_| Echo { status: 500 }) };
        let project = &scene.project;
        project.write(".env", &format!("KEY={FILED}\n"));
        project.write("a.js", "setInterval(() => {}, 1000)\n");
        let workflow = "on: push\njobs:\n  x:\n    runs-on: y\n    steps:\n      - run: one\n";
        project.write(".github/workflows/ci.yml", workflow);
        project.write("netlify/functions/f.mjs", "export default async () => new Response('f');\n");
        // A remote with a password in its address, as some have it.
        let url = scene.server.url().replace("http://", &format!("http://me:{WORD}@"));
        for arguments in [
            &["init", "--quiet", "--initial-branch=main"][..],
            &[
                "-c",
                "user.name=me",
                "-c",
                "user.email=me@here.invalid",
                "commit",
                "--quiet",
                "--allow-empty",
                "--message=one",
            ],
            &["remote", "add", "origin", &format!("{url}/app.git")],
        ] {
            let mut git = Command::new("git");
            git.args(arguments).current_dir(project.root()).env("HOME", project.path("home"));
            let git = git.status();
            assert!(git.unwrap().success(), "{arguments:?}");
        }
        scene.configure("text");
        scene
    }

    fn configure(&self, form: &str) {
        let sinks = ["webhook", "slack", "alertmanager"].map(|kind| {
            let key = if kind == "webhook" { "secret_env = \"HOOK_KEY\"\n" } else { "" };
            format!(
                "[[alerts.sink]]\nkind = \"{kind}\"\nurl_env = \"HOOK\"\n{key}timeout = \"2s\"\n"
            )
        });
        let env = format!("env = {{ TOKEN = \"{PLAIN}\" }}\nenv_files = [\".env\"]\n");
        let url = self.server.url();
        self.project.config(&format!(
            "[failover]\nmax_recovery_attempts = 0\nsettle = \"10ms\"\nhold = \"10ms\"\n\
             [controller]\nemergency_below = 0\n\
             [logs]\nlevel = \"debug\"\nformat = \"{form}\"\n\
             levels = {{ pm2 = \"debug\", github = \"debug\", netlify = \"debug\", embedded = \"debug\" }}\n\
             [github]\nrepository = \"o/n\"\ntoken_env = \"APP_GITHUB\"\napi_url = \"{url}\"\npoll_every = \"1s\"\n\
             [netlify]\nsite = \"0d3a9d2f-ef94-4380-93df-27ee400e2048\"\ntoken_env = \"APP_NETLIFY\"\n\
             api_url = \"{url}\"\nhook_env = \"BUILD_HOOK\"\ndeploy = \"hook\"\npoll_every = \"1s\"\n\
             [update]\nrepository = \"o/n\"\ntoken_env = \"APP_GITHUB\"\napi_url = \"{url}\"\n\
             [metrics]\nsocket = \".redundancy/metrics.sock\"\n\
             [[process]]\nname = \"w\"\ncommand = [\"sleep\", \"1000\"]\n{env}\
             [[process]]\nname = \"b\"\nbacks_up = \"w\"\ncommand = [\"sleep\", \"1000\"]\n{env}\
             [[process]]\nname = \"bad\"\ncommand = [\"false\"]\nmax_restarts = 0\n{env}\
             [[process]]\nname = \"none\"\ncommand = [\"no-such-program\"]\n{env}\
             [[workflow]]\nbacks_up = \"*\"\n[[function]]\nbacks_up = \"*\"\n\
             [alerts]\ncalm = \"10ms\"\nheartbeat_env = \"HOOK\"\n{}\
             [[alerts.sink]]\nkind = \"command\"\ncommand = [\"sh\", \"-c\", \"cat > told; sleep 0.1\"]\n",
            sinks.concat()
        ));
    }

    /// What only the environment knows.
    fn secrets(&self) -> Vec<(&'static str, String)> {
        let long = format!("{WORD}{}", "a1B2c3D4e5F6g7H8i9J0k1L2m3");
        let address = format!("{}/services/{WORD}?key={WORD}", self.server.url());
        vec![
            ("APP_GITHUB", format!("ghp_{}", &long[..36])),
            ("APP_NETLIFY", format!("nfp_{}", &long[..36])),
            ("BUILD_HOOK", format!("{}/build_hooks/{WORD}", self.server.url())),
            ("HOOK", address),
            ("HOOK_KEY", WORD.to_owned()),
        ]
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.project.command(arguments);
        command.envs(self.secrets()).env("HOME", self.project.path("home"));
        // Nothing is fetched, and nothing of this machine's own is written.
        command.env("XDG_CONFIG_HOME", self.project.path("home/config"));
        command.env("npm_config_offline", "true");
        command
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let run = Run::of(self.command(arguments).output().unwrap());
        let said = run.stdout.clone() + &run.stderr;
        assert_without(&format!("{arguments:?}"), said.as_bytes());
        run
    }

    /// Every verb that `--help` names, in each of its forms, while there may be a watch.
    fn every_verb(&self) {
        let help = self.run(&["--help"]).ok().stdout;
        let list = help.split_once("Commands:\n").unwrap().1.split_once("\n\n").unwrap().0;
        let verbs = list.lines().filter(|it| it.starts_with("  ") && !it.starts_with("   "));
        for verb in verbs.map(|it| it.split_whitespace().next().unwrap()) {
            for arguments in in_each_form(verb) {
                let words = arguments.split(' ').filter(|it| !it.is_empty());
                let words: Vec<String> =
                    [verb].into_iter().chain(words).map(|it| it.replace('+', " ")).collect();
                let arguments: Vec<&str> = words.iter().map(String::as_str).collect();
                self.run(&arguments);
            }
        }
        self.run(&["--version"]);
        self.run(&["tell", "--", "false"]);
        // On the whole screen.
        self.live();
    }

    fn live(&self) {
        let size = PtySize { rows: 50, cols: 160, pixel_width: 0, pixel_height: 0 };
        let terminal = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(PROGRAM);
        command.args(["status", "--watch"]);
        command.cwd(self.project.root());
        command.env("TERM", "xterm-256color");
        command.env("PM2_HOME", self.project.path("pm2"));
        for (name, value) in self.secrets() {
            command.env(name, value);
        }
        let mut child = terminal.slave.spawn_command(command).unwrap();
        drop(terminal.slave);
        let shown = Arc::<Mutex<Vec<u8>>>::default();
        let mut output = terminal.master.try_clone_reader().unwrap();
        let into = Arc::clone(&shown);
        let reader = thread::spawn(move || {
            let mut some = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut some) {
                into.lock().unwrap().extend_from_slice(&some[..count]);
            }
        });
        wait_for("the screen", || {
            String::from_utf8_lossy(&shown.lock().unwrap()).contains("none").then_some(())
        });
        let mut keys = terminal.master.take_writer().unwrap();
        // Opens one, closes it, and ends.
        for key in ["\r", "\x1b", "q", "\x03"] {
            // It may be gone by the last one.
            let _ = keys.write_all(key.as_bytes()).and_then(|()| keys.flush());
            thread::sleep(Duration::from_millis(100));
        }
        let ended = wait_for("it ends", || child.try_wait().unwrap());
        drop((keys, terminal.master));
        reader.join().unwrap();
        assert!(ended.success(), "{ended}");
        assert_without("the screen", &shown.lock().unwrap());
    }

    /// Every file of the project, all that the program keeps among them.
    fn assert_files(&self) {
        let mut all = Vec::new();
        files(self.project.root(), &mut all);
        let private = |file: &Path| {
            assert_eq!(
                fs::metadata(file).unwrap().permissions().mode() & 0o077,
                0,
                "{}",
                file.display()
            );
        };
        for file in &all {
            let mut text = fs::read(file).unwrap();
            let name = file.strip_prefix(self.project.root()).unwrap();
            // What of it is meant to be there.
            let meant: &[&str] = if name == Path::new("redundancy.toml") {
                &[PLAIN]
            } else if name == Path::new(".env") {
                &[FILED]
            } else if name.starts_with(".redundancy/generations") {
                private(file);
                &[PLAIN]
            } else if name.starts_with(".redundancy/embedded") {
                private(file);
                &[PLAIN, FILED]
            } else {
                &[]
            };
            if !meant.is_empty() {
                let rest =
                    meant.iter().fold(String::from_utf8_lossy(&text).into_owned(), |it, word| {
                        it.replace(word, "")
                    });
                text = rest.into_bytes();
            }
            assert_without(&name.to_string_lossy(), &text);
        }
        for some in
            [".redundancy/journal.db", "saved", "automation/logs/master-redundancy.log", "told"]
        {
            assert!(all.contains(&self.project.path(some)), "no {some} in {all:?}");
        }
    }
}

/// The arguments with which a verb is run; `+` stands for a blank within one. One that is new has none yet: give it some, or say that it
/// needs none.
fn in_each_form(verb: &str) -> &'static [&'static str] {
    match verb {
        "init" | "validate" | "schema" | "start" | "restart" | "help" => &[""],
        "plan" => {
            &["", "--json", "--markdown", "--diff", "--out saved", "--simulate kill+embedded/w"]
        }
        "apply" => &["--yes", "saved --yes"],
        // One runs until it is told to end, and one is the last of all: this test runs both elsewhere.
        "watch" | "stop" => &["--help"],
        "monitor" => &["--once"],
        "status" | "doctor" => &["", "--json"],
        "health" => &["", "--json", "github", "netlify"],
        "test" => &["", "--json --again"],
        "explain" => {
            &["embedded/w", "embedded/w --json", "embedded/none", "github/ci.yml", "netlify/f"]
        }
        "failover" | "handback" | "resume" | "recover" => &["embedded/w", "embedded/no-such-one"],
        "resolve" => &["embedded/w --assume-stopped"],
        "pause" => &["embedded/w --for 1s"],
        "deploy" => &["", "--dry-run"],
        "history" => &["--limit 1000", "--limit 1000 --json"],
        "report" => &["", "--format json", "--format html"],
        "generations" => &["", "--json", "1"],
        "rollback" => &["", "1 --yes"],
        "alerts" => &["", "--json", "test"],
        "service" => &["", "install --user"],
        "completions" => &["bash", "zsh", "fish"],
        "man" => &["man"],
        "self-update" => &["--check", "--yes"],
        "sync" => &["", "--list"],
        new => panic!("`{new}` is not run with a secret yet: add it"),
    }
}

#[test]
fn no_secret_is_in_anything() {
    let scene = Scene::new();
    let project = &scene.project;
    let lines = CommandLines::of(project.root());
    // Services that fail, refuse, send elsewhere, and say something that is none of theirs.
    for (status, form) in [(500, "text"), (401, "json"), (307, "text"), (200, "json")] {
        scene.server.world().status = status;
        scene.configure(form);
        scene.run(&["validate"]).ok();
        let watch = Watch::start(scene.command(&["watch"]));
        wait_for("the sinks were told", || {
            let was_asked = scene.server.world().requests.len() > 3;
            (was_asked && project.path("told").exists()).then_some(())
        });
        scene.every_verb();
        assert_without("the log of the watch", watch.log().as_bytes());
        // A verb may have ended it, and begun another one.
        drop(watch);
        scene.run(&["stop"]);
        scene.assert_files();
    }
    // Addresses that are none, a token that is none, a file that is none.
    for name in ["HOOK", "BUILD_HOOK", "APP_GITHUB", "APP_NETLIFY"] {
        for value in [
            format!("ftp://{WORD}"),
            format!("http://{WORD}.example/{WORD}"),
            format!("{WORD} \u{e9}"),
        ] {
            for arguments in
                [&["alerts", "test"][..], &["doctor"], &["plan"], &["health"], &["deploy"]]
            {
                let mut command = scene.command(arguments);
                let said = command.env(name, &value).output().unwrap();
                let said = [said.stdout, said.stderr].concat();
                assert_without(&format!("{arguments:?} with {name}={value}"), &said);
            }
        }
    }
    project.write(".env", &format!("KEY=\"{FILED}\nnot a line {FILED}\n"));
    for arguments in [&["plan"][..], &["apply", "--yes"], &["status"], &["doctor"]] {
        scene.run(arguments);
    }
    project.write(".env", "");
    scene.run(&["stop", "--force"]);
    // All of them were really used.
    let world = scene.server.world();
    for (name, value) in scene.secrets() {
        let value = value
            .rsplit_once("://")
            .map_or(value.as_str(), |(_, it)| it.split_once('/').unwrap().1);
        let is_used = world.requests.iter().any(|it| {
            it.target.contains(value) || it.headers.values().any(|it| it.contains(value))
        });
        // A key is never sent. The build hook is only asked where there is a site, which none of these
        // answers is: `tests/netlify` looks for it in what is said then.
        assert!(is_used || ["HOOK_KEY", "BUILD_HOOK"].contains(&name), "{name} was not used");
    }
    assert!(world.requests.iter().any(|it| it.headers.contains_key("x-redundancy-signature")));
    assert!(world.requests.iter().any(|it| it.target.contains("/app.git/")), "git asked nobody");
    drop(world);
    for line in lines.end() {
        // Git gives the address of a remote to its own helper.
        if !line.windows(11).any(|it| it == b"remote-http") {
            assert_without("a command line", &line);
        }
    }
    scene.assert_files();
}
