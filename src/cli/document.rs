//! The plan as a document: what `plan --json` prints, `plan --out` saves and `apply FILE` reads.
//! README.md describes it for those who read it with a program.

use std::{
    fs::{self, File, Permissions},
    io::{Read, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use anyhow::{Context, bail, ensure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::core::{
    digest::Digest,
    plan::{Consent, Plan},
};

/// The version of the form. A reader refuses what it does not know.
const VERSION: u32 = 1;

/// The largest saved plan that is read, in bytes.
const LARGEST: u64 = 256 * 1024 * 1024;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Document {
    /// The version of the form.
    version: u32,
    /// When the plan was made.
    pub(super) made_at: Timestamp,
    /// The digest of the config that it was made for.
    config: Digest,
    /// What its maker allowed.
    pub(super) consent: Consent,
    #[serde(flatten)]
    pub(super) plan: Plan,
}

/// Enough of a document to tell whether the rest can be read.
#[derive(Deserialize)]
struct Form {
    version: u32,
}

impl Document {
    pub(super) fn new(plan: Plan, consent: Consent, config: Digest, made_at: Timestamp) -> Self {
        Self { version: VERSION, made_at, config, consent, plan }
    }

    pub(super) fn to_json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Saves it, whole or not at all. Only its owner may read it: files of the project are in it.
    pub(super) fn save(&self, path: &Path) -> anyhow::Result<()> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        // Replacing a device, a folder or a pipe would take it from everybody else.
        if let Ok(there) = fs::symlink_metadata(path) {
            ensure!(
                there.is_file(),
                "the plan is not saved as {}: that is there and is no regular file",
                path.display()
            );
        }
        let text = self.to_json()?;
        let write = || -> std::io::Result<()> {
            let mut builder = tempfile::Builder::new();
            let private = builder.permissions(Permissions::from_mode(0o600));
            let mut file = private.tempfile_in(folder)?;
            file.write_all(text.as_bytes())?;
            file.persist(path)?;
            Ok(())
        };
        write().with_context(|| format!("cannot save the plan as {}", path.display()))
    }

    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let about = fs::metadata(path).with_context(|| format!("cannot read the plan {shown}"))?;
        ensure!(about.is_file(), "the plan {shown} is not a file");
        let mut text = String::new();
        let read = File::open(path).and_then(|it| it.take(LARGEST).read_to_string(&mut text));
        read.with_context(|| format!("cannot read the plan {shown}"))?;
        let again = "`redundancy plan --out` makes a new one";

        match serde_json::from_str(&text) {
            Ok(Form { version: VERSION }) => {}
            Ok(Form { version }) => {
                bail!(
                    "{shown} is a plan in form {version}, and this version reads form {VERSION}; {again}"
                )
            }
            Err(error) => bail!("{shown} is no saved plan ({error}); {again}"),
        }
        let document: Self = serde_json::from_str(&text)
            .with_context(|| format!("{shown} is no whole plan; {again}"))?;
        ensure!(
            document.plan.lanes.iter().all(|lane| match lane.as_slice() {
                [] => false,
                [first, rest @ ..] => rest.iter().all(|step| step.id == first.id),
            }),
            "{shown} is no sound plan: a lane is empty or mixes resources; {again}"
        );
        Ok(document)
    }
}
