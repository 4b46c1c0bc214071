//! What holds whatever is drawn: any size, any text, any number of resources.

use std::time::{Duration, Instant};

use insta::assert_snapshot;
use ratatui::{layout::Size, style::Color};

use super::{at, drawn, frame, press, room, row, text, view, view_of};
use crate::core::{
    health::Health,
    live::{Frame, Input, Key},
};

#[test]
fn every_size_can_be_drawn() {
    let mut view = view();
    for mode in ["", "/w", "\n", "f"] {
        press(&mut view, mode);
        for width in 0..90 {
            for height in 0..30 {
                drawn(&view, width, height, true);
                room(Size::new(width, height), &view, at(0));
            }
        }
    }
}

#[test]
fn colour_only_tells_what_is_not_well_and_none_is_there_where_nobody_wants_it() {
    let colours = |coloured| {
        let backend = drawn(&view(), 100, 30, coloured);
        let cells =
            backend.buffer().content().iter().map(|it| it.fg).filter(|it| *it != Color::Reset);
        cells.collect::<std::collections::HashSet<_>>()
    };
    assert_eq!(colours(true), [Color::Red, Color::Yellow].into());
    assert_eq!(colours(false), [].into());
    let all_well = Frame {
        rows: vec![row("embedded/worker", Health::Healthy, "running, pid 1", None)],
        events: Vec::new(),
        unseen: Vec::new(),
        ..frame()
    };
    let backend = drawn(&view_of(all_well), 100, 30, true);
    assert!(backend.buffer().content().iter().all(|it| it.fg == Color::Reset));
}

#[test]
fn nothing_from_outside_reaches_the_terminal_as_more_than_text() {
    let nasty = "\u{1b}]0;title\u{7}\r\n\u{9b}2J\u{202e}x";
    let mut frame = frame();
    frame.rows[0].state = nasty.to_owned();
    frame.rows[0].duty = Some(nasty.to_owned());
    frame.events[0].text = nasty.to_owned();
    frame.events[0].id = Some(nasty.to_owned());
    frame.events[0].kind = nasty.to_owned();
    frame.unseen[0].1 = nasty.to_owned();
    frame.in_hand[0].0 = nasty.to_owned();
    let mut view = view_of(frame);
    view.update(Input::Said(nasty.to_owned()));
    let backend = drawn(&view, 160, 40, true);
    let obeyed = |c: char| c.is_control() || c == '\u{202e}';
    assert!(backend.buffer().content().iter().all(|it| !it.symbol().contains(obeyed)));
    assert!(backend.to_string().contains("\\u{1b}]0;title"));
}

#[test]
fn ten_thousand_resources_are_drawn_as_fast_as_ten() {
    let row_of =
        |n| row(&format!("embedded/worker-{n:05}"), Health::Healthy, "running, pid 4711", None);
    let rows = (0..10_000).map(row_of);
    let mut view = view_of(Frame { rows: rows.collect(), ..frame() });
    view.update(Input::Fits(14));
    view.update(Input::Key(Key::End));
    assert_eq!(view.lines().len(), 10_001);
    assert_snapshot!(text(&view, 60, 8), @r#"
        "10000 healthy                         watched, looked 3s ago"
        "  worker-09995  healthy    running, pid 4711                "
        "  worker-09996  healthy    running, pid 4711                "
        "  worker-09997  healthy    running, pid 4711                "
        "  worker-09998  healthy    running, pid 4711                "
        "  worker-09999  healthy    running, pid 4711                "
        "* now: restart pm2/api                                      "
        "q quit  / filter  enter open  p pause                       "
        "#);
    let began = Instant::now();
    for _ in 0..20 {
        view.update(Input::Key(Key::PageUp));
        drawn(&view, 80, 24, true);
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}
