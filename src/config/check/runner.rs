//! What a process asks of its runner and this one does not have.

use super::{pm2_cron, sections::no_variable_name};
use crate::config::{
    model::{Process, Runner},
    problem::Problem,
    tree::Item,
};
use crate::core::schedule::Schedule;

/// Names that PM2 keeps its own things under, beside the variables of a process: a variable of such
/// a name would change the process instead.
const TAKEN: &[&str] = &[
    "NODE_APP_INSTANCE",
    "PM2_HOME",
    "_pm2_version",
    "_tree_pids",
    "args",
    "automation",
    "autorestart",
    "autostart",
    "axm_actions",
    "axm_dynamic",
    "axm_monitor",
    "axm_options",
    "created_at",
    "cron_restart",
    "cwd",
    "disable_logs",
    "env",
    "exec_interpreter",
    "exec_mode",
    "exit_code",
    "exp_backoff_restart_delay",
    "filter_env",
    "force",
    "gid",
    "ignore_watch",
    "increment_var",
    "instance_var",
    "instances",
    "kill_retry_time",
    "kill_timeout",
    "km_link",
    "listen_timeout",
    "log_date_format",
    "log_type",
    "max_memory_restart",
    "max_restarts",
    "merge_logs",
    "min_uptime",
    "name",
    "namespace",
    "node_args",
    "node_version",
    "pm_cwd",
    "pm_err_log_path",
    "pm_exec_path",
    "pm_id",
    "pm_log_path",
    "pm_out_log_path",
    "pm_pid_path",
    "pm_uptime",
    "pmx",
    "pmx_module",
    "prev_restart_delay",
    "restart_delay",
    "restart_time",
    "shutdown_with_message",
    "status",
    "stop_exit_codes",
    "treekill",
    "uid",
    "unique_id",
    "unstable_restarts",
    "username",
    "version",
    "versioning",
    "vizion",
    "vizion_running",
    "wait_ready",
    "watch",
    "watch_options",
    "windowsHide",
];

/// Variables that say what is ours.
const OURS: &str = "REDUNDANCY_";

/// Why a process run by `runner` can't have a variable called `name`, if it can't.
pub(in crate::config) fn unfit_variable(name: &str, runner: Runner) -> Option<String> {
    if let Some(why) = no_variable_name(name) {
        return Some(format!("this is no name of an environment variable: {why}"));
    }
    if name.starts_with(OURS) {
        return Some(format!("variables that begin with `{OURS}` are this tool's own"));
    }
    let taken = runner == Runner::Pm2 && TAKEN.contains(&name);
    taken.then(|| "PM2 keeps something of its own under that name".to_owned())
}

pub(super) fn check(process: &Process, item: &Item<'_>, problems: &mut Vec<Problem>) {
    let names = process.env.keys();
    for (name, why) in names.filter_map(|it| Some((it, unfit_variable(it, process.runner())?))) {
        problems.push(Problem::at(variable(item, name), why));
    }
    match process.runner() {
        Runner::Embedded => check_embedded(item, problems),
        Runner::Pm2 => check_pm2(process, item, problems),
    }
}

fn check_embedded(item: &Item<'_>, problems: &mut Vec<Problem>) {
    if let Some(at) = item.key("pm2") {
        let message = "this process is not run by PM2, and `pm2` is about that alone";
        problems.push(Problem::at(at, message).help("`runner = \"pm2\"` has PM2 run it"));
    }
}

fn check_pm2(process: &Process, item: &Item<'_>, problems: &mut Vec<Problem>) {
    if process.name.as_str() == crate::config::pm2::DAEMON {
        let message = "a process of PM2 can't be called `daemon`: that is the daemon itself";
        let problem = Problem::at(item.value("name"), message);
        problems.push(problem.help("call it something like `job-daemon`"));
    }
    for (key, why, help) in [
        ("timezone", "PM2 reads `cron` in the time zone of its daemon", "take it out"),
        ("stop_signal", "PM2 stops every process by SIGINT", "take it out"),
        (
            "log",
            "PM2 does not bound its logs",
            "take it out; a module of PM2 called pm2-logrotate bounds them",
        ),
    ] {
        if let Some(at) = item.key(key) {
            let problem = Problem::at(at, format!("`{key}` has no effect under PM2: {why}"));
            problems.push(problem.help(format!("{help}, or write `runner = \"embedded\"`")));
        }
    }
    // What is no schedule at all is told elsewhere.
    if let Some(cron) = process.cron.as_deref().filter(|it| it.parse::<Schedule>().is_ok())
        && let Err((message, help)) = pm2_cron::check(cron)
    {
        let help = format!("{help}, or write `runner = \"embedded\"`");
        problems.push(Problem::at(item.value("cron"), message).help(help));
    }
    if let Some(backoff) = item.child("backoff") {
        for key in ["factor", "max"] {
            if let Some(at) = backoff.key(key) {
                let message =
                    format!("`{key}` has no effect under PM2: its rests grow by 1.5 up to 15 s");
                problems.push(Problem::at(at, message).help("only `initial` can be said"));
            }
        }
    }
    check_table(process, item, problems);
}

/// The `pm2` table.
fn check_table(process: &Process, item: &Item<'_>, problems: &mut Vec<Problem>) {
    let Some(table) = item.child("pm2") else { return };
    if process.pm2.instances == 0 {
        let message = "`instances` is at least 1";
        let help = "to have it there and not running, write `state = \"stopped\"`";
        problems.push(Problem::at(table.value("instances"), message).help(help));
    }
    if process.pm2.cluster && process.interpreter() != Some("node") {
        let message = "`cluster` is for scripts of Node.js: they share their ports";
        let help = "name the file as `script`, not in `command`";
        problems.push(Problem::at(table.value("cluster"), message).help(help));
    }
    if let Some(at) = table.key("interpreter_args")
        && process.interpreter().is_none()
    {
        let message = "`interpreter_args` goes with a `script` that has an interpreter";
        problems.push(Problem::at(at, message));
    }
    for (key, file) in
        [("out_file", &process.pm2.out_file), ("error_file", &process.pm2.error_file)]
    {
        if file.as_ref().is_some_and(|it| it.as_os_str().is_empty()) {
            problems.push(Problem::at(table.value(key), format!("`{key}` is empty")));
        }
    }
}

fn variable(item: &Item<'_>, name: &str) -> std::ops::Range<usize> {
    let env = item.child("env");
    env.map_or_else(|| item.span(), |env| env.key(name).unwrap_or_else(|| env.span()))
}
