//! The view under keys and news.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::*;
use crate::core::{
    duty::Asked,
    health::Health,
    id::Id,
    strip::{PARTS, Strip},
};

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

fn second(n: i64) -> Timestamp {
    Timestamp::from_second(n).unwrap()
}

fn row(text: &str) -> Row {
    Row {
        id: id(text),
        kind: "process".to_owned(),
        state: "running, pid 7".to_owned(),
        health: Health::Healthy,
        duty: None,
        pair: None,
        paused: None,
    }
}

fn frame(rows: Vec<Row>) -> Frame {
    Frame {
        version: VERSION,
        at: second(1_000),
        looked_at: Some(second(1_000)),
        look_every: 300,
        watch: Some(Watcher { pid: 12 }),
        rows,
        in_hand: Vec::new(),
        events: Vec::new(),
        unseen: Vec::new(),
        paused: None,
    }
}

fn view(ids: &[&str]) -> View {
    let mut view = View::default();
    show(&mut view, ids);
    view
}

fn show(view: &mut View, ids: &[&str]) {
    let frame = frame(ids.iter().map(|it| row(it)).collect());
    assert_eq!(view.update(Input::Frame(Box::new(frame))), None);
}

fn press(view: &mut View, key: Key) -> Option<Act> {
    view.update(Input::Key(key))
}

fn type_in(view: &mut View, text: &str) -> Option<Act> {
    text.chars().fold(None, |_, c| press(view, Key::Char(c)))
}

fn selected(view: &View) -> Option<String> {
    view.selected().map(|it| it.id.to_string())
}

#[test]
fn the_selection_passes_over_the_lines_of_providers() {
    let mut view = view(&["a/x", "a/y", "b/z"]);
    let provider = |first, count| Line::Provider { first, count };
    let lines =
        [provider(0, 2), Line::Resource(0), Line::Resource(1), provider(2, 1), Line::Resource(2)];
    assert_eq!(view.lines(), lines);
    assert_eq!(selected(&view).as_deref(), Some("a/x"));
    for (key, there) in [
        (Key::Up, "a/x"),
        (Key::Down, "a/y"),
        (Key::Down, "b/z"),
        (Key::Down, "b/z"),
        (Key::Up, "a/y"),
        (Key::Home, "a/x"),
        (Key::End, "b/z"),
        (Key::PageUp, "a/y"),
    ] {
        press(&mut view, key);
        assert_eq!(selected(&view).as_deref(), Some(there), "{key:?}");
    }
}

#[test]
fn what_is_selected_stays_so_and_what_is_gone_gives_its_place() {
    let mut view = view(&["a/x", "a/y"]);
    press(&mut view, Key::Down);
    show(&mut view, &["a/u", "a/v", "a/x", "a/y"]);
    assert_eq!(selected(&view).as_deref(), Some("a/y"));
    show(&mut view, &["a/u"]);
    assert_eq!(selected(&view).as_deref(), Some("a/u"));
    show(&mut view, &[]);
    assert_eq!((selected(&view), view.lines().len()), (None, 0));
    for key in [Key::Up, Key::Down, Key::Enter, Key::Char('f'), Key::Char('p'), Key::End] {
        assert_eq!(press(&mut view, key), None);
    }
    show(&mut view, &["b/n"]);
    assert_eq!(selected(&view).as_deref(), Some("b/n"));
}

#[test]
fn what_is_gone_gives_its_place_to_the_next_one() {
    for (before, keys, after, there) in [
        (["a/x", "a/y", "a/z"], "j", ["a/x", "a/z", "b/n"], "a/z"),
        // The line there is a provider's.
        (["a/x", "a/y", "b/z"], "j", ["a/x", "b/n", "b/z"], "b/n"),
        (["a/x", "a/y", "b/z"], "G", ["a/u", "a/v", "a/w"], "a/w"),
        (["a/x", "a/y", "b/z"], "Gg", ["0/u", "0/v", "a/w"], "0/u"),
    ] {
        let mut view = view(&before);
        type_in(&mut view, keys);
        show(&mut view, &after);
        assert_eq!(selected(&view).as_deref(), Some(there), "{before:?} {after:?}");
    }
}

#[test]
fn the_screen_shows_what_is_around_the_selection() {
    let ids: Vec<String> = (0..10).map(|it| format!("a/{it}")).collect();
    let mut view = view(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    view.update(Input::Fits(5));
    for (keys, place, window) in [
        ("g", 1, 0..5),
        ("j", 2, 0..5),
        ("jj", 4, 2..7),
        ("G", 10, 6..11),
        ("k", 9, 6..11),
        ("kk", 7, 5..10),
    ] {
        type_in(&mut view, keys);
        let selected: Vec<usize> = (0..20).filter(|it| view.is_selected(*it)).collect();
        assert_eq!((selected, view.window(5)), (vec![place], window), "{keys}");
    }
    assert_eq!(view.window(50), 0..11);
    for (key, there) in [(Key::PageUp, "a/2"), (Key::PageUp, "a/0"), (Key::PageDown, "a/4")] {
        press(&mut view, key);
        assert_eq!(selected(&view).as_deref(), Some(there), "{key:?}");
    }
    show(&mut view, &[]);
    assert!((0..20).all(|it| !view.is_selected(it)), "there is nothing");
}

#[test]
fn a_page_is_turned_and_read_anew() {
    let mut view = view(&["a/x"]);
    view.update(Input::Fits(4));
    press(&mut view, Key::Enter);
    let lines = |count: usize| (0..count).map(|it| it.to_string()).collect();
    view.update(Input::Opened(id("a/x"), lines(10)));
    for (key, top) in [
        (Key::Char('k'), 0),
        (Key::Char('j'), 1),
        (Key::PageDown, 4),
        (Key::PageDown, 7),
        (Key::PageDown, 9),
        (Key::Char('j'), 9),
        (Key::PageUp, 6),
        (Key::Home, 0),
        (Key::End, 6),
    ] {
        assert_eq!(press(&mut view, key), None);
        let Mode::Open(page) = &view.mode else { panic!("it is open") };
        assert_eq!(page.top, top, "{key:?}");
    }
    assert_eq!(press(&mut view, Key::Char('r')), Some(Act::Open(id("a/x"))));
    view.update(Input::Opened(id("a/x"), lines(3)));
    let Mode::Open(page) = &view.mode else { panic!("it is open") };
    assert_eq!(page.top, 2, "there is less of it now");
    press(&mut view, Key::Backspace);
    assert_eq!(view.mode, Mode::List);
}

#[test]
fn it_shows_what_it_was_told() {
    let mut view = View::default();
    let changed = Frame {
        in_hand: vec![("start".to_owned(), id("a/x"))],
        ..frame(vec![row("a/x"), row("a/y")])
    };
    view.update(Input::Frame(Box::new(changed)));
    assert_eq!(["a/x", "a/y"].map(|it| view.is_in_hand(&id(it))), [true, false]);
    let days = BTreeMap::from([(id("a/x"), Strip([Health::Healthy; PARTS]))]);
    view.update(Input::Days(days.clone()));
    assert_eq!(view.days, days);
    view.update(Input::Said("done".to_owned()));
    assert_eq!(view.said.as_deref(), Some("done"));
    press(&mut view, Key::Char('x'));
    assert_eq!(view.said, None);
    view.update(Input::Alone("no watch".to_owned()));
    assert_eq!(view.source, Source::Own("no watch".to_owned()));
}

#[test]
fn a_filter_is_typed_kept_and_given_up() {
    let mut view = view(&["a/one", "a/two", "b/three"]);
    type_in(&mut view, "/TW");
    assert_eq!((view.lines().len(), selected(&view).as_deref()), (2, Some("a/two")));
    press(&mut view, Key::Enter);
    assert_eq!((&view.mode, view.filter.as_str()), (&Mode::List, "TW"));
    press(&mut view, Key::Escape);
    assert_eq!((view.lines().len(), view.filter.as_str()), (5, ""));
    type_in(&mut view, "/nothing");
    assert_eq!((view.lines().len(), selected(&view)), (0, None));
    for _ in 0..9 {
        press(&mut view, Key::Backspace);
    }
    assert_eq!(view.lines().len(), 5);
    // A letter that means something elsewhere is a letter.
    assert_eq!(type_in(&mut view, "q"), None);
}

#[test]
fn one_is_opened_and_left() {
    let mut view = view(&["a/x", "a/y"]);
    view.update(Input::Fits(3));
    assert_eq!(press(&mut view, Key::Enter), Some(Act::Open(id("a/x"))));
    // What comes of another one is too late.
    view.update(Input::Opened(id("a/y"), vec!["other".to_owned()]));
    view.update(Input::Opened(id("a/x"), (0..10).map(|it| it.to_string()).collect()));
    press(&mut view, Key::End);
    let Mode::Open(page) = &view.mode else { panic!("it is open") };
    assert_eq!((page.top, page.lines.as_ref().unwrap().len()), (7, 10));
    assert_eq!(press(&mut view, Key::Char('q')), None);
    assert_eq!(view.mode, Mode::List);
    assert_eq!(press(&mut view, Key::Char('q')), Some(Act::Quit));
}

#[test]
fn duty_moves_after_a_yes_and_only_then() {
    let mut view = View::default();
    let pair = |backup_serves| Pair { primary: id("a/x"), backup: id("a/y"), backup_serves };
    let with = |pair| frame(vec![Row { pair, ..row("a/x") }]);
    view.update(Input::Frame(Box::new(with(Some(pair(false))))));
    for no in [Key::Char('n'), Key::Escape] {
        assert_eq!(press(&mut view, Key::Char('f')), None);
        assert_eq!(press(&mut view, Key::Enter), None, "enter is no yes");
        assert_eq!(press(&mut view, no), None);
        assert_eq!(view.mode, Mode::List);
    }
    assert_eq!(type_in(&mut view, "fy"), Some(Act::Move(id("a/y"), Asked::FailOver)));
    view.update(Input::Frame(Box::new(with(Some(pair(true))))));
    assert_eq!(type_in(&mut view, "fy"), Some(Act::Move(id("a/y"), Asked::HandBack)));
    view.update(Input::Frame(Box::new(with(None))));
    assert_eq!(type_in(&mut view, "f"), None);
    assert!(view.said.is_some_and(|it| it.contains("in no pair")));
}

#[test]
fn a_pause_is_begun_and_ended_after_a_yes() {
    let mut view = view(&["a/x"]);
    assert_eq!(type_in(&mut view, "py"), Some(Act::Pause(id("a/x"))));
    let paused = Row { paused: Some(second(5_000)), ..row("a/x") };
    view.update(Input::Frame(Box::new(frame(vec![paused]))));
    assert_eq!(type_in(&mut view, "pn"), None);
    assert_eq!(type_in(&mut view, "py"), Some(Act::Resume(id("a/x"))));
}

#[test]
fn a_frame_is_read_as_it_was_written_and_nothing_else_is() {
    let frame = frame(vec![row("a/x")]);
    let line = serde_json::to_string(&frame).unwrap();
    assert_eq!(read(line.as_bytes()), Ok(Given::Frame(Box::new(frame))));
    let refused = br#"{"version": 1, "refused": "too many"}"#;
    assert_eq!(read(refused), Ok(Given::Refused("too many".to_owned())));
    let newer = read(br#"{"version": 2}"#).unwrap_err();
    assert!(newer.contains("version 2"), "{newer}");
    for text in ["", "{", "[]", "{\"version\": 1}", "\u{1b}[2J", "{\"version\": -1}"] {
        assert!(read(text.as_bytes()).is_err(), "{text:?}");
    }
}

#[test]
fn what_a_terminal_would_obey_is_shown_by_its_name() {
    assert_eq!(plain("plain ä 漢"), "plain ä 漢");
    assert_eq!(plain("a\u{1b}[2Jb\r\n\tc\u{9b}1m"), "a\\u{1b}[2Jb\\r     c\\u{9b}1m");
    assert_eq!(plain("\u{e4}bc\u{202e}def"), "\u{e4}bc\\u{202e}def");
}

#[test]
fn a_quiet_watch_is_overdue_and_only_a_watch_is() {
    let mut view = view(&["a/x"]);
    let late = second(1_000 + 2 * 300 + 31);
    assert!(!view.is_overdue(late), "nobody said that it is a watch that shows this");
    view.update(Input::Heard);
    assert!(view.is_overdue(late));
    assert!(!view.is_overdue(second(1_000 + 630)));
    assert!(!view.is_overdue(second(0)), "a clock that was set back");
    let never = Frame { look_every: u64::MAX, ..frame(vec![row("a/x")]) };
    view.update(Input::Frame(Box::new(never)));
    assert!(!view.is_overdue(late));
}
