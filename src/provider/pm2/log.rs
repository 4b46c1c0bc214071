//! The daemon's own log: the only place where PM2 tells which signal ended a process.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

use super::listed::PmId;

/// Which process a line of the daemon's log tells the end of, and the signal that ended it, if one
/// did: `App [NAME:ID] exited with code [0] via signal [SIGKILL]`. For an end without a signal it
/// says SIGINT.
pub(super) fn ended_by(line: &str) -> Option<(PmId, Option<String>)> {
    let rest = line.trim_end().strip_prefix("App [")?;
    // The name may hold anything: what follows it is found from the end.
    let (app, rest) = rest.rsplit_once("] exited with code [")?;
    let (_, id) = app.rsplit_once(':')?;
    let (code, signal) = rest.strip_suffix(']')?.split_once("] via signal [")?;
    let plain = signal == "SIGINT" || code != "0";
    let known = signal.starts_with("SIG") && signal.bytes().all(|it| it.is_ascii_alphanumeric());
    Some((PmId::Number(id.parse().ok()?), (!plain && known).then(|| signal.to_owned())))
}

/// How much of the end of the daemon's log is read: it tells of some thousand ends.
const LOG_END: u64 = 256 * 1024;

/// The signal that ended the last run of a process, by the daemon's log: for ends that nobody heard.
/// A log that can't be read tells of none.
pub(super) fn signal_in_log(log: &Path, id: &PmId) -> Option<String> {
    let mut file = File::open(log).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_END))).ok()?;
    let mut end = Vec::new();
    file.take(LOG_END).read_to_end(&mut end).ok()?;
    last_signal(&String::from_utf8_lossy(&end), id)
}

/// The signal that ended the last run of a process, by these lines of the daemon's log: none where
/// the daemon had been asked to stop it.
fn last_signal(log: &str, id: &PmId) -> Option<String> {
    let asked_to_stop = format!(" id:{id}");
    let mut lines = log.lines().rev();
    let told = |line: &str| ended_by(&line[line.find("App [")?..]).filter(|(of, _)| of == id);
    let signal = lines.find_map(told)?.1?;
    let began = |line: &&str| line.contains("App [") && line.ends_with(&format!(":{id}] online"));
    let run = lines.take_while(|line| !began(line));
    let stopped =
        run.into_iter().any(|it| it.contains("Stopping app:") && it.ends_with(&asked_to_stop));
    (!stopped).then_some(signal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daemons_log_tells_signals() {
        let told = |line| ended_by(line).map(|(id, signal)| (id.to_string(), signal));
        let line = "App [a:b]:12] exited with code [0] via signal [SIGKILL]\n";
        assert_eq!(told(line), Some(("12".to_owned(), Some("SIGKILL".to_owned()))));
        let clean = "App [a:3] exited with code [0] via signal [SIGINT]";
        assert_eq!(told(clean), Some(("3".to_owned(), None)));
        let code = "App [a:3] exited with code [1] via signal [SIGTERM]";
        assert_eq!(told(code), Some(("3".to_owned(), None)));
        assert_eq!(told("App [a:3] online"), None);
        assert_eq!(told("App [a] exited with code [0] via signal [x]"), None);
    }

    #[test]
    fn the_daemons_log_tells_which_signal_ended_the_last_run() {
        let end = "T: PM2 log: App [a:3] exited with code [0] via signal [SIGKILL]\n";
        let log = |before: &str, after: &str| {
            let begin = "T: PM2 log: App [a:3] online\n";
            last_signal(&format!("{begin}{before}{end}{after}"), &PmId::Number(3))
        };
        assert_eq!(log("", "T: PM2 log: App [b:4] online\n"), Some("SIGKILL".to_owned()));
        assert_eq!(log("T: PM2 log: Stopping app:a id:3\n", ""), None);
        assert_eq!(log("T: PM2 log: Stopping app:b id:4\n", ""), Some("SIGKILL".to_owned()));
        let clean = "T: PM2 log: App [a:3] exited with code [0] via signal [SIGINT]\n";
        assert_eq!(log("", clean), None);
        assert_eq!(last_signal("", &PmId::Number(3)), None);
    }
}
