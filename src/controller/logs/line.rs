//! How a line of a log looks.

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use tracing::Level;

use crate::config::logs::{LONGEST_LINE, LogFormat};

/// Something that was said.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) at: Timestamp,
    pub(super) level: Level,
    pub(super) provider: Option<String>,
    /// The id of the look that it was said in.
    pub(super) look: Option<String>,
    pub(super) message: String,
}

/// A line as JSON. The time comes first: by it the age of a file is told.
#[derive(Serialize)]
struct Json<'a> {
    time: String,
    level: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    look: Option<&'a str>,
    message: &'a str,
}

impl Line {
    /// The line with its end, no longer than [`LONGEST_LINE`].
    pub(super) fn in_format(mut self, format: LogFormat) -> String {
        let longest = usize::try_from(LONGEST_LINE).unwrap_or(usize::MAX);
        loop {
            let line = match format {
                LogFormat::Text => self.text(),
                LogFormat::Json => self.json(),
            };
            if line.len() <= longest || self.message.is_empty() {
                return line;
            }
            let half = self.message.floor_char_boundary(self.message.len() / 2);
            self.message.truncate(half);
            // Else it would never be short enough.
            if half > '…'.len_utf8() {
                self.message.push('…');
            }
        }
    }

    fn time(&self) -> String {
        self.at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
    }

    fn text(&self) -> String {
        let mut line = format!("{} {:>5}", self.time(), self.level.as_str());
        if let Some(look) = &self.look {
            line.extend([" look=", look]);
        }
        // Nothing that is said looks like a line of its own.
        for (index, part) in self.message.lines().enumerate() {
            line.push_str(if index == 0 { " " } else { "\n    " });
            for c in part.chars() {
                if c.is_control() && c != '\t' {
                    line.extend(c.escape_default());
                } else {
                    line.push(c);
                }
            }
        }
        line.push('\n');
        line
    }

    fn json(&self) -> String {
        let json = Json {
            time: self.time(),
            level: self.level.as_str(),
            provider: self.provider.as_deref(),
            look: self.look.as_deref(),
            message: &self.message,
        };
        // Texts alone are always JSON.
        let mut line = serde_json::to_string(&json).unwrap_or_default();
        line.push('\n');
        line
    }
}

/// When the first line of a log, of which this is the beginning, was written.
pub(super) fn time_of(beginning: &str) -> Option<Timestamp> {
    let beginning = beginning.strip_prefix("{\"time\":\"").unwrap_or(beginning);
    beginning.split([' ', '"']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(message: &str) -> Line {
        Line {
            at: Timestamp::from_millisecond(1_700_000_000_123).unwrap(),
            level: Level::WARN,
            provider: Some("pm2".to_owned()),
            look: Some("abc-7".to_owned()),
            message: message.to_owned(),
        }
    }

    #[test]
    fn a_line_is_for_people_or_for_programs() {
        assert_eq!(
            line("pm2/a: gone").in_format(LogFormat::Text),
            "2023-11-14T22:13:20.123Z  WARN look=abc-7 pm2/a: gone\n"
        );
        assert_eq!(
            line("pm2/a: \"gone\"").in_format(LogFormat::Json),
            "{\"time\":\"2023-11-14T22:13:20.123Z\",\"level\":\"WARN\",\"provider\":\"pm2\",\
             \"look\":\"abc-7\",\"message\":\"pm2/a: \\\"gone\\\"\"}\n"
        );
    }

    #[test]
    fn nothing_that_is_said_looks_like_a_line_of_its_own() {
        let text = line("one\n2023-11-14 two\r\u{1b}[2J").in_format(LogFormat::Text);
        assert!(text.ends_with(" one\n    2023-11-14 two\\r\\u{1b}[2J\n"), "{text}");
        let text = line("one\ntwo").in_format(LogFormat::Json);
        assert_eq!(text.matches('\n').count(), 1);
    }

    #[test]
    fn a_line_is_cut_and_stays_what_it_is() {
        for (message, format) in [
            ("ä".repeat(100_000), LogFormat::Text),
            ("ä".repeat(100_000), LogFormat::Json),
            ("\u{1}".repeat(100_000), LogFormat::Json),
            ("\n".repeat(100_000), LogFormat::Text),
        ] {
            let text = line(&message).in_format(format);
            assert!(text.len() as u64 <= LONGEST_LINE && text.ends_with('\n'), "{}", text.len());
            if format == LogFormat::Json {
                let json: serde_json::Value = serde_json::from_str(&text).unwrap();
                assert!(json["message"].as_str().unwrap().ends_with('…'));
            }
        }
    }

    #[test]
    fn the_age_of_a_log_is_in_its_first_line() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let text = line("x").in_format(format);
            assert_eq!(time_of(&text), Some(line("x").at), "{text}");
        }
        for other in ["", "{\"time\":\"", "hello", "{\"time\":7}"] {
            assert_eq!(time_of(other), None, "{other}");
        }
    }
}
