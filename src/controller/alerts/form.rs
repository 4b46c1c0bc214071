//! The forms in which a message is sent.

use std::{path::Path, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    core::alert::{Key, Kind, Message, Severity, What},
    http::text::harmless,
};

/// The version of our own form.
const VERSION: u32 = 1;

/// The most characters of a message for people.
const MOST_SHOWN: usize = 1000;

/// How long an Alertmanager shows what happened and has no end.
const EVENT_LASTS: Duration = Duration::from_mins(30);

/// Where messages come from: people have more than one project, and more than one machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    /// The name of the project's folder.
    project: String,
    /// What this machine is called.
    host: String,
}

impl Origin {
    pub(super) fn of(root: &Path) -> Self {
        let project = root.file_name().unwrap_or(root.as_os_str()).to_string_lossy().into_owned();
        // The same that `uname -n` says.
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Self { project, host: host.trim().to_owned() }
    }
}

/// Our own form, for webhooks and commands. It only gains keys within a version.
pub(super) fn own(message: &Message, from: &Origin) -> Value {
    let Message { what, alert, at, more } = message;
    let Key { kind, about } = &alert.key;
    json!({
        "version": VERSION,
        "status": what,
        "key": alert.key,
        "kind": kind.word(),
        "about": (!about.is_empty()).then_some(about),
        "severity": alert.severity,
        "text": message.to_string(),
        "since": alert.since,
        "at": at,
        "more": more,
        "project": from.project,
        "host": from.host,
    })
}

/// For an incoming webhook of Slack: `{"text": ...}`, in which `&`, `<` and `>` are escaped, as they
/// begin links and mentions (api.slack.com, "Formatting text for app surfaces", "Escaping text").
pub(super) fn slack(message: &Message, from: &Origin) -> Value {
    let sign = match (message.what, message.alert.severity) {
        (What::Resolved, _) => ":white_check_mark:",
        (_, Severity::Critical) => ":rotating_light:",
        (_, Severity::Warning) => ":warning:",
        (_, Severity::Info) => ":information_source:",
    };
    let text = harmless(&message.to_string(), MOST_SHOWN);
    let text = format!("{text} ({} on {})", from.project, from.host);
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    json!({ "text": format!("{sign} {text}") })
}

/// For `POST /api/v2/alerts` of an Alertmanager: a list of alerts (its `api/v2/openapi.yaml`). One that
/// is not sent again is over at `endsAt` there, so that is well after our next reminder.
pub(super) fn alertmanager(message: &Message, from: &Origin, remind_every: Duration) -> Value {
    let Message { what, alert, at, .. } = message;
    let ends = match what {
        What::Firing | What::Reminder => later(*at, remind_every.saturating_mul(2)),
        What::Resolved => *at,
        What::Event => later(*at, EVENT_LASTS),
    };
    let mut labels = json!({
        "alertname": name(alert.key.kind),
        "severity": alert.severity,
        "project": from.project,
        "instance": from.host,
    });
    if !alert.key.about.is_empty() {
        labels["resource"] = json!(alert.key.about);
    }
    json!([{
        "labels": labels,
        "annotations": { "summary": harmless(&message.to_string(), MOST_SHOWN) },
        "startsAt": alert.since,
        "endsAt": ends,
    }])
}

fn later(at: Timestamp, time: Duration) -> Timestamp {
    let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
    at.checked_add(time).unwrap_or(Timestamp::MAX)
}

/// The name of an alert as Prometheus people write them.
fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Failed => "RedundancyFailed",
        Kind::Unwell => "RedundancyUnwell",
        Kind::Failover => "RedundancyFailover",
        Kind::Blocked => "RedundancyBlocked",
        Kind::Stuck => "RedundancyStuck",
        Kind::Emergency => "RedundancyEmergency",
        Kind::Storm => "RedundancyStorm",
        Kind::Breaker => "RedundancyBreakerOpen",
        Kind::Blind => "RedundancyProviderBlind",
        Kind::Crash => "RedundancyCrashed",
        Kind::Undone => "RedundancyUpdateUndone",
        Kind::More => "RedundancyTooManyAlerts",
        Kind::Test => "RedundancyTest",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::alert::Alert;

    fn message(what: What) -> (Message, Origin) {
        let at = |second| Timestamp::from_second(second).unwrap();
        let alert = Alert {
            key: Key::new(Kind::Failed, "embedded/web"),
            severity: Severity::Critical,
            text: "failed: exited with code 1 & <!channel>".to_owned(),
            since: at(1_700_000_000),
        };
        let message = Message { what, alert, at: at(1_700_000_100), more: 5 };
        (message, Origin { project: "shop".to_owned(), host: "box".to_owned() })
    }

    #[test]
    fn the_forms() {
        let (message, from) = message(What::Firing);
        insta::assert_snapshot!(own(&message, &from), @r#"
        {"about":"embedded/web","at":"2023-11-14T22:15:00Z","host":"box","key":"failed:embedded/web","kind":"failed","more":5,"project":"shop","severity":"critical","since":"2023-11-14T22:13:20Z","status":"firing","text":"embedded/web: failed: exited with code 1 & <!channel> (5 more were not sent: too many within an hour)","version":1}
        "#);
        insta::assert_snapshot!(slack(&message, &from), @r#"
        {"text":":rotating_light: embedded/web: failed: exited with code 1 &amp; &lt;!channel&gt; (5 more were not sent: too many within an hour) (shop on box)"}
        "#);
        insta::assert_snapshot!(alertmanager(&message, &from, Duration::from_hours(4)), @r#"
        [{"annotations":{"summary":"embedded/web: failed: exited with code 1 & <!channel> (5 more were not sent: too many within an hour)"},"endsAt":"2023-11-15T06:15:00Z","labels":{"alertname":"RedundancyFailed","instance":"box","project":"shop","resource":"embedded/web","severity":"critical"},"startsAt":"2023-11-14T22:13:20Z"}]
        "#);
    }

    #[test]
    fn what_is_over_ends_now_at_an_alertmanager() {
        let (message, from) = message(What::Resolved);
        let sent = alertmanager(&message, &from, Duration::from_hours(4));
        assert_eq!(sent[0]["endsAt"], "2023-11-14T22:15:00Z");
        assert_eq!(sent[0]["labels"]["alertname"], "RedundancyFailed");
    }
}
