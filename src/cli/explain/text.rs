//! The explanation as people read it.

use std::fmt::Write;

use jiff::Timestamp;

use super::{HandBack, PairReport, Report, Resource, Side, Standing};
use crate::{
    cli::{
        human::help,
        output::{count, visible},
        pause,
        status::ago,
    },
    config::units::Span,
    core::{duty::Rules, outlook::Next},
};

/// The rules of a pair in words.
pub(super) fn rules(rules: &Rules) -> Vec<String> {
    let mut words = Vec::new();
    words.push(if rules.exclusive {
        "the two never run at once (exclusive)".to_owned()
    } else {
        "the two run side by side (parallel)".to_owned()
    });
    words.push(match rules.patience.fall {
        1 => "one failure counts as failing".to_owned(),
        fall => format!("{fall} failures in a row count as failing"),
    });
    if !rules.exclusive {
        return words;
    }
    if !rules.controls_primary {
        words.push("nothing allows to stop or start the primary".to_owned());
    }
    words.push(format!("a stop has to be proven within {}", Span(rules.fence)));
    words.push(format!(
        "what was started is on duty when it has been well for {}",
        Span(rules.settle)
    ));
    let hold = Span(rules.hold);
    words.push(match &rules.hand_back {
        HandBack::Auto => format!("duty goes back by itself, after {hold} or longer"),
        HandBack::Manual => "duty goes back when a person says so".to_owned(),
        HandBack::Never => "duty does not go back as long as the backup works".to_owned(),
        HandBack::Window { from, to, zone } => format!(
            "duty goes back by itself, after {hold} or longer, between {} and {} {}",
            from.strftime("%H:%M"),
            to.strftime("%H:%M"),
            zone.iana_name().unwrap_or("UTC")
        ),
    });
    words.push(format!(
        "at most {} within {}",
        count(rules.budget as usize, "failover"),
        Span(rules.window)
    ));
    words
}

pub(super) fn human(report: &Report) -> String {
    let mut text = String::new();
    let mut line = |label: &str, what: &str| {
        let _ = writeln!(text, "{label:10}{}", visible(what));
    };
    let at = report.at;
    match &report.pair {
        Some(pair) => {
            line("pair", &format!("{}, backed up by {}", pair.primary, pair.backup));
            for (index, rule) in pair.rules.iter().enumerate() {
                line(if index == 0 { "rules" } else { "" }, rule);
            }
            line("duty", &duty(report, pair));
            for it in &report.resources {
                about(it, at, &mut line);
            }
            // Between two that run side by side there are none.
            if pair.exclusive {
                let counted = pair.failovers.map_or("not known".to_owned(), |it| it.to_string());
                let window = Span(std::time::Duration::from_secs(pair.window));
                line("failovers", &format!("{counted} of {} within {window}", pair.budget));
            }
            if let Some(stuck) = &pair.stuck {
                line("kept", stuck);
            }
        }
        None => {
            for it in &report.resources {
                about(it, at, &mut line);
            }
        }
    }
    if let Some(why) = &report.unseen {
        line("not seen", why);
    }
    for pause in &report.pauses {
        line("paused", &pause::line(pause));
    }
    let mut next: Vec<String> = report.next.iter().map(moment).collect();
    if next.is_empty() {
        let held = report.resources.iter().find_map(|it| it.held.as_ref());
        next.push(match held {
            Some(it) => help(&it.held).unwrap_or_else(|| "it is left as it is".to_owned()),
            None if report.unseen.is_some() => "nothing, as long as it is not seen".to_owned(),
            None => "nothing is to be done about it".to_owned(),
        });
    }
    for (index, what) in next.iter().enumerate() {
        line(if index == 0 { "next" } else { "" }, what);
    }
    match &report.watch {
        Some(holder) => line("watch", &holder.to_string()),
        None => line(
            "watch",
            "nobody watches, so nothing of this happens before somebody runs `redundancy watch`",
        ),
    }
    text
}

/// Who is on duty, since when and why.
fn duty(report: &Report, pair: &PairReport) -> String {
    let standing = |it: &Resource| {
        let phase = it.duty.as_ref().map_or(Standing::NotKnown, |it| it.phase);
        let is = if phase == Standing::StandsBy { "" } else { "is " };
        format!("{} {is}{phase}", it.id)
    };
    let mut text = match report.resources.first().and_then(|it| it.duty.as_ref()).map(|it| it.phase)
    {
        None | Some(Standing::NotKnown) => "not known yet: what runs is being found out".to_owned(),
        Some(Standing::Paused) => {
            let serving = match pair.serving {
                Some(Side::Backup) => &pair.backup,
                Some(Side::Primary) | None => &pair.primary,
            };
            return format!("paused, with {serving} on duty");
        }
        Some(_) => report.resources.iter().map(standing).collect::<Vec<_>>().join(", "),
    };
    match pair.since {
        Some(since) => {
            let _ = write!(text, ", since {since:.0} ({})", ago(since, report.at));
        }
        None => text.push_str("; since when is not known"),
    }
    if let Some(cause) = &pair.cause {
        let _ = write!(text, ": {cause}");
    }
    text
}

/// How one resource does.
fn about(it: &Resource, at: Timestamp, line: &mut impl FnMut(&str, &str)) {
    let label = match it.side {
        Some(Side::Primary) => "primary",
        Some(Side::Backup) => "backup",
        None => "resource",
    };
    let mut text = format!("{}: {} ({})", it.id, it.state, it.health);
    if let Some(since) = it.since {
        let _ = write!(text, ", since {since:.0} ({})", ago(since, at));
    }
    line(label, &text);
    if it.side.is_none() {
        let backs_up = it.backs_up.as_ref();
        let of = match (backs_up, &it.backed_up_by) {
            (Some(primary), _) => format!("it backs up {primary}"),
            (None, Some(backup)) => format!("it is backed up by {backup}"),
            (None, None) => "it is in no pair".to_owned(),
        };
        let ours = if it.managed { "managed by this tool" } else { "not managed by this tool" };
        line("", &format!("{of}; {ours}"));
    }
    if let (None, Some(duty)) = (it.side, &it.duty) {
        let mut text = format!("duty: {}", duty.phase);
        if let Some(since) = duty.since {
            let _ = write!(text, " since {since:.0} ({})", ago(since, at));
        }
        if let Some(cause) = &duty.cause {
            let _ = write!(text, ", because {cause}");
        }
        line("", &text);
    }
    if let Some(last) = it.last_success_by_schedule {
        line("", &format!("last success by schedule {last:.0} ({})", ago(last, at)));
    }
    if let Some(restarts) = it.restarts {
        let last = it.last_exit.as_ref().map_or(String::new(), |it| format!("; its last run {it}"));
        line(
            "",
            &format!("{}{last}", count(usize::try_from(restarts).unwrap_or(usize::MAX), "restart")),
        );
    }
    if it.side.is_some() && it.evidence.is_none() {
        line("", "failures in a row: not known, because only a watch counts them");
    }
    if let Some(it) = &it.evidence {
        let how = it.how.as_ref().map_or(String::new(), |it| format!(" ({it})"));
        let mut text = format!("{} of {} failures in a row{how}", it.failures, it.fall);
        if let Some(since) = it.well_since {
            let _ = write!(text, "; well since {since:.0} ({})", ago(since, at));
        }
        if it.flapping {
            text.push_str("; fails and is well again all the time");
        }
        line("", &text);
    }
    if let Some(it) = &it.recovery {
        line(
            "",
            &format!(
                "recovery was tried {} of {} times, last at {:.0}",
                it.attempts, it.of, it.last
            ),
        );
    }
    // Mostly it says more than how the resource is.
    if let Some(it) = it.held.as_ref().filter(|held| !it.state.contains(&held.text)) {
        line("", &format!("left alone: {}", it.text));
    }
}

fn moment(next: &Next) -> String {
    match next.at {
        Some(at) => format!("at {at:.0}: {}", next.what),
        None => next.what.clone(),
    }
}
