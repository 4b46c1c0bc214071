//! Problems and notes as a person reads them.

use proptest::prelude::*;
use redundancy::config::{
    parse,
    render::{self, Style},
};

fn shown(text: &str, style: Style) -> String {
    let problems = parse(text).expect_err("the text has problems");
    render::problems("a/redundancy.toml", text, &problems, style)
}

#[test]
fn a_problem_shows_its_line_and_what_would_be_right() {
    let text = "[[process]]\nname = 'ü'\n\tmax_restart = 3\nscript = 'x'\n";
    insta::assert_snapshot!(shown(text, Style::Plain), @r#"
    error: a name starts with a letter, a digit or `_`, not with 'ü'
     --> a/redundancy.toml:2:8
      |
    2 | name = 'ü'
      |        ^^^

    error: unknown key `max_restart`
     --> a/redundancy.toml:3:2
      |
    3 |     max_restart = 3
      |     ^^^^^^^^^^^
      |
      = help: did you mean `max_restarts`?
    "#);
}

#[test]
fn two_places_that_belong_together_are_both_shown() {
    let process = "[[process]]\nname = 'a'\nscript = 'x'\n";
    let text = format!("{process}{}{process}", "# a comment\n".repeat(20));
    insta::assert_snapshot!(shown(&text, Style::Plain), @r#"
    error: there are two processes called `a`
      --> a/redundancy.toml:25:8
       |
    25 | name = 'a'
       |        ^^^
       |
      ::: a/redundancy.toml:2:8
       |
     2 | name = 'a'
       |        --- the first one
       |
       = help: give one of them another name
    "#);
}

#[test]
fn a_problem_of_the_whole_file_shows_the_file() {
    insta::assert_snapshot!(shown("", Style::Plain), @r#"
    error: the file is empty: nothing is taken from it
    --> a/redundancy.toml
     = help: to manage nothing on purpose, write `[controller]`; `redundancy init` writes a first file where there is none
    "#);
}

#[test]
fn notes_show_their_line() {
    let text = "[[process]]\nname = 'w-backup'\ncommand = ['x']\nbacks_up = 'w'\n\
                [failover]\ncontrol_primary = false\n";
    let (_, notes) = parse(text).unwrap();
    insta::assert_snapshot!(render::notes("redundancy.toml", text, &notes, Style::Plain), @r"
        note: nothing may stop the primary of `w-backup`, so it takes over only when PM2 has given that up; `control_primary = true` in [failover] allows to stop and start it
         --> redundancy.toml:4:12
          |
        4 | backs_up = 'w'
          |            ^^^
        ");
    assert_eq!(render::notes("redundancy.toml", text, &[], Style::Plain), "");
}

#[test]
fn colours_come_only_when_asked_for() {
    assert!(!shown("a = 1\n", Style::Plain).contains('\u{1b}'));
    assert!(shown("a = 1\n", Style::Coloured).contains('\u{1b}'));
}

#[test]
fn a_long_line_is_cut_around_the_marker() {
    let (x, y) = ("x".repeat(900), "y".repeat(900));
    let text = format!("controller = {{ log_dir = '{x}', look_evry = '5m', state_dir = '{y}' }}\n");
    insta::assert_snapshot!(shown(&text, Style::Plain), @r#"
    error: unknown key `look_evry`
     --> a/redundancy.toml:1:930
      |
    1 | ...xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', look_evry = '5m', state_dir = 'yyyyyyyyyyyyyyyyyyy...
      |                                            ^^^^^^^^^
      |
      = help: did you mean `look_every`?
    "#);
}

#[test]
fn a_line_that_nobody_can_read_is_not_quoted() {
    let text = format!("controller = {{ log_dir = '{}', look_evry = '5m' }}\n", "x".repeat(20_000));
    insta::assert_snapshot!(shown(&text, Style::Plain), @r#"
    error: unknown key `look_evry`
    --> a/redundancy.toml:1:20030
     = help: did you mean `look_every`?
    "#);
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let text =
        "[controller]\nlog_dir = 5 # \u{9b}31m\n\"a\\u001b[31m\\u009b\" = 1\n\u{1b}]0;x\u{7} = 1\n";
    for text in [text, &text[..text.rfind('\u{1b}').unwrap()]] {
        let shown = shown(text, Style::Plain);
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
    }
}

#[test]
fn the_line_of_a_token_is_not_shown() {
    let token = format!("github_pat_{}", "Zz9".repeat(12));
    let text = format!("[github]\ntoken_env = \"{token}\" # said so\nsite = 1\n");
    let shown = shown(&text, Style::Plain);
    assert!(!shown.contains("said so"));
    insta::assert_snapshot!(shown, @r#"
    error: this looks like a GitHub token, and secrets are never in the file
    --> a/redundancy.toml:2:14
     = help: remove it, revoke it if others could have read it, and put the new one into an environment variable; `token_env` names the variable

    error: unknown key `site`
     --> a/redundancy.toml:3:1
      |
    3 | site = 1
      | ^^^^
      |
      = help: `site` belongs under `[netlify]`
    "#);
}

/// A file that touches every kind of check.
const FULL: &str = include_str!("../../redundancy.toml");

proptest! {
    #[test]
    fn no_text_is_too_broken_to_be_shown(
        at in 0..FULL.len(), cut in 0..200usize, piece in "[\\PC\n\r\t\u{0}\u{1b}\u{9b}\"'=\\[\\]{},.#]{0,12}",
    ) {
        let from = FULL.floor_char_boundary(at);
        let to = FULL.floor_char_boundary(from + cut);
        let text = format!("{}{piece}{}", &FULL[..from], &FULL[to..]);
        if let Err(problems) = parse(&text) {
            prop_assert!(!problems.is_empty());
            let shown = render::problems("redundancy.toml", &text, &problems, Style::Plain);
            prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
        }
    }
}

#[test]
fn no_value_of_env_is_shown_however_broken_the_text() {
    for broken in [
        "env = { S = \"SECRET }",
        "env = { S = SECRET }",
        "env = \"SECRET\"",
        "env = [\"SECRET\"]",
        "env.S = [\"SECRET\"]",
        "envs = { S = \"SECRET\" }",
        "\"env\" = { S = SECRET }",
        "env = { S = \"a\",\n T = SECRET\n}",
        "env.S = \"\"\"\nSECRET\\q\n\"\"\"",
        "cwd = \"x\" env={ S = \"SECRET\" }",
        "[process.env]\nS = \"SECRET",
        "[process.env]\nS = SECRET",
        "[process.env]\nS = \"SECRET\\q\"",
        "[process.env]\nS = \"a\"\nS = \"SECRET\"",
    ] {
        let text = format!("[[process]]\nname = \"a\"\ncommand = [\"x\"]\n{broken}\n");
        let problems = parse(&text).unwrap_err();
        let shown = render::problems("redundancy.toml", &text, &problems, Style::Plain);
        assert!(!shown.contains("SECRET"), "{shown}");
        assert!(shown.contains("redundancy.toml:"), "the place is told: {shown}");
    }
}
