//! What an app is, in the form in which what the config asks for is compared with what PM2 has.

use std::{collections::BTreeMap, path::Path};

use serde_json::{Value as Json, json};

use super::{
    definition::{PASSED_ON, text},
    listed::Listed,
};
use crate::{
    config::units::{Span, exact_size},
    core::{
        digest::Digest,
        id::Name,
        resource::{Body, Value},
    },
    provider::process::mark::MARK,
};

/// Variables that PM2 and we add.
const ADDED: &[&str] =
    &[MARK, CRON, "PM2_HOME", "PM2_USAGE", "PM2_JSON_PROCESSING", "unique_id", "NODE_APP_INSTANCE"];

/// The variable that keeps the schedule of an app which is off: PM2 would start it.
pub(super) const CRON: &str = "REDUNDANCY_CRON";

/// The rest before the first restart, in milliseconds, where the config says nothing: short enough
/// for a crash, and it grows for a row of them.
pub(super) const BACKOFF: i64 = 100;

/// An app as it is compared: in the words of the config, and complete.
#[derive(Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of PM2")]
pub(super) struct Shape {
    /// The interpreter, if there is one, the program or script, and its arguments.
    pub(super) command: Vec<String>,
    pub(super) interpreter_args: Vec<String>,
    pub(super) cwd: String,
    pub(super) namespace: String,
    pub(super) cluster: bool,
    pub(super) instances: i64,
    pub(super) autorestart: bool,
    pub(super) stop_exit_codes: Vec<i64>,
    pub(super) max_restarts: Option<i64>,
    /// In milliseconds, as all times here.
    pub(super) min_uptime: Option<i64>,
    pub(super) backoff: Option<i64>,
    pub(super) restart_delay: Option<i64>,
    pub(super) cron: String,
    pub(super) max_memory: Option<i64>,
    pub(super) kill_timeout: Option<i64>,
    pub(super) wait_ready: bool,
    pub(super) listen_timeout: Option<i64>,
    pub(super) out_file: String,
    pub(super) error_file: String,
    pub(super) log_date_format: String,
    pub(super) watch: bool,
    pub(super) env: BTreeMap<String, Digest>,
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

/// A variable of an environment, without its value.
pub(super) fn hidden(name: &str, value: &str) -> Digest {
    Digest::of(["env", name, value])
}

/// What is run, in one list.
pub(super) fn command(interpreter: Option<&str>, script: &str, args: &[String]) -> Vec<String> {
    let parts = interpreter.into_iter().chain([script]).map(str::to_owned);
    parts.chain(args.iter().cloned()).collect()
}
