//! The ways in which editors save a file, again and again under one watch: each save is taken over, and
//! what the file says all the time never goes away meanwhile.

use std::{
    fs::{self, File, OpenOptions},
    io::{Seek, Write},
    path::PathBuf,
    thread,
    time::Instant,
};

use crate::project::{Project, embedded, running_with, wait_for};

/// How often each of them saves.
const SAVES: usize = 100;

/// What the file says with each save: the same of `v`, and another word for `w`, which notes it.
fn text(word: &str) -> String {
    embedded(&format!(
        "[controller]\nreport_every = \"24h\"\n\
         [[process]]\nname = \"v\"\ncommand = [\"sleep\", \"4245\"]\n\
         [[process]]\nname = \"w\"\n\
         command = [\"sh\", \"-c\", \"echo $0 > seen; exec sleep $0\", \"{word}\"]\n"
    ))
}

/// A file that is being edited.
struct Edited {
    file: PathBuf,
    /// Where to stop in between, where a way of saving does: another place each time.
    cut: usize,
}

impl Edited {
    /// The file beside it that has such an end to its name.
    fn beside(&self, end: &str) -> PathBuf {
        let mut name = self.file.clone().into_os_string();
        name.push(end);
        name.into()
    }

    fn write_synced(path: &PathBuf, text: &str) {
        let mut file = File::create(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.sync_all().unwrap();
    }

    /// Vim (`backupcopy=auto`): whether the folder can be written is tried, the old file becomes the
    /// backup, and a new one is written. The backup goes.
    fn vim(&self, text: &str) {
        let trial = self.file.with_file_name("4913");
        drop(File::create(&trial).unwrap());
        fs::remove_file(trial).unwrap();
        fs::rename(&self.file, self.beside("~")).unwrap();
        Self::write_synced(&self.file, text);
        fs::remove_file(self.beside("~")).unwrap();
    }

    /// Vim with `backupcopy=yes`: the backup is a copy, and the file is written in place.
    fn vim_in_place(&self, text: &str) {
        fs::copy(&self.file, self.beside("~")).unwrap();
        Self::write_synced(&self.file, text);
        fs::remove_file(self.beside("~")).unwrap();
    }

    /// Nano: the file is emptied and written.
    fn nano(&self, text: &str) {
        fs::write(&self.file, text).unwrap();
    }

    /// Emacs: a lock that is a link to nothing, and the old file moved aside, where it stays.
    fn emacs(&self, text: &str) {
        let lock = self.file.with_file_name(".#redundancy.toml");
        std::os::unix::fs::symlink("me@here.1:2", &lock).unwrap();
        fs::rename(&self.file, self.beside("~")).unwrap();
        Self::write_synced(&self.file, text);
        fs::remove_file(lock).unwrap();
    }

    /// VS Code: opened as it is, emptied, and written from the beginning; here in two parts.
    fn vs_code(&self, text: &str) {
        let mut file = OpenOptions::new().write(true).open(&self.file).unwrap();
        file.set_len(0).unwrap();
        file.rewind().unwrap();
        let (first, second) = text.split_at(self.cut % text.len());
        file.write_all(first.as_bytes()).unwrap();
        file.write_all(second.as_bytes()).unwrap();
    }

    /// `JetBrains` ("safe write"): a new file, and two renames.
    fn jet_brains(&self, text: &str) {
        let (new, old) = (self.beside("___jb_tmp___"), self.beside("___jb_old___"));
        fs::write(&new, text).unwrap();
        fs::rename(&self.file, &old).unwrap();
        fs::rename(&new, &self.file).unwrap();
        fs::remove_file(old).unwrap();
    }

    /// `sed -i`: a new file with a name of its own in its place.
    fn sed(&self, text: &str) {
        let new = self.file.with_file_name(format!("sed{:06}", self.cut));
        fs::write(&new, text).unwrap();
        fs::rename(new, &self.file).unwrap();
    }

    /// `git checkout`: the old file goes before there is a new one.
    fn git(&self, text: &str) {
        fs::remove_file(&self.file).unwrap();
        let mut file = OpenOptions::new().write(true).create_new(true).open(&self.file).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// Kate and gedit (`QSaveFile`, `g_file_replace`): a new file that is on the disk, in its place.
    fn kate(&self, text: &str) {
        let new = self.beside(&format!(".{:06}", self.cut));
        Self::write_synced(&new, text);
        fs::rename(new, &self.file).unwrap();
    }
}

type Way = (&'static str, fn(&Edited, &str));

const WAYS: [Way; 9] = [
    ("vim", Edited::vim),
    ("vim in place", Edited::vim_in_place),
    ("nano", Edited::nano),
    ("emacs", Edited::emacs),
    ("vs code", Edited::vs_code),
    ("jetbrains", Edited::jet_brains),
    ("sed -i", Edited::sed),
    ("git checkout", Edited::git),
    ("kate", Edited::kate),
];

/// Saves in this way again and again, under one watch.
fn save_again_and_again(way: usize) {
    let (name, save) = WAYS[way];
    let word = |number: usize| format!("4246.{way}{number:03}1");
    let project = Project::empty();
    project.write("redundancy.toml", &text(&word(0)));
    let watch = project.watch();
    let steady = project.wait_for_pid("v", None);
    project.wait_for_pid("w", None);
    for number in 1..=SAVES {
        let edited = Edited { file: project.path("redundancy.toml"), cut: number };
        save(&edited, &text(&word(number)));
        wait_for(&format!("{name}, save {number}, is taken over"), || {
            let seen = fs::read_to_string(project.path("seen")).ok()?;
            (seen.trim_end() == word(number)).then_some(())
        });
    }
    // Nothing of this touched what the file always said, and what it said before is gone.
    assert_eq!(project.pid("v"), Some(steady), "{name}");
    assert_eq!(running_with(&word(SAVES - 1)), 0, "{name}");
    let said = watch.end_well();
    for change in ["update", "stop", "delete"] {
        assert!(!said.contains(&format!("embedded/v: {change}")), "{name}: {said}");
    }
    project.assert_settled();
}

#[test]
fn whatever_an_editor_does_each_save_is_taken_over() {
    let begun = Instant::now();
    thread::scope(|scope| {
        for way in 0..WAYS.len() {
            scope.spawn(move || save_again_and_again(way));
        }
    });
    eprintln!("{} ways, {SAVES} saves each: {:?}", WAYS.len(), begun.elapsed());
}
