//! What is refused: every problem of a file at once, each at its place.

use redundancy::config::parse;

use crate::wrong;

#[test]
fn all_problems_of_a_file_come_at_once() {
    insta::assert_snapshot!(wrong("
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
"), @"");
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
"), @"");
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
"), @"");
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
"), @"");
}

#[test]
fn a_key_given_twice_hides_nothing_else() {
    insta::assert_snapshot!(wrong("
[controller]
log_dir = 'a'
log_dir = 'b'
look_every = '0s'
[controller]
"), @"");
}

#[test]
fn processes_are_checked() {
    insta::assert_snapshot!(wrong(r#"
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
"#), @"");
}

#[test]
fn who_backs_up_whom_is_checked() {
    insta::assert_snapshot!(wrong("
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
"), @"");
}

#[test]
fn primaries_of_pm2_need_not_be_in_the_file() {
    let text = "
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
    assert_eq!(notes, []);
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
"#), @"");
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
        wrong("[[process]]\nname = 'x'\nscript = 'x'\ntimezone = 'UTC'\ncron = 5\n")
            .lines()
            .count(),
        1
    );
    assert_eq!(wrong("[[function]]\nbacks_up = 5\n").lines().count(), 1);
}

#[test]
fn a_flood_of_problems_ends() {
    let text: String = (0..5000).map(|n| format!("key{n} = 1\n")).collect();
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
fn keys_without_effect_are_noted() {
    let text = "
[controller]
report_every = '1h'
[failover]
mode = 'parallel'
fall = 5
[pm2]
home = 'x'
[github]
workflows_dir = 'x'
repository = 'a/b'
[netlify]
site = 'x'
[[process]]
name = 'a'
script = 'x'
runner = 'pm2'
";
    let (_, notes) = parse(text).unwrap();
    let told: Vec<String> = notes
        .iter()
        .map(|note| format!("{}: {}", &text[note.span.clone()], note.message))
        .collect();
    insta::assert_snapshot!(told.join("\n"), @"");
}
