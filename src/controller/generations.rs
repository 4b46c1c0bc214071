//! The generations of a project: a file for each, in the state folder, which only its owner may read.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Read as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use crate::{
    core::{
        change::Step,
        generation::{By, Generation, VERSION},
    },
    disk::replace_private,
};

/// How many are kept.
const KEPT: usize = 100;

/// How many bytes of them are kept; the newest one stays, however large it is.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// Why a generation can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refuses.
    #[error("cannot use {path}: {source}", path = .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// It is not as we write it.
    #[error("{path} is no sound generation ({why}); those after it can still be gone back to", path = .path.display())]
    Unsound {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Nobody knows it.
    #[error("there is no generation {number}; `redundancy generations` lists those that are kept")]
    None {
        /// Its number.
        number: u64,
    },
}

/// The generations of a project.
#[derive(Debug, Clone)]
pub struct Generations {
    folder: PathBuf,
}

impl Generations {
    /// Those in a state folder.
    #[must_use]
    pub fn of(state_dir: &Path) -> Self {
        Self { folder: state_dir.join("generations") }
    }

    /// The numbers of those that are kept, in order.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub fn numbers(&self) -> Result<Vec<u64>, Error> {
        let failed = |source| Error::Io { path: self.folder.clone(), source };
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut numbers = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            // What else lies there was put there by somebody else, or is half written.
            numbers
                .extend(name.to_str().and_then(|it| it.strip_suffix(".json")?.parse::<u64>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The generation of this number.
    ///
    /// # Errors
    /// When there is none, or when it can't be read.
    pub fn read(&self, number: u64) -> Result<Generation, Error> {
        let path = self.file(number);
        let unsound = |why: String| Error::Unsound { path: path.clone(), why };
        let mut text = String::new();
        match File::open(&path).and_then(|it| it.take(MOST_BYTES).read_to_string(&mut text)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::None { number });
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(unsound("it is not UTF-8".to_owned()));
            }
            Err(source) => return Err(Error::Io { path, source }),
            Ok(_) => {}
        }
        let generation: Generation =
            serde_json::from_str(&text).map_err(|error| unsound(error.to_string()))?;
        if generation.version != VERSION || generation.number != number {
            return Err(unsound(format!(
                "it says that it is generation {} in form {}, and this version reads form {VERSION}",
                generation.number, generation.version
            )));
        }
        Ok(generation)
    }

    /// Keeps what `steps` are about to replace, as a generation of its own, and forgets the oldest
    /// ones. Its number; none where nothing is replaced. Only for who holds the lock of changes.
    ///
    /// # Errors
    /// When it can't be written. Then nothing can be put back that those steps replace.
    pub fn keep<'a>(
        &self,
        by: By,
        config: &str,
        steps: impl Iterator<Item = &'a Step>,
        now: Timestamp,
    ) -> Result<Option<u64>, Error> {
        let Some(mut generation) = Generation::of(0, now, by, config, steps) else {
            return Ok(None);
        };
        self.write(&mut generation).map(Some)
    }

    /// Keeps the text of a config that nothing was changed by.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn keep_config(&self, by: By, config: &str, now: Timestamp) -> Result<u64, Error> {
        self.write(&mut Generation {
            version: VERSION,
            number: 0,
            at: now,
            by,
            config: config.to_owned(),
            changes: Vec::new(),
        })
    }

    /// Writes it as the newest one.
    fn write(&self, generation: &mut Generation) -> Result<u64, Error> {
        let number = self.numbers()?.last().map_or(1, |newest| newest.saturating_add(1));
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.folder);
        made.map_err(|source| Error::Io { path: self.folder.clone(), source })?;
        generation.number = number;
        let path = self.file(number);
        let text = serde_json::to_string(generation).map_err(io::Error::from);
        let written = text.and_then(|text| replace_private(&path, &text));
        written.map_err(|source| Error::Io { path, source })?;
        // This one is kept, and can be gone back to.
        if let Err(error) = self.forget_old() {
            tracing::warn!("old generations are not forgotten and take room: {error}");
        }
        Ok(number)
    }

    fn forget_old(&self) -> Result<(), Error> {
        let mut bytes = 0;
        for (place, number) in self.numbers()?.into_iter().rev().enumerate() {
            let path = self.file(number);
            // What has gone meanwhile takes no room.
            bytes += fs::metadata(&path).map_or(0, |it| it.len());
            if place > 0 && (place >= KEPT || bytes > MOST_BYTES) {
                match fs::remove_file(&path) {
                    Err(source) if source.kind() != io::ErrorKind::NotFound => {
                        return Err(Error::Io { path, source });
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn file(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number}.json"))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn keep(generations: &Generations) -> u64 {
        generations.keep_config(By::Edit, "x = 1", Timestamp::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn they_are_numbered_kept_private_and_forgotten_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let generations = Generations::of(folder.path());
        assert!(generations.numbers().unwrap().is_empty());
        assert!(matches!(generations.read(1), Err(Error::None { number: 1 })));
        for number in 1..=KEPT as u64 + 5 {
            assert_eq!(keep(&generations), number);
        }
        let numbers = generations.numbers().unwrap();
        assert_eq!((numbers[0], numbers.len()), (6, KEPT));
        let mode = fs::metadata(generations.file(6)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(generations.read(6).unwrap().config, "x = 1");
    }

    #[test]
    fn one_that_can_not_be_forgotten_keeps_no_other_from_being_kept() {
        let folder = tempfile::tempdir().unwrap();
        let generations = Generations::of(folder.path());
        fs::create_dir_all(generations.file(0)).unwrap();
        for number in 1..=KEPT as u64 + 1 {
            assert_eq!(keep(&generations), number);
        }
    }

    #[test]
    fn what_is_unsound_is_said_and_hides_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let generations = Generations::of(folder.path());
        keep(&generations);
        keep(&generations);
        let sound = fs::read_to_string(generations.file(2)).unwrap();
        for bad in [
            "",
            "{",
            &sound[..sound.len() / 2],
            &sound.replace("\"version\":1", "\"version\":9"),
            &sound.replace("\"number\":2", "\"number\":1"),
        ] {
            fs::write(generations.file(2), bad).unwrap();
            assert!(matches!(generations.read(2), Err(Error::Unsound { .. })), "{bad}");
        }
        fs::write(generations.file(2), b"\xff").unwrap();
        assert!(matches!(generations.read(2), Err(Error::Unsound { .. })));
        fs::write(generations.folder.join("notes.txt"), "").unwrap();
        assert_eq!(generations.numbers().unwrap(), [1, 2]);
        assert!(generations.read(1).is_ok());
        assert_eq!(keep(&generations), 3);
    }
}
