//! What an app of PM2 is made from: a `[[process]]` of the config, as PM2 takes it, and as it is
//! compared with what PM2 has.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::{Value as Json, json};

use super::{
    client::{Lacking, Prepared},
    listed::Listed,
};
use crate::{
    config::{
        model::{Pm2, Process, Restart},
        units::{Span, exact_size},
    },
    core::{
        digest::Digest,
        id::Name,
        resource::{Body, Value},
    },
    provider::process::mark::MARK,
};

/// The only field that may change while the app runs: instances are added and taken away.
pub(super) const HOT_FIELDS: &[&str] = &["pm2.instances"];

/// Variables that an app gets from this tool's own environment, because hardly a program works
/// without. They are not compared: they differ from one terminal to the next.
const PASSED_ON: &[&str] =
    &["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/// Variables that PM2 and we add.
const ADDED: &[&str] =
    &[MARK, CRON, "PM2_HOME", "PM2_USAGE", "PM2_JSON_PROCESSING", "unique_id", "NODE_APP_INSTANCE"];

/// The variable that keeps the schedule of an app which is off: PM2 would start it.
pub(super) const CRON: &str = "REDUNDANCY_CRON";

/// The rest before the first restart, in milliseconds, where the config says nothing: short enough
/// for a crash, and it grows for a row of them.
const BACKOFF: i64 = 100;

/// Milliseconds after which PM2 looks whether a process that was killed is gone. Its own default of
/// 100 makes every stop last that long.
const KILL_RETRY: u32 = 20;

/// An app as it is compared: in the words of the config, and complete.
#[derive(Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of PM2")]
pub(super) struct Shape {
    /// The interpreter, if there is one, the program or script, and its arguments.
    pub(super) command: Vec<String>,
    interpreter_args: Vec<String>,
    cwd: String,
    namespace: String,
    cluster: bool,
    instances: i64,
    autorestart: bool,
    stop_exit_codes: Vec<i64>,
    /// The times are in milliseconds.
    max_restarts: Option<i64>,
    min_uptime: Option<i64>,
    backoff: Option<i64>,
    restart_delay: Option<i64>,
    cron: String,
    max_memory: Option<i64>,
    kill_timeout: Option<i64>,
    wait_ready: bool,
    listen_timeout: Option<i64>,
    out_file: String,
    error_file: String,
    log_date_format: String,
    watch: bool,
    env: BTreeMap<String, Digest>,
}

/// An app of the config.
#[derive(Clone)]
pub(super) struct Definition {
    pub(super) name: Name,
    shape: Shape,
    /// The interpreter; none for a program that runs by itself.
    interpreter: Option<String>,
    /// The script, absolute; or the program, absolute or to be found in `PATH`.
    script: String,
    args: Vec<String>,
    env: BTreeMap<String, String>,
    home: PathBuf,
}

fn hidden(name: &str, value: &str) -> Digest {
    Digest::of(["env", name, value])
}

impl Definition {
    /// What the config says of `process`. `home` is PM2's, `root` the project's.
    pub(super) fn of(process: &Process, pm2: &Pm2, home: &Path, root: &Path) -> Self {
        let cwd = process.cwd.as_ref().map_or_else(|| root.to_owned(), |it| root.join(it));
        let absolute = |it: &str| lexically_clean(&cwd.join(it));
        let own = &process.pm2;
        let (interpreter, script, args) = match &process.script {
            Some(script) => {
                let interpreter = process.interpreter().map(str::to_owned);
                let plain = interpreter.is_none() && !script.contains('/');
                let script = if plain { script.clone() } else { absolute(script) };
                (interpreter, script, process.args.clone())
            }
            None => {
                let (program, args) = process.command.split_first().unzip();
                let program = program.cloned().unwrap_or_default();
                let program = if program.contains('/') { absolute(&program) } else { program };
                (None, program, args.map(<[String]>::to_vec).unwrap_or_default())
            }
        };
        let file = |file: &Option<PathBuf>, kind: &str| match file {
            Some(file) => lexically_clean(&root.join(file)),
            None => text(&home.join("logs").join(format!("{}-{kind}.log", process.name))),
        };
        let mut stop_exit_codes: Vec<i64> =
            own.stop_exit_codes.iter().map(|&it| it.into()).collect();
        if process.restart == Restart::OnFailure {
            stop_exit_codes.push(0);
        }
        stop_exit_codes.sort_unstable();
        stop_exit_codes.dedup();
        let cron = process.cron.clone().unwrap_or_default();
        let autorestart = process.restart != Restart::Never && cron.is_empty();
        let backoff = process.backoff.map_or(BACKOFF, |it| millis(it.initial.0));
        let shape = Shape {
            command: command(interpreter.as_deref(), &script, &args),
            interpreter_args: own.interpreter_args.clone(),
            cwd: lexically_clean(&cwd),
            namespace: own
                .namespace
                .as_ref()
                .or(pm2.namespace.as_ref())
                .map_or_else(|| "default".to_owned(), ToString::to_string),
            cluster: own.cluster,
            instances: own.instances.into(),
            autorestart,
            stop_exit_codes,
            max_restarts: Some(process.max_restarts.into()),
            min_uptime: Some(millis(process.min_uptime.0)),
            // PM2 leaves what ended for good waiting for ever where it has a delay.
            backoff: autorestart.then_some(backoff).filter(|it| *it > 0),
            restart_delay: None,
            cron,
            max_memory: own.max_memory_restart.map(|it| it.0.try_into().unwrap_or(i64::MAX)),
            kill_timeout: Some(millis(process.stop_timeout.0)),
            wait_ready: own.wait_ready,
            listen_timeout: own.listen_timeout.map(|it| millis(it.0)),
            out_file: file(&own.out_file, "out"),
            error_file: file(&own.error_file, "error"),
            log_date_format: own.log_date_format.clone().unwrap_or_default(),
            watch: false,
            env: process.env.iter().map(|(key, it)| (key.clone(), hidden(key, it))).collect(),
        };
        Self {
            name: process.name.clone(),
            shape,
            interpreter,
            script,
            args,
            env: process.env.clone(),
            home: home.to_owned(),
        }
    }

    /// The form that is compared and shown.
    pub(super) fn body(&self) -> Body {
        self.shape.body(&self.home, &self.name)
    }

    pub(super) fn cron(&self) -> Option<&str> {
        Some(self.shape.cron.as_str()).filter(|it| !it.is_empty())
    }

    /// How many instances there shall be.
    pub(super) fn instances(&self) -> usize {
        self.shape.instances.try_into().unwrap_or(1)
    }

    /// The variables that the config sets.
    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        self.env.keys().map(String::as_str)
    }

    /// The files of its output, as PM2 names them where there is one process of it.
    pub(super) fn log_files(&self) -> impl Iterator<Item = PathBuf> {
        [&self.shape.out_file, &self.shape.error_file].into_iter().map(PathBuf::from)
    }

    /// The folders of its output.
    pub(super) fn log_folders(&self) -> impl Iterator<Item = &Path> {
        [&self.shape.out_file, &self.shape.error_file]
            .into_iter()
            .filter_map(|it| Path::new(it).parent())
    }

    /// Why it could not be started, if that can be told: PM2 itself would call it online.
    pub(super) fn unstartable(&self, variable: impl Fn(&str) -> Option<String>) -> Option<String> {
        let cwd = Path::new(&self.shape.cwd);
        if !cwd.is_dir() {
            let shown = cwd.display();
            return Some(format!(
                "its folder {shown} is not there or is no folder; make it, or correct `cwd`"
            ));
        }
        let path = self.env.get("PATH").cloned().or_else(|| variable("PATH")).unwrap_or_default();
        let found = |program: &str| {
            if program.contains('/') {
                is_program(&cwd.join(program))
            } else {
                std::env::split_paths(&path).any(|folder| is_program(&folder.join(program)))
            }
        };
        let program = self.interpreter.as_ref().unwrap_or(&self.script);
        if !found(program) {
            let place = if program.contains('/') { "" } else { " in PATH" };
            return Some(format!(
                "there is no program {program:?}{place}; install it, or correct the config"
            ));
        }
        if self.interpreter.is_some() && !Path::new(&self.script).is_file() {
            return Some(format!("there is no file {:?}; correct `script`", self.script));
        }
        None
    }

    /// What is sent to PM2: `mark` in its environment, and standing by if it is not `on`.
    /// `variable` tells of this tool's own environment.
    pub(super) fn prepared(
        &self,
        on: bool,
        mark: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Prepared, Lacking> {
        let mut env: BTreeMap<String, String> = PASSED_ON
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), variable(name)?)))
            .chain(self.env.clone())
            .collect();
        env.insert(MARK.to_owned(), mark.to_owned());
        env.insert("PM2_HOME".to_owned(), text(&self.home));
        let shape = &self.shape;
        let mut it = json!({
            "name": self.name,
            "namespace": shape.namespace,
            "pm_exec_path": self.script,
            "pm_cwd": shape.cwd,
            "exec_interpreter": self.interpreter.as_deref().unwrap_or("none"),
            "exec_mode": if shape.cluster { "cluster_mode" } else { "fork_mode" },
            "node_args": shape.interpreter_args,
            "args": self.args,
            "autostart": true,
            "autorestart": shape.autorestart,
            "watch": false,
            "vizion": false,
            "pmx": true,
            "automation": true,
            "treekill": true,
            "windowsHide": true,
            "kill_retry_time": KILL_RETRY,
            "merge_logs": true,
            "instance_var": "NODE_APP_INSTANCE",
            "username": variable("USER").unwrap_or_default(),
            "filter_env": [],
            "km_link": false,
            "max_restarts": shape.max_restarts,
            "min_uptime": shape.min_uptime,
            "kill_timeout": shape.kill_timeout,
            "pm_out_log_path": shape.out_file,
            "pm_err_log_path": shape.error_file,
            "pm_pid_path": text(&self.home.join("pids").join(format!("{}.pid", self.name))),
        });
        let mut map = it.as_object_mut().map(std::mem::take).unwrap_or_default();
        let mut say =
            |key: &str, value: Option<Json>| map.extend(value.map(|it| (key.to_owned(), it)));
        say("exp_backoff_restart_delay", shape.backoff.map(Json::from));
        say("max_memory_restart", shape.max_memory.map(Json::from));
        say("listen_timeout", shape.listen_timeout.map(Json::from));
        say("wait_ready", shape.wait_ready.then_some(true.into()));
        let codes = Some(json!(shape.stop_exit_codes));
        say("stop_exit_codes", codes.filter(|_| !shape.stop_exit_codes.is_empty()));
        let format = shape.log_date_format.as_str();
        say("log_date_format", (!format.is_empty()).then(|| format.into()));
        if let Some(cron) = self.cron() {
            if on {
                say("cron_restart", Some(cron.into()));
            } else {
                env.insert(CRON.to_owned(), cron.to_owned());
            }
        }
        // What waits for its schedule is registered and not started, as what stands by.
        if on && self.cron().is_none() {
            say("instances", Some(shape.instances.into()));
        } else {
            say("status", Some("stopped".into()));
            say("restart_time", Some(0.into()));
            say("unstable_restarts", Some(0.into()));
        }
        say("env", Some(json!(env)));
        Prepared::try_from(map)
    }
}

impl Shape {
    /// The shape of an app whose instances are `listed`. `configured` are the variables that the
    /// config sets; without them, the app is none of ours, and its environment is its own affair.
    pub(super) fn seen(
        listed: &Listed,
        instances: usize,
        configured: Option<&dyn Fn(&str) -> bool>,
    ) -> Self {
        let env = &listed.pm2_env;
        let interpreter =
            Some(env.exec_interpreter.as_str()).filter(|it| !matches!(*it, "none" | ""));
        let cron = match env.cron_restart.as_str() {
            "" => env.env.get(CRON).cloned().unwrap_or_default(),
            // The CLI's word for a schedule that was taken away.
            "false" | "0" => String::new(),
            cron => cron.to_owned(),
        };
        let known = |name: &str, configured: &dyn Fn(&str) -> bool| {
            configured(name) || !(PASSED_ON.contains(&name) || ADDED.contains(&name))
        };
        let variables =
            env.env.iter().filter(|(name, _)| configured.is_some_and(|it| known(name, it)));
        let mut stop_exit_codes = env.stop_exit_codes.clone();
        stop_exit_codes.sort_unstable();
        stop_exit_codes.dedup();
        Self {
            command: command(interpreter, &env.pm_exec_path, &env.args),
            interpreter_args: env.node_args.clone(),
            cwd: env.pm_cwd.clone(),
            namespace: if env.namespace.is_empty() {
                "default".into()
            } else {
                env.namespace.clone()
            },
            cluster: env.exec_mode.starts_with("cluster"),
            instances: instances.try_into().unwrap_or(i64::MAX),
            autorestart: env.autorestart.unwrap_or(true),
            stop_exit_codes,
            max_restarts: env.max_restarts,
            min_uptime: env.min_uptime,
            backoff: env.exp_backoff_restart_delay.filter(|it| *it > 0),
            restart_delay: env.restart_delay.filter(|it| *it > 0),
            cron,
            max_memory: env.max_memory_restart.filter(|it| *it > 0),
            kill_timeout: env.kill_timeout,
            wait_ready: env.wait_ready.unwrap_or(false),
            listen_timeout: env.listen_timeout,
            out_file: env.pm_out_log_path.clone(),
            error_file: env.pm_err_log_path.clone(),
            log_date_format: env.log_date_format.clone(),
            watch: !matches!(&env.watch, Json::Null | Json::Bool(false)) && env.watch != json!([]),
            env: variables.map(|(name, it)| (name.clone(), hidden(name, it))).collect(),
        }
    }

    /// The form that is compared and shown: without what has its usual value.
    pub(super) fn body(&self, home: &Path, name: &Name) -> Body {
        let mut fields = BTreeMap::new();
        let mut tell = |name: &str, value: Option<Value>| {
            fields.extend(value.map(|it| (name.to_owned(), it)));
        };
        let unless = |usual: &str, it: &str| Some(it).filter(|it| *it != usual).map(Value::from);
        let number = |it: Option<i64>, usual: i64| it.filter(|it| *it != usual).map(Value::Number);
        let time = |it: Option<i64>, usual: i64| {
            let it = it.filter(|it| *it != usual)?;
            Some(Value::Text(Span::millis(it.try_into().unwrap_or(0)).to_string()))
        };
        let size = |it: i64| Value::Text(exact_size(it.try_into().unwrap_or(0)));
        let yes = |it: bool| it.then_some(Value::Bool(true));
        let list = |it: &[String]| Some(Value::List(it.to_vec())).filter(|_| !it.is_empty());
        let log = |kind| text(&home.join("logs").join(format!("{name}-{kind}.log")));
        tell("command", Some(Value::List(self.command.clone())));
        tell("cwd", Some(self.cwd.as_str().into()));
        tell("restart", (!self.autorestart && self.cron.is_empty()).then(|| "never".into()));
        tell("max_restarts", number(self.max_restarts, 15));
        tell("min_uptime", time(self.min_uptime, 1000));
        tell("backoff.initial", time(self.backoff, BACKOFF));
        tell("restart_delay", time(self.restart_delay, 0));
        tell("cron", unless("", &self.cron));
        tell("stop_timeout", time(self.kill_timeout, 10_000));
        tell("pm2.interpreter_args", list(&self.interpreter_args));
        tell("pm2.namespace", unless("default", &self.namespace));
        tell("pm2.cluster", yes(self.cluster));
        tell("pm2.instances", number(Some(self.instances), 1));
        let codes: Vec<String> = self.stop_exit_codes.iter().map(ToString::to_string).collect();
        tell("pm2.stop_exit_codes", list(&codes));
        tell("pm2.max_memory_restart", self.max_memory.map(size));
        tell("pm2.wait_ready", yes(self.wait_ready));
        tell("pm2.listen_timeout", time(self.listen_timeout, 0));
        tell("pm2.out_file", unless(&log("out"), &self.out_file));
        tell("pm2.error_file", unless(&log("error"), &self.error_file));
        tell("pm2.log_date_format", unless("", &self.log_date_format));
        tell("pm2.watch", yes(self.watch));
        for (name, hidden) in &self.env {
            tell(&format!("env.{name}"), Some(Value::Hidden { hidden: *hidden }));
        }
        Body { fields, files: BTreeMap::new() }
    }
}

fn command(interpreter: Option<&str>, script: &str, args: &[String]) -> Vec<String> {
    let parts = interpreter.into_iter().chain([script]).map(str::to_owned);
    parts.chain(args.iter().cloned()).collect()
}

fn millis(span: std::time::Duration) -> i64 {
    span.as_millis().try_into().unwrap_or(i64::MAX)
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// A path without `.`, which says nothing. `..` stays: what it means depends on links.
fn lexically_clean(path: &Path) -> String {
    text(&path.components().collect::<PathBuf>())
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;

    std::fs::metadata(path).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}
