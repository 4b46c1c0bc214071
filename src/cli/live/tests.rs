//! What is drawn, as text: at sizes of every kind.

mod bounds;

use insta::assert_snapshot;
use jiff::Timestamp;
use ratatui::{Terminal, backend::TestBackend, layout::Size};

use super::draw::{Palette, draw, room};
use crate::core::{
    health::Health,
    id::Id,
    live::{Frame, Happened, Input, Key, Pair, Row, VERSION, View, Watcher},
    strip::Strip,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn row(id: &str, health: Health, state: &str, duty: Option<&str>) -> Row {
    let id: Id = id.parse().unwrap();
    let (kind, state, duty) = ("process".to_owned(), state.to_owned(), duty.map(str::to_owned));
    Row { id, kind, state, health, duty, pair: None, paused: None }
}

/// A day of which the first hours were seen by nobody, that was well else but in one part, and is as it is now.
fn day(now: Health) -> Strip {
    Strip(std::array::from_fn(|part| match part {
        0..16 => Health::Unknown,
        60 | 61 | 94.. => now,
        _ => Health::Healthy,
    }))
}

fn frame() -> Frame {
    let pair = Some(Pair {
        primary: "embedded/worker".parse().unwrap(),
        backup: "embedded/worker-backup".parse().unwrap(),
        backup_serves: false,
    });
    let event = |second, kind: &str, id: &str, text: &str| Happened {
        at: at(second).to_string(),
        kind: kind.to_owned(),
        id: (!id.is_empty()).then(|| id.to_owned()),
        text: text.to_owned(),
    };
    let rows = vec![
        row("embedded/report", Health::Failed, "given up after 5 attempts: exit code 1", None),
        Row {
            pair: pair.clone(),
            ..row("embedded/worker", Health::Healthy, "running, pid 4711", Some("on duty"))
        },
        Row {
            pair,
            ..row("embedded/worker-backup", Health::Stopped, "stopped", Some("stands by"))
        },
        row("github/ci.yml", Health::Unknown, "unknown", None),
        Row {
            paused: Some(at(3_000)),
            ..row("pm2/api", Health::Unhealthy, "its probe says: status 503", None)
        },
    ];
    Frame {
        version: VERSION,
        at: at(0),
        looked_at: Some(at(-3)),
        look_every: 300,
        watch: Some(Watcher { pid: 12 }),
        rows,
        in_hand: vec![("restart".to_owned(), "pm2/api".parse().unwrap())],
        events: vec![
            event(-90, "controller", "", "the watch began, pid 12"),
            event(-80, "seen", "embedded/report", "crashed with exit code 1"),
            event(-70, "failed", "embedded/report", "start: exit code 1"),
            event(-60, "duty", "embedded/worker-backup", "duty went back to embedded/worker"),
            event(-3, "intent", "pm2/api", "restart: drift: its probe says: status 503"),
        ],
        unseen: vec![("github".to_owned(), "no token: GITHUB_TOKEN is not set".to_owned())],
        paused: None,
    }
}

fn view() -> View {
    view_of(frame())
}

fn view_of(frame: Frame) -> View {
    let mut view = View::default();
    view.update(Input::Heard);
    let days = frame.rows.iter().map(|it| (it.id.clone(), day(it.health)));
    view.update(Input::Days(days.collect()));
    view.update(Input::Frame(Box::new(frame)));
    view
}

fn drawn(view: &View, width: u16, height: u16, coloured: bool) -> TestBackend {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|canvas| draw(canvas, view, Palette { coloured }, at(0))).unwrap();
    terminal.backend().clone()
}

fn text(view: &View, width: u16, height: u16) -> String {
    drawn(view, width, height, false).to_string()
}

fn press(view: &mut View, keys: &str) {
    for c in keys.chars() {
        view.update(Input::Key(Key::Char(c)));
    }
}

#[test]
fn in_a_common_terminal() {
    assert_snapshot!(text(&view(), 80, 24), @r#"
        "redundancy  1 failed, 1 unhealthy, 1 unknown, 1 stopped, 1 healthy              "
        "                                                                                "
        "  RESOURCE       HEALTH     DUTY           STATE                    LAST DAY    "
        "embedded  3                                                                     "
        "  report         failed                    given up after 5 attem…    ▁▁▁▁▁█▁▁▁█"
        "  worker         healthy    on duty        running, pid 4711          ▁▁▁▁▁▁▁▁▁▁"
        "  worker-backup  stopped    stands by      stopped                    ▁▁▁▁▁▁▁▁▁▁"
        "github  1                                                                       "
        "  ci.yml         unknown                   unknown                    ▁▁▁▁▁ ▁▁▁ "
        "pm2  1                                                                          "
        "* api            unhealthy                 its probe says: status…    ▁▁▁▁▁▄▁▁▁▄"
        "                                                                                "
        "                                                                                "
        "                                                                                "
        "* now: restart pm2/api                                                          "
        "  github is not seen: no token: GITHUB_TOKEN is not set                         "
        "                                                                                "
        "  LAST EVENTS, times in UTC                                                     "
        "  07:58:30  controller  the watch began, pid 12                                 "
        "  07:58:40  seen        embedded/report: crashed with exit code 1               "
        "  07:58:50  failed      embedded/report: start: exit code 1                     "
        "  07:59:00  duty        embedded/worker-backup: duty went back to embedded/work…"
        "  07:59:57  intent      pm2/api: restart: drift: its probe says: status 503     "
        "q quit  / filter  enter open  p pause                                           "
        "#);
}

#[test]
fn in_a_large_terminal() {
    assert_snapshot!(text(&view(), 120, 40), @r#"
        "redundancy  1 failed, 1 unhealthy, 1 unknown, 1 stopped, 1 healthy                                watched, looked 3s ago"
        "                                                                                                                        "
        "  RESOURCE       HEALTH     DUTY           STATE                                                LAST DAY                "
        "embedded  3                                                                                                             "
        "  report         failed                    given up after 5 attempts: exit code 1                   ▁▁▁▁▁▁▁▁▁▁▁█▁▁▁▁▁▁▁█"
        "  worker         healthy    on duty        running, pid 4711                                        ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁"
        "  worker-backup  stopped    stands by      stopped                                                  ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁"
        "github  1                                                                                                               "
        "  ci.yml         unknown                   unknown                                                  ▁▁▁▁▁▁▁▁▁▁▁ ▁▁▁▁▁▁▁ "
        "pm2  1                                                                                                                  "
        "* api            unhealthy                 its probe says: status 503                               ▁▁▁▁▁▁▁▁▁▁▁▄▁▁▁▁▁▁▁▄"
        "                                                                                                                        "
        "                                                                                                                        "
        "                                                                                                                        "
        "                                                                                                                        "
        "                                                                                                                        "
        "                                                                                                                        "
        "                                                                                                                        "
        "                                                                                                                        "
        "                                                                                                                        "
        "                                                                                                                        "
        "                                                                                                                        "
        "                                                                                                                        "
        "                                                                                                                        "
        "                                                                                                                        "
        "                                                                                                                        "
        "                                                                                                                        "
        "                                                                                                                        "
        "                                                                                                                        "
        "                                                                                                                        "
        "* now: restart pm2/api                                                                                                  "
        "  github is not seen: no token: GITHUB_TOKEN is not set                                                                 "
        "                                                                                                                        "
        "  LAST EVENTS, times in UTC                                                                                             "
        "  07:58:30  controller  the watch began, pid 12                                                                         "
        "  07:58:40  seen        embedded/report: crashed with exit code 1                                                       "
        "  07:58:50  failed      embedded/report: start: exit code 1                                                             "
        "  07:59:00  duty        embedded/worker-backup: duty went back to embedded/worker                                       "
        "  07:59:57  intent      pm2/api: restart: drift: its probe says: status 503                                             "
        "q quit  / filter  enter open  p pause                                                                                   "
        "#);
}

#[test]
fn in_a_tiny_terminal() {
    let mut view = view();
    assert_snapshot!(text(&view, 20, 5), @r#"
        "1 failed, 1 unhealt…"
        "embedded  3         "
        "  report    █       "
        "  worker    ▁       "
        "q quit  / filter  e…"
        "#);
    view.update(Input::Key(Key::Down));
    press(&mut view, "f");
    assert_snapshot!(text(&view, 20, 5), @r#"
        "1 failed, 1 unhealt…"
        "Stop embedded/worker"
        "and give duty to    "
        "embedded/worker-back"
        "up?  y yes  n no    "
        "#);
}

#[test]
fn without_a_watch() {
    let mut view = view_of(Frame { watch: None, ..frame() });
    view.update(Input::Alone("nobody watches".to_owned()));
    assert_snapshot!(text(&view, 80, 12), @r#"
        "redundancy  1 failed, 1 unhealthy, 1 unknown, 1 stopped, 1 healthy              "
        "                                                                                "
        "  RESOURCE       HEALTH     DUTY           STATE                    LAST DAY    "
        "embedded  3                                                                     "
        "  report         failed                    given up after 5 attem…    ▁▁▁▁▁█▁▁▁█"
        "  worker         healthy    on duty        running, pid 4711          ▁▁▁▁▁▁▁▁▁▁"
        "  worker-backup  stopped    stands by      stopped                    ▁▁▁▁▁▁▁▁▁▁"
        "github  1                                                                       "
        "                                                                                "
        "* now: restart pm2/api                                                          "
        "  looking without a watch: nobody watches; `redundancy start` begins one        "
        "q quit  / filter  enter open  p pause                                           "
        "#);
}

#[test]
fn a_filter_a_question_and_what_came_of_it() {
    let mut view = view();
    press(&mut view, "/worker");
    assert_snapshot!(text(&view, 60, 8), @r#"
        "1 failed, 1 unhealthy, 1 unknown, 1 stopped, 1 healthy      "
        "embedded  2                                                 "
        "  worker         healthy    on duty        running, pid 4711"
        "  worker-backup  stopped    stands by      stopped          "
        "                                                            "
        "                                                            "
        "* now: restart pm2/api                                      "
        "/worker_  enter keeps it  esc shows all                     "
        "#);
    view.update(Input::Key(Key::Enter));
    press(&mut view, "f");
    assert_snapshot!(text(&view, 60, 8), @r#"
        "1 failed, 1 unhealthy, 1 unknown, 1 stopped, 1 healthy      "
        "embedded  2                                                 "
        "  worker         healthy    on duty        running, pid 4711"
        "  worker-backup  stopped    stands by      stopped          "
        "                                                            "
        "* now: restart pm2/api                                      "
        "Stop embedded/worker and give duty to                       "
        "embedded/worker-backup?  y yes  n no                        "
        "#);
    view.update(Input::Key(Key::Escape));
    view.update(Input::Said("the pair was paused meanwhile\u{1b}[2J".to_owned()));
    assert_snapshot!(text(&view, 60, 8), @r#"
        "1 failed, 1 unhealthy, 1 unknown, 1 stopped, 1 healthy      "
        "embedded  2                                                 "
        "  worker         healthy    on duty        running, pid 4711"
        "  worker-backup  stopped    stands by      stopped          "
        "                                                            "
        "                                                            "
        "* now: restart pm2/api                                      "
        "the pair was paused meanwhile\u{1b}[2J                      "
        "#);
}

#[test]
fn one_that_is_open() {
    let mut view = view();
    view.update(Input::Key(Key::Enter));
    assert_snapshot!(text(&view, 60, 8), @r#"
        "1 failed, 1 unhealthy, 1 unknown, 1 stopped, 1 healthy      "
        "embedded/report  failed                                     "
        "looking                                                     "
        "                                                            "
        "                                                            "
        "                                                            "
        "                                                            "
        "q back  r read again  up down end                           "
        "#);
    let mut lines: Vec<String> = (1..30).map(|it| format!("line {it}")).collect();
    lines[6] = "a line with more words in it than one of the screen can hold".to_owned();
    lines[7] = "x".repeat(70);
    view.update(Input::Opened("embedded/report".parse().unwrap(), lines));
    view.update(Input::Fits(room(Size::new(60, 8), &view, at(0))));
    view.update(Input::Key(Key::PageDown));
    assert_snapshot!(text(&view, 60, 8), @r#"
        "1 failed, 1 unhealthy, 1 unknown, 1 stopped, 1 healthy      "
        "embedded/report  failed                                     "
        "line 6                                                      "
        "a line with more words in it than one of the screen can hold"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxx                                                  "
        "line 9                                                      "
        "q back  r read again  up down end                           "
        "#);
}

#[test]
fn with_a_watch_that_hangs() {
    let view = view_of(Frame { looked_at: Some(at(-3_600)), ..frame() });
    assert_snapshot!(text(&view, 100, 10), @r#"
        "redundancy  1 failed, 1 unhealthy, 1 unknown, 1 stopped, 1 healthy      overdue, last look 1h 0m ago"
        "                                                                                                    "
        "  RESOURCE       HEALTH     DUTY           STATE                            LAST DAY                "
        "embedded  3                                                                                         "
        "  report         failed                    given up after 5 attempts: exi…      ▁▁▁▁▁▁▁▁▁▁▁█▁▁▁▁▁▁▁█"
        "  worker         healthy    on duty        running, pid 4711                    ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁"
        "                                                                                                    "
        "* now: restart pm2/api                                                                              "
        "  the watch has not looked for long: it hangs, or this machine was asleep; `redundancy monitor` rep…"
        "q quit  / filter  enter open  p pause                                                               "
        "#);
}

#[test]
fn before_anything_was_seen_and_where_there_is_nothing() {
    assert_snapshot!(text(&View::default(), 60, 4), @r#"
        "redundancy                                                  "
        "  looking                                                   "
        "                                                            "
        "q quit  / filter                                            "
        "#);
    assert_snapshot!(text(&view_of(Frame { rows: Vec::new(), ..frame() }), 60, 8), @r#"
        "nothing here yet                      watched, looked 3s ago"
        "  there is nothing here that the config asks for            "
        "                                                            "
        "                                                            "
        "                                                            "
        "                                                            "
        "* now: restart pm2/api                                      "
        "q quit  / filter                                            "
        "#);
}
