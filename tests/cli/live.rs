//! `status --watch`, in a terminal as people have one.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    num::NonZero,
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::UnixStream,
    },
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::Signal;

use crate::{
    duty::{PAIR, applied, wait_for_duty, watched},
    project::{PROGRAM, Project, kill, running_with, signal, wait_for},
};

/// A terminal with the program in it, and what is on its screen.
struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Option<Box<dyn MasterPty + Send>>,
    keys: Option<Box<dyn Write + Send>>,
    screen: Arc<Mutex<vt100::Parser>>,
    reader: Option<JoinHandle<()>>,
}

fn size(rows: u16, cols: u16) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}

fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).unwrap()
}

/// The program, to be run in a terminal.
fn command(project: &Project, program: &[&str]) -> CommandBuilder {
    let mut command = CommandBuilder::new(program[0]);
    command.args(&program[1..]);
    command.args(["status", "--watch"]);
    command.cwd(project.root());
    command.env("TERM", "xterm-256color");
    command.env("PM2_HOME", project.path("pm2"));
    for name in ["GITHUB_TOKEN", "NETLIFY_AUTH_TOKEN", "NETLIFY_TOKEN", "NO_COLOR"] {
        command.env_remove(name);
    }
    command
}

impl Terminal {
    fn open(project: &Project) -> Self {
        let pair = native_pty_system().openpty(size(24, 80)).unwrap();
        let child = pair.slave.spawn_command(command(project, &[PROGRAM])).unwrap();
        drop(pair.slave);
        let screen = Arc::new(Mutex::new(vt100::Parser::new(cells(24), cells(80), 0)));
        let mut output = pair.master.try_clone_reader().unwrap();
        let keys = pair.master.take_writer().unwrap();
        let shown = Arc::clone(&screen);
        let reader = std::thread::spawn(move || {
            let mut some = [0; 4096];
            // When the last one that has the terminal open is gone, reading fails.
            while let Ok(count @ 1..) = output.read(&mut some) {
                shown.lock().unwrap().process(&some[..count]);
            }
        });
        Self { child, master: Some(pair.master), keys: Some(keys), screen, reader: Some(reader) }
    }

    fn pid(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    #[track_caller]
    fn wait_for(&self, text: &str) {
        self.wait_until(text, |shown| shown.contains(text));
    }

    #[track_caller]
    fn wait_until(&self, what: &str, is_so: impl Fn(&str) -> bool) {
        let last = Mutex::new(String::new());
        let waited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_for(what, || {
                *last.lock().unwrap() = self.text();
                is_so(&last.lock().unwrap()).then_some(())
            });
        }));
        assert!(waited.is_ok(), "waited in vain for {what:?} in:\n{}", self.text());
    }

    fn press(&mut self, keys: &str) {
        let to = self.keys.as_mut().unwrap();
        to.write_all(keys.as_bytes()).unwrap();
        to.flush().unwrap();
    }

    fn resize(&self, rows: u16, cols: u16) {
        self.screen.lock().unwrap().screen_mut().set_size(cells(rows), cells(cols));
        self.master.as_ref().unwrap().resize(size(rows, cols)).unwrap();
    }

    /// Whether keys are heard one by one and not shown, as a program for the whole screen has it.
    fn is_raw(&self) -> bool {
        let modes = self.master.as_ref().unwrap().get_termios().unwrap();
        !format!("{:?}", modes.local_flags).contains("ICANON")
    }

    fn is_taken_over(&self) -> bool {
        let screen = self.screen.lock().unwrap();
        screen.screen().alternate_screen() && screen.screen().hide_cursor()
    }

    /// Waits until it has ended: its exit code. The terminal is as it was before.
    #[track_caller]
    fn ended(mut self) -> u32 {
        let code = self.child.wait().unwrap().exit_code();
        assert!(!self.is_raw());
        self.keys = None;
        let screen = Arc::clone(&self.screen);
        let reader = self.reader.take().unwrap();
        self.master = None;
        reader.join().unwrap();
        let screen = screen.lock().unwrap();
        assert!(!screen.screen().alternate_screen(), "the screen before is there again");
        assert!(!screen.screen().hide_cursor(), "the cursor is there again");
        code
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_shows_what_the_watch_sees_and_gives_the_terminal_back() {
    let project = applied("");
    let watch = watched(&project);
    let mut terminal = Terminal::open(&project);
    terminal.wait_for("watched, looked");
    terminal.wait_for("on duty");
    assert!(terminal.is_taken_over() && terminal.is_raw());
    let pid = project.pid("w").unwrap();
    terminal.wait_for(&format!("running, pid {pid}"));
    // What happens is seen without a key.
    kill(pid);
    let next = project.wait_for_pid("w", Some(pid));
    terminal.wait_for(&format!("running, pid {next}"));
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
    assert_eq!(watch.end().0, 0);
}

#[test]
fn every_end_gives_the_terminal_back() {
    let project = applied("");
    for (how, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130)] {
        let terminal = Terminal::open(&project);
        terminal.wait_for("w-backup");
        assert!(terminal.is_taken_over());
        signal(terminal.pid(), how);
        assert_eq!(terminal.ended(), code, "{how:?}");
    }
    let mut terminal = Terminal::open(&project);
    terminal.wait_for("w-backup");
    terminal.press("\u{3}");
    assert_eq!(terminal.ended(), 0, "Ctrl-C");
}

#[test]
fn it_ends_with_its_terminal() {
    let project = applied("");
    let config = project.path("redundancy.toml").to_str().unwrap().to_owned();
    // Told of it by a signal, or, where the terminal is not its own, by what fails.
    let programs: [&[&str]; 2] = [&[PROGRAM], &["setsid", "--wait", PROGRAM]];
    for program in programs {
        let pair = native_pty_system().openpty(size(24, 80)).unwrap();
        let command = command(&project, &[program, &["--config", &config]].concat());
        let mut child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut output = pair.master.try_clone_reader().unwrap();
        let (mut shown, mut some) = (Vec::new(), [0; 4096]);
        while !String::from_utf8_lossy(&shown).contains("w-backup") {
            let count = output.read(&mut some).unwrap();
            shown.extend_from_slice(&some[..count]);
        }
        assert!(running_with(&config) > 0);
        drop((output, pair.master));
        wait_for("it ends", || (running_with(&config) == 0).then_some(()));
        child.wait().unwrap();
    }
}

#[test]
fn it_fits_into_what_there_is() {
    let project = applied("");
    let mut terminal = Terminal::open(&project);
    terminal.wait_for("RESOURCE");
    terminal.resize(5, 20);
    terminal.wait_until("only what fits", |it| !it.contains("RESOURCE") && it.contains("embedded"));
    terminal.resize(1, 1);
    terminal.resize(24, 80);
    terminal.wait_for("RESOURCE");
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn where_no_watch_can_be_heard_it_looks_by_itself() {
    let project = applied("");
    let mut terminal = Terminal::open(&project);
    terminal.wait_for("looking without a watch: nobody watches");
    terminal.wait_for("running, pid");
    let watch = watched(&project);
    terminal.wait_for("watched, looked");
    terminal.wait_until("no word of none", |it| !it.contains("nobody watches"));
    // What it leaves behind is in nobody's way.
    watch.kill();
    terminal.wait_for("nobody watches");
    assert!(project.path(".redundancy/live.sock").exists());
    let _watch = watched(&project);
    terminal.wait_for("watched, looked");
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn keys_move_duty_and_pause() {
    let project = applied("");
    let _watch = watched(&project);
    wait_for_duty(&project, "embedded/w", "on_duty");
    let mut terminal = Terminal::open(&project);
    terminal.wait_for("f fail over");
    terminal.press("f");
    terminal.wait_for("Stop embedded/w and give duty to embedded/w-backup?");
    terminal.press("y");
    terminal.wait_for("embedded/w-backup is on duty");
    wait_for_duty(&project, "embedded/w-backup", "on_duty");
    terminal.press("/backup\r");
    terminal.wait_for("/backup  ");
    terminal.press("p");
    terminal.wait_for("Leave embedded/w-backup alone for an hour?");
    terminal.press("y");
    terminal.wait_for("paused embedded/w-backup until");
    wait_for_duty(&project, "embedded/w-backup", "paused");
    terminal.wait_for("= w-backup");
    terminal.press("p");
    terminal.wait_for("End the pause of embedded/w-backup?");
    terminal.press("y");
    wait_for_duty(&project, "embedded/w-backup", "on_duty");
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn one_is_opened_with_its_explanation_and_its_log() {
    let script = r"printf '\033]0;owned\007one\033[2J\nlast line\n'; exec sleep 1000";
    let config = format!("[[process]]\nname = \"w\"\ncommand = [\"sh\", \"-c\", '''{script}''']\n");
    let project = Project::new(&config);
    project.run(&["apply", "--yes"]).ok();
    wait_for("it has said so", || {
        let log = fs::read_to_string(project.path("automation/logs/w.log")).ok()?;
        log.contains("last line").then_some(())
    });
    let mut terminal = Terminal::open(&project);
    terminal.wait_for("running, pid");
    terminal.press("\r");
    terminal.wait_for("nobody watches, so nothing of this happens");
    terminal.wait_for("automation/logs/w.log:");
    terminal.wait_for("last line");
    assert!(terminal.is_taken_over());
    terminal.press("q");
    terminal.wait_for("RESOURCE");
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn without_a_terminal_it_says_what_to_use_instead() {
    let project = Project::new(PAIR);
    let run = project.run(&["status", "--watch"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert!(run.stderr.contains("needs a terminal"), "{}", run.stderr);
    assert!(run.stderr.contains("`redundancy status` prints"), "{}", run.stderr);
    assert_eq!(project.run(&["status", "--watch", "--json"]).code, 1);
}

#[test]
fn the_socket_is_its_owners_and_says_what_is_so_in_lines_of_json() {
    let project = applied("");
    let watch = watched(&project);
    let socket = project.path(".redundancy/live.sock");
    let found = fs::symlink_metadata(&socket).unwrap();
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
    let frame = |from: &mut BufReader<UnixStream>| {
        let mut line = String::new();
        from.read_line(&mut line).unwrap();
        serde_json::from_str::<serde_json::Value>(&line).unwrap()
    };
    // They say what they must not, read nothing, or come in crowds; the watch goes on.
    let silent: Vec<_> = (0..40).map(|_| UnixStream::connect(&socket).unwrap()).collect();
    for mut talker in &silent {
        // It may be let go already.
        let _ = talker.write_all(&vec![0xff; 100_000]);
    }
    drop(silent);
    let mut from = wait_for("there is room again", || {
        let mut from = BufReader::new(UnixStream::connect(&socket).unwrap());
        let first = frame(&mut from);
        (first["refused"].is_null()).then_some((from, first))
    });
    assert_eq!((&from.1["version"], &from.1["rows"][0]["id"]), (&1.into(), &"embedded/w".into()));
    let pid = project.pid("w").unwrap();
    kill(pid);
    let next = project.wait_for_pid("w", Some(pid));
    while frame(&mut from.0)["rows"][0]["state"] != format!("running, pid {next}") {}
    assert_eq!(watch.end().0, 0);
    assert!(!socket.exists(), "it goes with the watch");
}

#[test]
fn what_is_in_the_place_of_the_socket_stays_and_the_watch_goes_on() {
    let project = applied("");
    project.write(".redundancy/live.sock", "mine");
    let watch = watched(&project);
    let mut terminal = Terminal::open(&project);
    terminal.wait_for("watched, not heard");
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
    let log = watch.end_well();
    assert!(log.contains("can't hear this watch and looks by itself"), "{log}");
    assert_eq!(project.read(".redundancy/live.sock"), "mine");
}
