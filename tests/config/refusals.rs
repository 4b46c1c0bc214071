//! What is refused: every problem of a file at once, each at its place.

use redundancy::config::parse;

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
        18:16 `max_restarts` is -1, and should be a whole number from 0 to 4294967295
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

#[test]
fn a_whole_number_is_told_with_its_bounds() {
    insta::assert_snapshot!(wrong("
[metrics]
port = 0
[[process]]
name = 'x'
script = 'x'
pm2 = { stop_exit_codes = [300], instances = 'two' }
[[function]]
backs_up = '*'
test = { status = 70000 }
[failover]
fall = '3'
"), @r"
        3:8 `port` is 0, and should be a whole number from 1 to 65535
        7:28 an item of `stop_exit_codes` is 300, and should be a whole number from 0 to 255
        7:46 `instances` is a text, and should be a whole number, 0 or more
        10:19 `status` is 70000, and should be a whole number from 0 to 65535
        12:8 `fall` is a text, and should be a whole number, 0 or more (write it as `fall = 3`)
        ");
}

#[test]
fn a_repository_is_owner_and_name_wherever_it_is_named() {
    insta::assert_snapshot!(wrong("[github]\nrepository = 'https://github.com/a/b'\n"), @r#"
        2:14 `repository` is "https://github.com/a/b", which is no repository; write it like "owner/name"
        "#);
}
