//! Looking for the word, in whatever form and wherever it could be.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};

use super::WORD;

/// The forms in which the word would be found, in lower case.
fn forms() -> Vec<(&'static str, String)> {
    let hex = WORD.bytes().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    });
    let percent = WORD.bytes().fold(String::new(), |mut text, byte| {
        write!(text, "%{byte:02x}").unwrap();
        text
    });
    let mut forms = vec![
        ("as it is", WORD.to_ascii_lowercase()),
        ("in hexadecimal digits", hex),
        ("percent-encoded", percent),
    ];
    // Wherever in a text it begins; the characters at its ends depend on their neighbours.
    for before in 0..3 {
        let text = STANDARD_NO_PAD.encode(format!("{}{WORD}", &"xx"[..before.min(2)]));
        let own = text[(before * 4).div_ceil(3)..text.len() - 1].to_owned();
        forms.push(("in base64", own.to_ascii_lowercase()));
    }
    forms
}

/// In which form the word is in `bytes`, with what is around it.
pub(super) fn found(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    forms().into_iter().find_map(|(how, form)| {
        let at = text.find(&form)?;
        let around: String =
            text.chars().skip(text[..at].chars().count().saturating_sub(200)).take(400).collect();
        Some(format!("{how}, in: {around}"))
    })
}

#[track_caller]
pub(super) fn assert_without(what: &str, bytes: &[u8]) {
    if let Some(how) = found(bytes) {
        panic!("{what} has the word {how}");
    }
}

/// Every file below `folder` but those of git, which has its own secrets.
pub(super) fn files(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() && entry.file_name() != ".git" {
            files(&entry.path(), all);
        } else if kind.is_file() {
            all.push(entry.path());
        }
    }
}

/// What was on the command lines of everything that works in a folder, as long as this lives.
pub(super) struct CommandLines {
    seen: Arc<Mutex<BTreeSet<Vec<u8>>>>,
    ended: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl CommandLines {
    pub(super) fn of(root: &Path) -> Self {
        let (seen, ended) =
            (Arc::<Mutex<BTreeSet<_>>>::default(), Arc::new(AtomicBool::new(false)));
        let (root, into, stop) = (root.to_owned(), Arc::clone(&seen), Arc::clone(&ended));
        let thread = thread::spawn(move || {
            while !stop.load(Ordering::SeqCst) {
                for process in fs::read_dir("/proc").unwrap().flatten() {
                    let works_here = fs::read_link(process.path().join("cwd"));
                    if works_here.is_ok_and(|it| it.starts_with(&root))
                        && let Ok(line) = fs::read(process.path().join("cmdline"))
                    {
                        into.lock().unwrap().insert(line);
                    }
                }
                thread::sleep(Duration::from_millis(5));
            }
        });
        Self { seen, ended, thread: Some(thread) }
    }

    pub(super) fn end(mut self) -> BTreeSet<Vec<u8>> {
        self.ended.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap();
        self.seen.lock().unwrap().clone()
    }
}

#[test]
fn the_word_is_found_in_all_of_its_forms() {
    for text in [
        format!("x{WORD}y"),
        STANDARD_NO_PAD.encode(format!("Bearer {WORD}")),
        STANDARD_NO_PAD.encode(format!("Bearer a{WORD}b")),
        STANDARD_NO_PAD.encode(format!("Bearer ab{WORD}bc")),
        WORD.to_uppercase(),
    ] {
        assert!(found(text.as_bytes()).is_some(), "{text}");
    }
    assert_eq!(found(b"Kanarienvogel8"), None);
}
