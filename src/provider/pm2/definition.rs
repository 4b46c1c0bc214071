//! What an app of PM2 is made from: a `[[process]]` of the config, as PM2 takes it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::{Value as Json, json};

use super::{
    client::{Lacking, Prepared},
    program,
    shape::{BACKOFF, CRON, Shape, command, hidden},
};
use crate::{
    config::model::{Pm2, Process, Restart},
    core::{id::Name, resource::Body},
    provider::process::mark::MARK,
};

/// The only field that may change while the app runs: instances are added and taken away.
pub(super) const HOT_FIELDS: &[&str] = &["pm2.instances"];

/// Variables that PM2's daemon and every app get from this tool's own environment, because hardly a
/// program works without. They are not compared: they differ from one terminal to the next.
pub(super) const PASSED_ON: &[&str] =
    &["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/// Milliseconds after which PM2 looks whether a process that was killed is gone. Its own default of
/// 100 makes every stop last that long.
const KILL_RETRY: u32 = 20;

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
                program::can_run(&cwd.join(program))
            } else {
                program::find(program, path.as_ref()).is_some()
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

fn millis(span: std::time::Duration) -> i64 {
    span.as_millis().try_into().unwrap_or(i64::MAX)
}

/// A path as PM2 takes it.
pub(super) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// A path without `.`, which says nothing. `..` stays: what it means depends on links.
fn lexically_clean(path: &Path) -> String {
    text(&path.components().collect::<PathBuf>())
}
