//! A process as the daemon lists it: what of it is understood. The daemon keeps what it was given,
//! so numbers may be texts, and lists too: whatever form a value has, it is read or left out, and
//! one strange process hides no other.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// One process, an instance of an app.
#[derive(Clone, Deserialize)]
pub(super) struct Listed {
    pub(super) pm_id: PmId,
    #[serde(default, deserialize_with = "text")]
    pub(super) name: String,
    /// The process id; 0 or nothing where there is no process.
    #[serde(default, deserialize_with = "number")]
    pub(super) pid: Option<i64>,
    #[serde(default, deserialize_with = "used")]
    pub(super) monit: Monit,
    pub(super) pm2_env: Table,
}

/// The number of a process. That of one that is being replaced is a text, like `_old_0`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum PmId {
    Number(u64),
    Old(String),
}

impl fmt::Display for PmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Old(text) => f.write_str(text),
        }
    }
}

/// What a process uses.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Monit {
    /// In bytes.
    pub(super) memory: Option<i64>,
    /// In hundredths of one processor.
    pub(super) cpu: Option<f64>,
}

/// The definition of a process and its state, which the daemon keeps in one table. It holds the
/// values of its environment, so it has no `Debug`.
#[derive(Clone, Deserialize)]
pub(super) struct Table {
    #[serde(default, deserialize_with = "text")]
    pub(super) status: String,
    #[serde(default, deserialize_with = "number")]
    pub(super) pm_uptime: Option<i64>,
    #[serde(default, deserialize_with = "number")]
    pub(super) created_at: Option<i64>,
    #[serde(default, deserialize_with = "number")]
    pub(super) restart_time: Option<i64>,
    #[serde(default, deserialize_with = "number")]
    pub(super) unstable_restarts: Option<i64>,
    #[serde(default, deserialize_with = "number")]
    pub(super) prev_restart_delay: Option<i64>,
    #[serde(default, deserialize_with = "number")]
    pub(super) exit_code: Option<i64>,
    #[serde(default, deserialize_with = "text")]
    pub(super) unique_id: String,

    #[serde(default, deserialize_with = "text")]
    pub(super) namespace: String,
    #[serde(default, deserialize_with = "text")]
    pub(super) pm_exec_path: String,
    #[serde(default, deserialize_with = "text")]
    pub(super) pm_cwd: String,
    #[serde(default, deserialize_with = "text")]
    pub(super) exec_interpreter: String,
    #[serde(default, deserialize_with = "text")]
    pub(super) exec_mode: String,
    #[serde(default, deserialize_with = "texts")]
    pub(super) node_args: Vec<String>,
    #[serde(default, deserialize_with = "texts")]
    pub(super) args: Vec<String>,
    #[serde(default, deserialize_with = "yes")]
    pub(super) autorestart: Option<bool>,
    #[serde(default, deserialize_with = "numbers")]
    pub(super) stop_exit_codes: Vec<i64>,
    #[serde(default, deserialize_with = "number")]
    pub(super) max_restarts: Option<i64>,
    #[serde(default, deserialize_with = "number")]
    pub(super) min_uptime: Option<i64>,
    #[serde(default, deserialize_with = "number")]
    pub(super) restart_delay: Option<i64>,
    #[serde(default, deserialize_with = "number")]
    pub(super) exp_backoff_restart_delay: Option<i64>,
    #[serde(default, deserialize_with = "text")]
    pub(super) cron_restart: String,
    #[serde(default, deserialize_with = "number")]
    pub(super) max_memory_restart: Option<i64>,
    #[serde(default, deserialize_with = "number")]
    pub(super) kill_timeout: Option<i64>,
    #[serde(default, deserialize_with = "number")]
    pub(super) listen_timeout: Option<i64>,
    #[serde(default, deserialize_with = "yes")]
    pub(super) wait_ready: Option<bool>,
    #[serde(default, deserialize_with = "text")]
    pub(super) pm_out_log_path: String,
    #[serde(default, deserialize_with = "text")]
    pub(super) pm_err_log_path: String,
    #[serde(default, deserialize_with = "text")]
    pub(super) log_date_format: String,
    /// Whether files are watched.
    #[serde(default)]
    pub(super) watch: Value,
    /// The environment that it was given.
    #[serde(default, deserialize_with = "environment")]
    pub(super) env: BTreeMap<String, String>,
    /// See [`Listed::is_module`].
    #[serde(default, deserialize_with = "yes")]
    pmx_module: Option<bool>,
}

/// The instances of one app.
pub(super) type App = Vec<Listed>;

impl Listed {
    /// Whether it ever ran since it was registered.
    pub(super) fn ever_ran(&self) -> bool {
        self.pm2_env.pm_uptime.is_some()
    }

    /// Whether it runs or is about to.
    pub(super) fn is_on(&self) -> bool {
        !matches!(self.pm2_env.status.as_str(), "stopped" | "errored")
            || !self.pm2_env.cron_restart.is_empty()
    }

    /// Whether somebody is stopping it, and its process has ended already.
    pub(super) fn is_being_stopped(&self) -> bool {
        self.pm2_env.status == "stopping" && self.pid.is_none_or(|it| it <= 0)
    }

    /// Whether it is a module of PM2, such as `pm2-logrotate`: none of the user's processes.
    pub(super) fn is_module(&self) -> bool {
        self.pm2_env.pmx_module == Some(true)
    }

    /// Its number, unless it is being replaced.
    pub(super) fn number(&self) -> Option<u64> {
        match &self.pm_id {
            PmId::Number(number) => Some(*number),
            PmId::Old(_) => None,
        }
    }

    /// How long it may take to stop; PM2's own default where nothing is said.
    pub(super) fn kill_timeout(&self) -> Duration {
        millis(self.pm2_env.kill_timeout, 1600)
    }

    /// How long it may take to say that it is ready; PM2's own default where nothing is said.
    pub(super) fn listen_timeout(&self) -> Duration {
        millis(self.pm2_env.listen_timeout, 3000)
    }
}

fn millis(it: Option<i64>, usual: u64) -> Duration {
    Duration::from_millis(it.and_then(|it| it.try_into().ok()).unwrap_or(usual))
}

/// What tells the registrations of the apps from every other.
pub(super) fn registrations(listed: &[Listed]) -> BTreeSet<String> {
    listed.iter().map(|it| it.pm2_env.unique_id.clone()).filter(|it| !it.is_empty()).collect()
}

/// A whole number, also one that is written as a text or with a fraction.
fn as_number(value: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "a fraction of a millisecond is nothing")]
    match value {
        Value::Number(number) => number.as_i64().or(number.as_f64().map(|it| it as i64)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn as_text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(it) => Some(it.to_string()),
        _ => None,
    }
}

fn used<'de, D: Deserializer<'de>>(from: D) -> Result<Monit, D::Error> {
    Value::deserialize(from)
        .map(|it| Monit { memory: as_number(&it["memory"]), cpu: it["cpu"].as_f64() })
}

fn number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    Value::deserialize(from).map(|it| as_number(&it))
}

fn text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Value::deserialize(from).map(|it| as_text(it).unwrap_or_default())
}

fn yes<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    Value::deserialize(from).map(|it| match it {
        Value::Bool(it) => Some(it),
        Value::String(text) => text.parse().ok(),
        _ => None,
    })
}

fn texts<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Value::deserialize(from).map(|it| match it {
        Value::Array(items) => items.into_iter().filter_map(as_text).collect(),
        Value::Null => Vec::new(),
        one => as_text(one).into_iter().collect(),
    })
}

fn numbers<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<i64>, D::Error> {
    Value::deserialize(from).map(|it| match it {
        Value::Array(items) => items.iter().filter_map(as_number).collect(),
        one => as_number(&one).into_iter().collect(),
    })
}

/// Variables whose value is a text. What else people's tools leave there never reaches a process.
fn environment<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    Value::deserialize(from).map(|it| match it {
        Value::Object(map) => {
            map.into_iter().filter_map(|(key, value)| Some((key, as_text(value)?))).collect()
        }
        _ => BTreeMap::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn values_are_read_in_any_form() {
        let it = json!({
            "pm_id": "_old_0", "name": 7, "pid": "12", "monit": { "memory": 5, "cpu": 1.5 },
            "pm2_env": {
                "status": "online", "args": "one", "stop_exit_codes": "3", "max_restarts": "16",
                "autorestart": "false", "kill_timeout": 1600.7, "created_at": null, "cron_restart": false,
                "env": { "A": 1, "junk": {} }
            }
        });
        let it: Listed = serde_json::from_value(it).unwrap();
        assert_eq!((it.name.as_str(), it.pid, it.number()), ("7", Some(12), None));
        assert_eq!((it.monit.memory, it.monit.cpu), (Some(5), Some(1.5)));
        let env = &it.pm2_env;
        assert_eq!(
            (env.args.as_slice(), env.stop_exit_codes.as_slice()),
            (&["one".into()][..], &[3][..])
        );
        assert_eq!((env.max_restarts, env.autorestart), (Some(16), Some(false)));
        assert_eq!(it.kill_timeout(), Duration::from_millis(1600));
        assert_eq!(it.listen_timeout(), Duration::from_secs(3));
        assert_eq!(env.env, BTreeMap::from([("A".to_owned(), "1".to_owned())]));
        assert_eq!(env.pm_uptime, None);
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".*".prop_map(Value::String),
        ];
        leaf.prop_recursive(2, 8, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
                prop::collection::btree_map(".*", inner, 0..3)
                    .prop_map(|it| Value::Object(it.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_value_of_a_process_hides_the_list(
            key in "status|args|env|max_restarts|pm_uptime|watch|stop_exit_codes|autorestart",
            value in values(),
            used in prop_oneof![values(), values().prop_map(|it| json!({ "memory": it, "cpu": it }))],
        ) {
            let it = json!([{ "pm_id": 0, "name": "a", "monit": used, "pm2_env": { key: value } }]);
            prop_assert!(serde_json::from_value::<Vec<Listed>>(it).is_ok());
        }
    }
}
