//! Problems and notes as a person reads them.

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
    insta::assert_snapshot!(shown(text, Style::Plain), @"");
}

#[test]
fn two_places_that_belong_together_are_both_shown() {
    let process = "[[process]]\nname = 'a'\nscript = 'x'\n";
    let text = format!("{process}{}{process}", "# a comment\n".repeat(20));
    insta::assert_snapshot!(shown(&text, Style::Plain), @"");
}

#[test]
fn a_problem_of_the_whole_file_shows_the_file() {
    insta::assert_snapshot!(shown("", Style::Plain), @"");
}

#[test]
fn notes_show_their_line() {
    let text = "[failover]\nfall = 5\n";
    let (_, notes) = parse(text).unwrap();
    insta::assert_snapshot!(render::notes("redundancy.toml", text, &notes, Style::Plain), @"");
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
    insta::assert_snapshot!(shown(&text, Style::Plain), @"");
}

#[test]
fn a_line_that_nobody_can_read_is_not_quoted() {
    let text = format!("controller = {{ log_dir = '{}', look_evry = '5m' }}\n", "x".repeat(20_000));
    insta::assert_snapshot!(shown(&text, Style::Plain), @"");
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
    insta::assert_snapshot!(shown, @"");
}
