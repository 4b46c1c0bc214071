//! What a daemon does not do on demand: somebody else behind its sockets.

use std::{
    fs,
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::world::{PROGRAM, Run, World, argument_of, frame, wait_until, worker};

/// Listens as PM2's daemon does, and has `serve` answer whoever connects.
fn listen(world: &World, socket: &str, serve: impl Fn(UnixStream) + Send + Sync + 'static) {
    fs::create_dir_all(world.home()).unwrap();
    let listener = UnixListener::bind(world.home().join(socket)).unwrap();
    let serve = Arc::new(serve);
    // It ends with the tests.
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(stream));
        }
    });
}

/// Reads a call: its method and its id.
fn call(stream: &mut UnixStream) -> Option<(String, String)> {
    let mut head = [0];
    stream.read_exact(&mut head).ok()?;
    let (call, id) = (argument_of(stream).ok()?, argument_of(stream).ok()?);
    let call: Value = serde_json::from_slice(&call[2..]).unwrap();
    Some((call["method"].as_str()?.to_owned(), String::from_utf8(id).unwrap()))
}

/// Waits until the other side hangs up.
fn say_nothing(stream: &mut UnixStream) {
    let _ = stream.read(&mut [0]);
}

/// A project whose PM2 answers every call by what `answer` does.
fn world(answer: impl Fn(&mut UnixStream, &str) + Send + Sync + 'static) -> World {
    let world = World::new(&worker("w"));
    listen(&world, "rpc.sock", move |mut stream| {
        while let Some((_, id)) = call(&mut stream) {
            answer(&mut stream, &id);
        }
    });
    world
}

/// An answer that may come too late for whoever asked.
fn send(stream: &mut UnixStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes);
}

/// What `plan` says: nothing may be done, and nothing be broken. And the most memory it had.
fn blind(world: &World) -> (String, u64) {
    let mut command = world.command(PROGRAM, &["plan", "--detailed-exitcode"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let peak = thread::spawn(move || {
        let mut peak = 0;
        while let Some(now) = memory(&status, "VmHWM:") {
            peak = now;
            thread::sleep(Duration::from_millis(2));
        }
        peak
    });
    let run = Run::of(child.wait_with_output().unwrap());
    assert_eq!(run.code, 4, "{}", run.said());
    assert!(!run.said().contains("panicked"), "{}", run.said());
    assert!(run.stdout.contains("pm2/w  its provider could not be asked: "), "{}", run.stdout);
    (run.stdout, peak.join().unwrap())
}

/// A number of a process, in KiB; none once it has ended.
fn memory(status: &str, which: &str) -> Option<u64> {
    let status = fs::read_to_string(status).ok()?;
    let line = status.lines().find_map(|it| it.strip_prefix(which))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[track_caller]
fn assert_blind(why: &str, answer: impl Fn(&mut UnixStream, &str) + Send + Sync + 'static) {
    let said = blind(&world(answer)).0;
    assert!(said.contains(why), "expected {why:?} in:\n{said}");
}

#[test]
fn what_is_no_frame_is_told_of() {
    assert_blind("what it sent is no frame of PM2: it begins with 0x48", |stream, _| {
        send(stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    assert_blind(
        "what it sent is no frame of PM2: an argument of 4294967295 bytes",
        |stream, _| {
            send(stream, &[0x12, 0xff, 0xff, 0xff, 0xff]);
        },
    );
    assert_blind("the connection ended", |stream, id| {
        send(stream, &frame("j:{\"args\":[[]]}", id)[..9]);
        stream.shutdown(std::net::Shutdown::Both).unwrap();
    });
    assert_blind("the connection ended", |stream, _| {
        stream.shutdown(std::net::Shutdown::Both).unwrap();
    });
}

#[test]
fn what_is_no_answer_is_told_of_and_not_quoted() {
    for answer in [
        "hello",
        "j:",
        "j:{",
        "j:[]",
        "j:null",
        "j:{\"args\":[7]}",
        "j:{\"args\":[{\"a\":\"hush\"}]}",
        "j:{\"args\":[[\"hush\"]]}",
        "j:{\"args\":{}}",
        "j:{\"args\":[]}",
        "s:hush",
        "",
    ] {
        let said = blind(&world(move |stream, id| send(stream, &frame(answer, id)))).0;
        assert!(
            said.contains("PM2's daemon answered `getMonitorData` strangely"),
            "{answer}: {said}"
        );
        assert!(!said.contains("hush"), "{answer}: {said}");
    }
    assert_blind("PM2's daemon refused `getMonitorData`: no", |stream, id| {
        send(stream, &frame("j:{\"error\":\"no\\u001b[31m\\nstack\",\"stack\":[]}", id));
    });
}

#[test]
fn who_says_nothing_is_not_waited_for_for_ever() {
    assert_blind(
        "PM2's daemon did not answer `getMonitorData` within 5 s; it hangs",
        |stream, _| {
            say_nothing(stream);
        },
    );
}

#[test]
fn who_stops_in_the_middle_is_not_waited_for_for_ever() {
    assert_blind(
        "PM2's daemon did not answer `getMonitorData` within 5 s; it hangs",
        |stream, id| {
            send(stream, &frame("j:{\"args\":[[]]}", id)[..9]);
            say_nothing(stream);
        },
    );
}

#[test]
fn who_only_answers_others_is_not_waited_for_for_ever() {
    assert_blind(
        "PM2's daemon did not answer `getMonitorData` within 5 s; it hangs",
        |stream, _| {
            while stream.write_all(&frame("j:{\"args\":[[]]}", "s:other")).is_ok() {
                thread::sleep(Duration::from_millis(1));
            }
        },
    );
}

#[test]
fn a_daemon_with_too_much_to_say_does_not_fill_the_memory() {
    const MIB: usize = 1024 * 1024;
    let of = |bytes: usize| {
        world(move |stream, id| {
            let long = format!("j:{{\"args\":[[\"{}\"]]}}", "x".repeat(bytes));
            send(stream, &frame(&long, id));
        })
    };
    let (said, peak) = blind(&of(100 * MIB));
    assert!(said.contains("is no frame of PM2: an argument of 1048"), "{said}");
    assert!(peak < 100 * 1024, "{peak} KiB for nothing");
    let (said, peak) = blind(&of(50 * MIB));
    assert!(said.contains("strangely"), "{said}");
    assert!(peak < 250 * 1024, "{peak} KiB for 50 MiB");
}

#[test]
fn an_answer_to_somebody_else_is_passed_over() {
    let world = World::new("");
    listen(&world, "rpc.sock", |mut stream| {
        while let Some((method, id)) = call(&mut stream) {
            send(&mut stream, &frame("j:{\"args\":[\"not yours\"]}", "s:other"));
            send(&mut stream, &frame(right(&method), &id));
        }
    });
    assert!(world.state("daemon").starts_with("running, pid "));
}

/// What a daemon without apps answers.
fn right(method: &str) -> &'static str {
    match method {
        "getMonitorData" => "j:{\"args\":[[]]}",
        "getVersion" => "j:{\"args\":[\"7.0.4\"]}",
        other => panic!("nobody should call {other}"),
    }
}

/// A project that has nothing to do, with a daemon whose events `serve` makes. Also how often the
/// list was asked for, and how often somebody began to listen.
fn with_bus(
    serve: impl Fn(UnixStream) + Send + Sync + 'static,
) -> (World, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let world = World::new("");
    let (looks, listeners) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (looked, listened) = (Arc::clone(&looks), Arc::clone(&listeners));
    listen(&world, "rpc.sock", move |mut stream| {
        while let Some((method, id)) = call(&mut stream) {
            looked.fetch_add(usize::from(method == "getMonitorData"), Ordering::SeqCst);
            send(&mut stream, &frame(right(&method), &id));
        }
    });
    listen(&world, "pub.sock", move |stream| {
        listened.fetch_add(1, Ordering::SeqCst);
        serve(stream);
    });
    (world, looks, listeners)
}

#[test]
fn a_bus_of_garbage_is_listened_to_less_and_less_often() {
    let (world, _, listeners) = with_bus(|mut stream| send(&mut stream, b"garbage"));
    let began = Instant::now();
    let watch = world.watch_anything();
    wait_until("it tries again", || listeners.load(Ordering::SeqCst) >= 6);
    // 50, 100, 200, 400 and 800 ms.
    assert!(began.elapsed() >= Duration::from_millis(1500), "{:?}", began.elapsed());
    let log = watch.end_well();
    assert!(!log.contains("panicked") && !log.contains("ERROR"), "{log}");
}

#[test]
fn a_silent_bus_is_waited_for() {
    let (world, looks, listeners) = with_bus(|mut stream| say_nothing(&mut stream));
    let watch = world.watch_anything();
    wait_until("it listens and looks", || {
        listeners.load(Ordering::SeqCst) == 1 && looks.load(Ordering::SeqCst) >= 2
    });
    let log = watch.end_well();
    assert!(!log.contains("panicked") && !log.contains("ERROR"), "{log}");
    assert_eq!(listeners.load(Ordering::SeqCst), 1);
}

#[test]
fn a_flood_of_events_costs_neither_memory_nor_looks_without_end() {
    let done = Arc::new(AtomicUsize::new(0));
    let told = Arc::clone(&done);
    let (world, looks, _) = with_bus(move |mut stream| {
        let long = "x".repeat(1024 * 1024);
        let output = frame("s:log:out", &format!("j:{{\"data\":\"{long}\"}}"));
        let own = frame("s:log:PM2", &format!("j:{{\"data\":\"{long}\"}}"));
        let huge = frame("s:process:event", &format!("j:{{\"a\":\"{}\"}}", long.repeat(10)));
        let topic = frame(&format!("s:{long}"), "j:{}");
        let event = frame(
            "s:process:event",
            "j:{\"event\":\"exit\",\"process\":{\"pm_id\":1,\"status\":\"stopped\",\"exit_code\":1}}",
        );
        let strange = frame("s:process:event", "j:{\"event\":7,\"process\":[]}");
        for _ in 0..15 {
            for bytes in [&output, &own, &huge, &topic, &strange] {
                send(&mut stream, bytes);
            }
            for _ in 0..2000 {
                send(&mut stream, &event);
            }
        }
        told.store(1, Ordering::SeqCst);
        say_nothing(&mut stream);
    });
    let began = Instant::now();
    let watch = world.watch_anything();
    wait_until("all is read", || done.load(Ordering::SeqCst) == 1);
    let status = format!("/proc/{}/status", watch.pid());
    let peak = memory(&status, "VmHWM:").unwrap();
    assert!(peak < 100 * 1024, "{peak} KiB");
    let most = began.elapsed().as_millis() / 100 + 5;
    let looks = looks.load(Ordering::SeqCst);
    assert!(looks as u128 <= most, "{looks} looks, of {most} at most");
    let log = watch.end_well();
    assert!(!log.contains("panicked") && !log.contains("ERROR"), "{log}");
}
