//! What a process is made from: a `[[process]]` of the config, as it is written down and compared.

use std::{collections::BTreeMap, path::PathBuf, sync::LazyLock};

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::{
    config::{
        model::{Backoff, Log, Process, Restart, StopSignal},
        units::{Span, exact_size},
    },
    core::{
        digest::Digest,
        id::Name,
        recovery,
        resource::{Body, Value},
        schedule::Schedule,
    },
    disk::LogLimits,
};

/// Fields of the [`Body`] that may change while the process runs: they are ours to obey, the
/// process never sees them.
pub(super) const HOT_FIELDS: &[&str] = &[
    "restart",
    "max_restarts",
    "min_uptime",
    "backoff.initial",
    "backoff.factor",
    "backoff.max",
    "cron",
    "timezone",
    "stop_signal",
    "stop_timeout",
    "log.max_size",
    "log.keep",
];

/// All that is needed to run a process. It holds the values of its environment, so it is never
/// shown, and has no `Debug`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Definition {
    pub(super) command: Vec<String>,
    pub(super) cwd: Option<PathBuf>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) restart: Restart,
    pub(super) max_restarts: u32,
    pub(super) min_uptime: Span,
    pub(super) backoff: Backoff,
    pub(super) cron: Option<String>,
    pub(super) timezone: Option<String>,
    pub(super) stop_signal: StopSignal,
    pub(super) stop_timeout: Span,
    pub(super) log: LogLimits,
}

impl Definition {
    /// What the config says, with `backoff` where the process has none of its own.
    pub(super) fn of(process: &Process, backoff: Backoff) -> Self {
        let log = LogLimits { max_size: process.log.max_size.0, keep: process.log.keep };
        Self {
            command: process.argv(),
            cwd: process.cwd.clone(),
            env: process.env.clone(),
            restart: process.restart,
            max_restarts: process.max_restarts,
            min_uptime: process.min_uptime,
            backoff: process.backoff.unwrap_or(backoff),
            cron: process.cron.clone(),
            timezone: process.timezone.clone(),
            stop_signal: process.stop_signal,
            stop_timeout: process.stop_timeout,
            log,
        }
    }

    /// What can be told of a running process of which no definition is left.
    pub(super) fn seen(command: Vec<String>, cwd: Option<PathBuf>) -> Self {
        let log = Log::default();
        Self {
            command,
            cwd,
            env: BTreeMap::new(),
            restart: Restart::default(),
            max_restarts: 0,
            min_uptime: Span::secs(0),
            backoff: Backoff::default(),
            cron: None,
            timezone: None,
            stop_signal: StopSignal::default(),
            stop_timeout: Span::secs(10),
            log: LogLimits { max_size: log.max_size.0, keep: log.keep },
        }
    }

    /// The form that is compared and shown: without what has its usual value, and with digests in
    /// place of the environment's values.
    pub(super) fn body(&self) -> Body {
        static USUAL: LazyLock<Definition> = LazyLock::new(|| {
            let process = Process::new(Name::literal("usual"), Vec::new());
            Definition::of(&process, Backoff::default())
        });
        let (usual, mut fields) = (&*USUAL, BTreeMap::new());
        let mut tell = |name: &str, is_usual: bool, value: &dyn Fn() -> Value| {
            if !is_usual {
                fields.insert(name.to_owned(), value());
            }
        };
        let text = |it: &dyn ToString| Value::Text(it.to_string());
        let (backoff, log) = (&self.backoff, &self.log);
        tell("command", false, &|| self.command.clone().into());
        tell("restart", self.restart == usual.restart, &|| word(&self.restart).into());
        tell("max_restarts", self.max_restarts == usual.max_restarts, &|| self.max_restarts.into());
        tell("min_uptime", self.min_uptime == usual.min_uptime, &|| text(&self.min_uptime));
        tell("backoff.initial", backoff.initial == usual.backoff.initial, &|| {
            text(&backoff.initial)
        });
        tell("backoff.factor", backoff.factor.total_cmp(&usual.backoff.factor).is_eq(), &|| {
            text(&backoff.factor)
        });
        tell("backoff.max", backoff.max == usual.backoff.max, &|| text(&backoff.max));
        tell("stop_signal", self.stop_signal == usual.stop_signal, &|| {
            word(&self.stop_signal).into()
        });
        tell("stop_timeout", self.stop_timeout == usual.stop_timeout, &|| text(&self.stop_timeout));
        tell("log.max_size", log.max_size == usual.log.max_size, &|| {
            exact_size(log.max_size).into()
        });
        tell("log.keep", log.keep == usual.log.keep, &|| log.keep.into());
        let cwd = self.cwd.as_ref().map(|it| it.to_string_lossy().into_owned());
        for (key, value) in [("cwd", &cwd), ("cron", &self.cron), ("timezone", &self.timezone)] {
            fields.extend(value.as_ref().map(|it| (key.to_owned(), Value::Text(it.clone()))));
        }
        for (name, value) in &self.env {
            let hidden = Digest::of(["env", name, value]);
            fields.insert(format!("env.{name}"), Value::Hidden { hidden });
        }
        Body { fields, files: BTreeMap::new() }
    }

    /// When it runs by the clock, if it does.
    pub(super) fn schedule(&self) -> Result<Option<Schedule>, String> {
        let Some(cron) = &self.cron else { return Ok(None) };
        let schedule: Schedule =
            cron.parse().map_err(|error| format!("`cron` can't be read: {error}"))?;
        let Some(zone) = &self.timezone else { return Ok(Some(schedule)) };
        let zone = TimeZone::get(zone).map_err(|error| {
            format!("this machine does not know the time zone {zone}: {error}; install `tzdata`")
        })?;
        Ok(Some(schedule.in_zone(zone)))
    }

    /// The rules for its restarts.
    pub(super) fn policy(&self) -> recovery::Policy {
        recovery::Policy {
            restart: match self.restart {
                Restart::Always => recovery::Restart::Always,
                Restart::OnFailure => recovery::Restart::OnFailure,
                Restart::Never => recovery::Restart::Never,
            },
            max_restarts: self.max_restarts,
            min_uptime: self.min_uptime.0,
            backoff: self.backoff.into(),
        }
    }
}

/// The config's word for one of its choices.
fn word(choice: &impl Serialize) -> String {
    match serde_json::to_value(choice) {
        Ok(serde_json::Value::String(word)) => word,
        // The choices are plain enums, which are always texts.
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(text: &str) -> Definition {
        let text = format!("name = 'a'\ncommand = ['sleep', '1']\n{text}");
        Definition::of(&toml::from_str(&text).unwrap(), Backoff::default())
    }

    #[test]
    fn a_body_never_holds_a_value_of_the_environment() {
        let body = definition("env = { TOKEN = 'hush-hush' }").body();
        assert!(!serde_json::to_string(&body).unwrap().contains("hush-hush"));
        assert!(matches!(body.fields["env.TOKEN"], Value::Hidden { .. }));
        assert_ne!(body.digest(), definition("env = { TOKEN = 'other' }").body().digest());
        let twins = definition("env = { A = 'same', B = 'same' }").body();
        assert_ne!(twins.fields["env.A"], twins.fields["env.B"]);
    }

    #[test]
    fn a_definition_reads_back_as_it_was_written() {
        let text = "cwd = 'a'\ncron = '0 3 * * *'\nlog = { max_size = 1234567 }\n\
                    min_uptime = '250ms'\nenv = { A = 'b' }\nstop_signal = 'SIGINT'";
        let it = definition(text);
        let json = serde_json::to_string(&it).unwrap();
        let back: Definition = serde_json::from_str(&json).unwrap();
        assert!(back == it);
        assert_eq!(back.body().digest(), it.body().digest());
    }

    #[test]
    fn what_is_usual_is_not_told() {
        let told = |text| definition(text).body().fields.into_keys().collect::<Vec<_>>();
        assert_eq!(told("max_restarts = 15"), ["command"]);
        assert_eq!(told("max_restarts = 14"), ["command", "max_restarts"]);
    }

    #[test]
    fn every_hot_field_is_a_field() {
        let unusual = "restart = 'never'\nmax_restarts = 1\nmin_uptime = '2s'\n\
                       backoff = { initial = '2s', factor = 3, max = '1m' }\ncron = '0 3 * * *'\n\
                       timezone = 'UTC'\nstop_signal = 'SIGINT'\nstop_timeout = '1s'\n\
                       log = { max_size = '1KiB', keep = 1 }";
        let fields = definition(unusual).body().fields;
        for field in HOT_FIELDS {
            assert!(fields.contains_key(*field), "{field}");
        }
    }
}
