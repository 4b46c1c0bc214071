//! Where the frames come from: the watch, and where it can't be heard, looks of our own.

use std::{convert::Infallible, path::Path, time::Duration};

use jiff::Timestamp;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    net::UnixStream,
    sync::mpsc::Sender,
    task::spawn_blocking,
    time::{sleep, timeout},
};

use crate::{
    controller::{
        Controller, live,
        lock::{self, Lock},
        reports::last_day,
    },
    core::live::{Frame, Given, Input, read},
    journal::Journal,
};

/// Between two looks of our own.
const BETWEEN_LOOKS: Duration = Duration::from_secs(5);

/// Between two readings of how the last day was.
const BETWEEN_DAYS: Duration = Duration::from_mins(1);

/// How long a watch may take to give the first frame.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest frame that is read, in bytes: that of a hundred thousand resources.
const LONGEST: u64 = 64 * 1024 * 1024;

/// Tells one frame after another.
pub(super) async fn follow(controller: &Controller, tell: Sender<Input>) -> Infallible {
    let state_dir = controller.project().state_dir();
    loop {
        let why = hear(&state_dir, &tell).await;
        let why = if controller.is_watched() { why } else { "nobody watches".to_owned() };
        let frame = look(controller).await;
        // Whoever is told these ends only together with this.
        let _ = tell.send(Input::Alone(why)).await;
        let _ = tell.send(Input::Frame(Box::new(frame))).await;
        sleep(BETWEEN_LOOKS).await;
    }
}

/// Tells how the last day was, again and again, by what watches wrote down: also the ones before this one.
pub(super) async fn days(controller: &Controller, tell: Sender<Input>) -> Infallible {
    let state_dir = controller.project().state_dir();
    loop {
        let folder = state_dir.clone();
        let read = spawn_blocking(move || last_day(&folder, Timestamp::now())).await;
        let input = match read
            .map_err(|it| it.to_string())
            .and_then(|it| it.map_err(|it| it.to_string()))
        {
            Ok(days) => Input::Days(days),
            Err(why) => Input::Said(format!("how the last day was is not known: {why}")),
        };
        let _ = tell.send(input).await;
        sleep(BETWEEN_DAYS).await;
    }
}

/// Tells what the watch shows, until it shows no more; why.
async fn hear(state_dir: &Path, tell: &Sender<Input>) -> String {
    let stream = match live::connect(state_dir).await {
        Ok(stream) => BufReader::new(stream),
        Err(why) => return why.to_string(),
    };
    shown(stream, tell).await
}

async fn shown(mut stream: BufReader<UnixStream>, tell: &Sender<Input>) -> String {
    let mut heard = false;
    loop {
        let mut line = Vec::new();
        let mut within = (&mut stream).take(LONGEST);
        let next = within.read_until(b'\n', &mut line);
        let next = if heard {
            next.await
        } else {
            match timeout(PATIENCE, next).await {
                Ok(next) => next,
                Err(_) => return "the watch is busy, or hangs".to_owned(),
            }
        };
        if let Err(error) = next {
            return format!("the watch can't be heard any more: {error}");
        }
        if line.last() != Some(&b'\n') {
            return if line.len() as u64 >= LONGEST {
                "what the watch says is longer than can be shown".to_owned()
            } else {
                "the watch says no more".to_owned()
            };
        }
        let frame = match read(&line) {
            Ok(Given::Frame(frame)) => frame,
            Ok(Given::Refused(why)) => return format!("the watch shows nothing: {why}"),
            Err(why) => return format!("what the watch says can't be understood: {why}"),
        };
        if !heard {
            heard = true;
            let _ = tell.send(Input::Heard).await;
        }
        let _ = tell.send(Input::Frame(frame)).await;
    }
}

/// A look of our own, as `status` does.
async fn look(controller: &Controller) -> Frame {
    let now = Timestamp::now();
    let world = controller.look_around(now).await;
    let state_dir = controller.project().state_dir();
    // Without a journal all but what happened last is known.
    let journal = Journal::open_to_read(&Journal::file(&state_dir)).ok().flatten();
    let watch = Lock::holder(&lock::watch_file(&state_dir)).map(|it| it.pid);
    let frame = live::frame(controller, &world, journal.as_ref(), watch, now);
    Frame { looked_at: Some(now), ..frame }
}
