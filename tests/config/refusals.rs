//! What is refused: every problem of a file at once, each at its place.

use redundancy::config::{Note, parse};

use crate::wrong;

#[test]
fn all_problems_of_a_file_come_at_once() {
    insta::assert_snapshot!(wrong("runner = 'embedded'
[controller]
look_evry = '5m'
log_dir = 5
look_every = 300
nonsense = 1
emergency_below = 50.0

[[process]]
name = 'a b'
command = 'sleep 5'
max_restart = 3
mode = 'exclusve'

[[process]]
cron_restart = '* * * * *'
env = { PORT = 3000 }
max_restarts = -1
log = { max_size = 'big', keep = '5' }

[[workflow]]
backs_up = ['a[', 5]
[[workflow]]
backs_up = ['a', 5]
[[workflow]]
"), @r#"
    3:1 unknown key `look_evry` (did you mean `look_every`?)
    4:11 `log_dir` is a whole number, and should be a text in quotes (write it as `log_dir = "5"`)
    5:14 `look_every` is a whole number, and should be a duration with its unit, like "90s" or "5m" (write it as `look_every = "300s"`)
    6:1 unknown key `nonsense` (the keys here are `log_dir`, `state_dir`, `look_every`, `history_for`, `system_check_every`, `report_every`, `emergency_below`)
    7:19 `emergency_below` is a share, from 0 to 1 (50 % is 0.5)
    10:8 a name has only letters, digits, `_`, `-` and `.`, not ' '
    11:11 `command` is a text, and should be a list (write it as `command = ["sleep", "5"]`)
    12:1 unknown key `max_restart` (did you mean `max_restarts`?)
    13:8 `mode` can't be "exclusve" (did you mean "exclusive"?)
    15:1 the key `name` is missing
    15:1 the process has neither `command` nor `script`: nothing says what to run (write `command = ["PROGRAM", "ARGUMENT"]` or `script = "FILE"`)
    16:1 unknown key `cron_restart` (here it is called `cron`)
    17:16 `PORT` is a whole number, and should be a text in quotes (write its value in quotes: `NAME = "..."`)
    18:16 `max_restarts` is -1, and should be a whole number, 0 or more, at most 4294967295
    19:20 a size is a number with a unit, like "500KiB" or "10MiB"
    19:34 `keep` is a text, and should be a whole number, 0 or more (write it as `keep = 5`)
    22:13 this is no pattern: unclosed character class; missing ']'
    24:18 an item of `backs_up` is a whole number, and should be a pattern in quotes
    25:1 the key `backs_up` is missing
    "#);
}

#[test]
fn a_path_is_no_pattern_for_names() {
    insta::assert_snapshot!(wrong("
[[workflow]]
backs_up = '.github/workflows/nightly.yml'
[[function]]
backs_up = ['hello', 'netlify/functions/*']
"), @r"
    3:12 `.github/workflows/nightly.yml` is a path, and names are looked for here (without its folder: `nightly.yml`)
    5:12 `netlify/functions/*` is a path, and names are looked for here (without its folder: `*`)
    ");
}

#[test]
fn a_key_in_the_wrong_place_is_sent_home() {
    insta::assert_snapshot!(wrong("
look_every = '1m'
fall = 2
proces = []
[[function]]
backs_up = '*'
schedule = 'daily'
site = 'x'
"), @r#"
    2:1 unknown key `look_every` (`look_every` belongs under `[controller]`)
    3:1 unknown key `fall` (`fall` belongs under `[failover]`)
    4:1 unknown key `proces` (did you mean `process`?)
    7:1 unknown key `schedule` (`schedule` belongs under `[[workflow]]`)
    8:1 unknown key `site` (`site` belongs under `[netlify]`)
    "#);
}

#[test]
fn a_table_is_a_table_and_a_list_is_a_list() {
    insta::assert_snapshot!(wrong("
function = [['a'], 5, 'x']
workflow = '*.yml'
[process]
name = 'a'
[[controller]]
look_every = '1m'
[failover]
backoff = ['1s']
"), @r#"
    2:13 an item of `function` is a list, and should be a table (write it as `{ ... }`)
    2:20 an item of `function` is a whole number, and should be a table (write it as `{ ... }`)
    2:23 an item of `function` is a text, and should be a table (write it as `{ ... }`)
    3:12 `workflow` is a text, and should be a list (write it as `[[workflow]]`)
    4:1 `process` is a table, and should be a list (write it as `[[process]]`)
    6:1 `controller` is a list, and should be a table (write it as `[controller]`)
    9:11 `backoff` is a list, and should be a table (write it as `backoff = { ... }`)
    "#);
}

#[test]
fn syntax_errors_come_one_a_line() {
    insta::assert_snapshot!(wrong("a =
b = 'x
c = yes
d = sleep
key: value
<<<<<<< HEAD
x = [1, 2
=======
>>>>>>> b
[controller
"), @r#"
    1:4 there is no value after `=`
    2:7 invalid literal string, expected `'`
    3:5 `yes` is no value (write it as `true`)
    4:5 a text must be in quotes (write it as `"sleep"`)
    5:4 invalid unquoted key, expected letters, numbers, `-`, `_`
    6:1 a merge conflict is not settled (keep one of the two versions, and remove the lines with the marks)
    8:1 a merge conflict is not settled (keep one of the two versions, and remove the lines with the marks)
    9:1 a merge conflict is not settled (keep one of the two versions, and remove the lines with the marks)
    10:1 missing comma between array elements, expected `,`
    "#);
}

#[test]
fn a_key_given_twice_hides_nothing_else() {
    insta::assert_snapshot!(wrong("
[controller]
log_dir = 'a'
log_dir = 'b'
look_every = '0s'
[controller]
"), @r#"
    4:1 `log_dir` is given twice (keep one of them)
    5:14 `look_every` is at least `1s`
    6:2 `controller` is given twice (keep one of them)
    "#);
}

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
fn the_single_tables_are_checked() {
    insta::assert_snapshot!(wrong(r#"
[controller]
log_dir = '/var/log'
state_dir = 'a/../../b'
look_every = '999ms'
history_for = '0s'
emergency_below = nan
[failover]
fall = 0
backoff = { initial = '2m', max = '1m', factor = inf }
[github]
workflows_dir = ''
token_env = 'A=B'
[netlify]
functions_dir = ".."
token_env = ""
[[workflow]]
backs_up = []
schedule = '@daily'
[[workflow]]
backs_up = ''
schedule = '5 3 * * 7'
"#), @r#"
    3:11 `log_dir` is absolute, and has to be inside the project (write it relative to the folder of this file, like `automation/logs`)
    4:13 `state_dir` leads out of the project (write it relative to the folder of this file, like `automation/logs`)
    5:14 `look_every` is at least `1s`
    6:15 `history_for` is at least `1s`
    7:19 `emergency_below` is a share, from 0 to 1
    9:8 `fall` is at least 1
    10:35 the longest rest, `max` (1m), is shorter than the first, `initial` (2m)
    10:50 `factor` is a number of at least 1: a rest never gets shorter
    12:17 `workflows_dir` is empty (write it relative to the folder of this file, like `automation/logs`)
    13:13 `token_env` is the name of an environment variable, and it holds a `=`
    15:17 `functions_dir` leads out of the project (write it relative to the folder of this file, like `automation/logs`)
    16:13 `token_env` is the name of an environment variable, and it is empty
    18:12 `backs_up` is empty, so nothing would get a backup (for all: `backs_up = "*"`)
    19:12 GitHub does not know `@daily` (write it as `daily`)
    21:12 an empty pattern matches nothing
    22:12 the weekday can't be `7` (weekdays are 0 (Sunday) to 6 (Saturday))
    "#);
}

#[test]
fn an_empty_file_is_refused_and_an_empty_table_is_not() {
    for text in ["", " \n\n", "# all of it\n# is a comment\n", "\u{feff}"] {
        assert!(wrong(text).starts_with("whole the file is empty"), "{text:?}");
    }
    assert!(parse("[controller]\n").is_ok());
}

#[test]
fn a_problem_is_told_once_when_its_key_is_also_needed() {
    // Each of these keys is required, and there, and wrong.
    assert_eq!(wrong("[[process]]\nname = 5\nscript = 'x'\n").lines().count(), 1);
    assert_eq!(wrong("[[process]]\nname = 'x'\nscript = 5\n").lines().count(), 1);
    assert_eq!(
        wrong("runner = 'embedded'\n[[process]]\nname = 'x'\nscript = 'x'\ntimezone = 'UTC'\ncron = 5\n")
            .lines()
            .count(),
        1
    );
    assert_eq!(wrong("[[function]]\nbacks_up = 5\n").lines().count(), 1);
}

#[test]
fn a_flood_of_problems_ends() {
    let lines: Vec<String> = (0..5000).map(|n| format!("key{n} = 1")).collect();
    let text = lines.join("\n");
    let shown = wrong(&text);
    assert_eq!(shown.lines().count(), 101);
    assert!(
        shown.ends_with(
            "whole there are more than 100 problems; the others show when these are gone"
        )
    );
}

#[test]
fn a_token_is_refused_and_never_told() {
    let secret = format!("ghp_{}", "Ab3".repeat(12));
    let netlify = format!("nfp_{}", "Cd4".repeat(12));
    let text = format!(
        "# old: {netlify}\n[github]\ntoken_env = \"{secret}\"\napi_url = 5\n[[process]]\nname = 'x'\n\
         mode = '{secret}'\n{secret} = 1\ncommand = '{secret} a'\n"
    );
    let shown = wrong(&text);
    assert!(!shown.contains("Ab3") && !shown.contains("Cd4"), "{shown}");
    assert_eq!(shown.lines().filter(|line| line.contains("looks like a")).count(), 5, "{shown}");
    assert!(shown.contains("`api_url` is a whole number"), "{shown}");
}

#[test]
fn a_schedule_that_would_end_the_daemon_of_pm2_is_refused() {
    let process = "[[process]]\nname = 'x'\nscript = 'x'\ncron = '@daily'\n";
    insta::assert_snapshot!(wrong(process), @r#"4:8 PM2 does not know `@daily` (write five fields: minute, hour, day, month, weekday; like `30 4 * * *`, or write `runner = "embedded"`)"#);
    let embedded = wrong(&format!("runner = 'embedded'\n{process}cwd = ''\n"));
    assert!(!embedded.contains("@daily"), "{embedded}");
}

#[test]
fn where_newer_versions_are_is_a_repository() {
    insta::assert_snapshot!(wrong("
[update]
repository = 'https://github.com/a/b'
token_env = ''
every = '1d'
"), @r#"
        3:14 `repository` is "https://github.com/a/b", which is no repository; write it like "owner/name"
        4:13 `token_env` is the name of an environment variable, and it is empty
        5:1 unknown key `every` (the keys here are `repository`, `token_env`, `api_url`, `automatic`, `check_every`, `trial`)
        "#);
    insta::assert_snapshot!(wrong("[update]\nautomatic = true\ncheck_every = '1s'\ntrial = '0s'\n"), @r#"
        2:13 nobody knows where newer versions are (give `repository = "owner/name"` too, the repository on GitHub whose releases they are)
        3:15 `check_every` is at least `1m`
        4:9 `trial` is at least `1s`
        "#);
}
