//! The cron dialect of PM2. It is narrower than ours, and a schedule that PM2's daemon can't read
//! ends the daemon with every process in it.
//!
//! Source: croner 4 for JavaScript, which PM2 5, 6 and 7 bring with them.

use super::github_cron::{MONTHS, Refusal, WEEKDAYS, field};

/// Whether PM2 can read this schedule.
pub(super) fn check(schedule: &str) -> Result<(), Refusal> {
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = fields.as_slice() else {
        let help = "write five fields: minute, hour, day, month, weekday; like `30 4 * * *`";
        return Err((format!("PM2 does not know `{}`", schedule.escape_debug()), help.into()));
    };
    for (what, text, range, names) in [
        ("minute", minute, 0..=59, &[][..]),
        ("hour", hour, 0..=23, &[]),
        ("day", day, 1..=31, &[]),
        ("month", month, 1..=12, &MONTHS),
        ("weekday", weekday, 0..=7, &WEEKDAYS),
    ] {
        if what == "day" && text.eq_ignore_ascii_case("L") {
            continue;
        }
        let steps = range.end() - range.start() + 1;
        field(what, text, range, names)?;
        let Some((_, step)) = text.split_once('/') else { continue };
        if text.contains(',') || !step.parse::<u32>().is_ok_and(|it| it <= steps) {
            let message = format!("under PM2 the {what} can't be `{}`", text.escape_debug());
            let help = format!("a step stands alone, without a list, and is at most {steps}");
            return Err((message, help));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pm2_reads_is_taken_and_what_would_end_its_daemon_is_not() {
        for good in [
            "* * * * *",
            "*/15 9-17 1,15 JAN-mar 1-7",
            "20/15 */24 */31 */12 */7",
            "0 0 L * sun",
            "0-30/60 0 * * mon,wed",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "@daily",
            "0 0 15W * *",
            "0 0 LW * *",
            "0 0 L,15 * *",
            "0 0 * * MON#2",
            "0 0 * * 5L",
            "0 0 * * fri-sun",
            "0 0 * * +1",
            "*/5,10 * * * *",
            "10,*/5 * * * *",
            "*/61 * * * *",
            "* * * * */9",
            "1/2/3 * * * *",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
