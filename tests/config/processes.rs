//! `[[process]]`: what its keys have to hold, and who may back up whom.

use redundancy::config::{Note, parse};

use crate::wrong;

#[test]
fn processes_are_checked() {
    insta::assert_snapshot!(wrong(r#"runner = 'embedded'
[[process]]
name = 'a'
command = ['x', "b\u0000"]
script = 'b'
args = ['c']
[[process]]
name = 'b'
args = ['c']
interpreter = 'node'
[[process]]
name = 'c'
command = []
[[process]]
name = 'd'
command = ['']
timezone = 'Europe/Berln'
[[process]]
name = 'e'
script = ' '
cwd = ''
cron = '61 * * * *'
[[process]]
name = 'f'
script = 'x'
cron = '0 0 30 2 *'
[[process]]
name = 'g'
script = 'x'
cron = '@daily'
log.max_size = 0
backoff = { factor = 0.5, initial = '10m' }
[process.env]
'' = 'a'
'A=B' = 'c'
C = "d\u0000"
[[process]]
name = 'all'
script = 'x'
[[process]]
name = '12'
script = 'x'
"#), @r#"
    4:17 an argument can't hold a NUL character
    5:1 `command` and `script` are both given, and only one of them can run (keep one of them)
    7:1 the process has neither `command` nor `script`: nothing says what to run (write `command = ["PROGRAM", "ARGUMENT"]` or `script = "FILE"`)
    9:1 `args` goes with `script`, and there is none (with `command`, the arguments follow the program in its list)
    10:1 `interpreter` goes with `script`, and there is none (with `command`, the arguments follow the program in its list)
    13:11 `command` is empty: there is no program to run (write the program and its arguments: `command = ["sleep", "60"]`)
    16:12 the first item of `command` is the program, and it is empty
    17:1 `timezone` is the zone of `cron`, and there is no `cron`
    17:12 unknown time zone "Europe/Berln" (did you mean "Europe/Berlin"?)
    20:10 `script` is empty
    21:7 `cwd` is empty
    22:8 `cron` can't be read: number out of bounds (five fields: minute, hour, day, month, weekday; like `*/15 * * * *`)
    26:8 this time never comes (five fields: minute, hour, day, month, weekday; like `*/15 * * * *`)
    31:16 `max_size` is at least 1 byte
    32:22 `factor` is a number of at least 1: a rest never gets shorter
    32:37 the longest rest, `max` (5m), is shorter than the first, `initial` (10m)
    34:1 this is no name of an environment variable: it is empty
    35:1 this is no name of an environment variable: it holds a `=`
    36:5 a variable can't hold a NUL character
    38:8 a process can't be called `all`: `all` means every process to PM2 (call it something like `job-all`)
    41:8 a process can't be called `12`: a number means a process id to PM2 (call it something like `job-12`)
    "#);
}

#[test]
fn who_backs_up_whom_is_checked() {
    insta::assert_snapshot!(wrong("runner = 'embedded'
[[process]]
name = 'a'
script = 'x'
[[process]]
name = 'a'
script = 'x'
[[process]]
name = 'itself'
backs_up = 'itself'
script = 'x'
[[process]]
name = 'c'
backs_up = 'd'
script = 'x'
[[process]]
name = 'd'
backs_up = 'c'
script = 'x'
[[process]]
name = 'of-a-backup'
backs_up = 'embedded/c'
script = 'x'
[[process]]
name = 'of-nothing'
backs_up = 'embedded/itsel'
script = 'x'
[[process]]
name = 'of-a-workflow'
backs_up = 'github/ci.yml'
script = 'x'
[[process]]
name = 'of-odd'
backs_up = ''
script = 'x'
"), @r#"
        6:8 there are two processes called `a` (give one of them another name)
        10:12 `itself` backs up itself (if the primary is a process of PM2, write it as "pm2/itself")
        14:12 `c` and `d` back up each other in a circle (a primary backs up nothing: take `backs_up` out of it)
        18:12 `d` and `c` back up each other in a circle (a primary backs up nothing: take `backs_up` out of it)
        22:12 `embedded/c` has an exclusive backup already, `d` (of an exclusive pair one runs at a time; further backups are `mode = "parallel"`)
        22:12 `of-a-backup` backs up `c`, which is a backup itself (a backup has no backup: let both back up the same primary)
        26:12 no process that this tool runs is called "itsel" (did you mean "embedded/itself"?)
        30:12 a process can't back up what is no process (`[[workflow]]` gives it a backup)
        34:12 `backs_up` is empty (leave it out when there is no primary)
        "#);
}

#[test]
fn primaries_of_pm2_need_not_be_in_the_file() {
    let text = "
        runner = 'embedded'
        [[process]]
        name = 'mailer'
        backs_up = 'pm2/mailer'
        script = 'x'
        [[process]]
        name = 'other'
        backs_up = '@scope/an app'
        script = 'x'
    ";
    let (config, notes) = parse(text).unwrap();
    assert_eq!(config.process[0].backs_up.as_deref(), Some("pm2/mailer"));
    let told = |notes: &[Note]| notes.iter().map(|it| it.message.clone()).collect::<Vec<_>>();
    insta::assert_debug_snapshot!(told(&notes), @r#"
[
    "nothing may stop the primary of `mailer`, so it takes over only when PM2 has given that up; `control_primary = true` in [failover] allows to stop and start it",
    "nothing may stop the primary of `other`, so it takes over only when PM2 has given that up; `control_primary = true` in [failover] allows to stop and start it",
]
"#);
    for allowed in ["failover.control_primary = true\n", "failover.mode = 'parallel'\n"] {
        let (_, notes) = parse(&format!("{allowed}{text}")).unwrap();
        assert_eq!(told(&notes), [""; 0]);
    }
}

#[test]
fn a_schedule_that_would_end_the_daemon_of_pm2_is_refused() {
    let process = "[[process]]\nname = 'x'\nscript = 'x'\ncron = '@daily'\n";
    insta::assert_snapshot!(wrong(process), @r#"4:8 PM2 does not know `@daily` (write five fields: minute, hour, day, month, weekday; like `30 4 * * *`, or write `runner = "embedded"`)"#);
    let embedded = wrong(&format!("runner = 'embedded'\n{process}cwd = ''\n"));
    assert!(!embedded.contains("@daily"), "{embedded}");
}

#[test]
fn an_exclusive_primary_has_one_backup_however_it_is_named() {
    insta::assert_snapshot!(wrong("runner = 'embedded'
[[process]]
name = 'web'
script = 'x'
[[process]]
name = 'b'
backs_up = 'web'
script = 'x'
[[process]]
name = 'c'
backs_up = 'embedded/web'
script = 'x'
[[process]]
name = 'd'
backs_up = 'pm2/web'
script = 'x'
[[process]]
name = 'e'
backs_up = 'api'
script = 'x'
[[process]]
name = 'f'
backs_up = 'pm2/api'
script = 'x'
[[process]]
name = 'g'
backs_up = 'embedded/web'
mode = 'parallel'
script = 'x'
[[process]]
name = 'h'
backs_up = 'pm2/'
script = 'x'
"), @r#"
        11:12 `embedded/web` has an exclusive backup already, `b` (of an exclusive pair one runs at a time; further backups are `mode = "parallel"`)
        23:12 `pm2/api` has an exclusive backup already, `e` (of an exclusive pair one runs at a time; further backups are `mode = "parallel"`)
        32:12 `backs_up` names no process: "pm2/" (the name follows the `/`, like "pm2/worker")
        "#);
}
