//! What a backup is made from, and how.

use super::{
    function::{Function, Style, classify},
    look::{Look, below},
    reached::{Reached, Trouble, place},
    scan::Found,
    settings::Settings,
    wrapper,
};
use crate::{config::model::Snapshot, core::digest::Digest, provider::files::rule::SUFFIX};

/// How a snapshot is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// From the zip file where the function is one; else by esbuild where there is one, else from the
    /// files.
    Either,
    /// By esbuild.
    Bundle,
    /// From the files.
    Files,
    /// From the zip file that the function is.
    Zip,
}

impl From<Option<Snapshot>> for Form {
    fn from(asked: Option<Snapshot>) -> Self {
        match asked {
            None => Self::Either,
            Some(Snapshot::Bundle) => Self::Bundle,
            Some(Snapshot::Files) => Self::Files,
            Some(Snapshot::Zip) => Self::Zip,
        }
    }
}

impl Form {
    /// How the snapshot of this function is made where the config asks for this.
    fn of(self, reached: &Reached) -> Result<Self, Trouble> {
        match (self, &reached.zip) {
            (Self::Either | Self::Zip, Some(_)) => Ok(Self::Zip),
            (Self::Either | Self::Bundle | Self::Files, None) => Ok(self),
            (Self::Zip, None) => Err(Trouble::unclear(format!(
                "{}it is no zip file, and `snapshot = \"zip\"` is for functions that are; leave \
                 `snapshot` out for it",
                place(&reached.main, None)
            ))),
            (Self::Bundle | Self::Files, Some(zip)) => Err(Trouble::unclear(format!(
                "{}it is a zip file, of which only `snapshot = \"zip\"` can be made; leave `snapshot` \
                 out for it",
                place(&zip.path, None)
            ))),
        }
    }
}

/// What a backup is made from.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) reached: Reached,
    pub(super) recipe: Digest,
    /// The wrapper, which does not know its recipe yet.
    pub(super) wrapper: String,
    /// Where the wrapper goes.
    pub(super) path: String,
    /// The folder of the wrapper and the snapshot.
    pub(super) folder: String,
    pub(super) style: Style,
    pub(super) form: Form,
    /// Packages that stay imports.
    pub(super) external: Vec<String>,
}

impl Draft {
    /// What the backup of the function called `name` is made from, which consists of `reached`, with
    /// what that is. `folder` is the functions folder.
    pub(super) fn of(
        settings: &Settings,
        folder: &str,
        name: &str,
        reached: Reached,
        form: Form,
    ) -> Result<(Function, Self), Trouble> {
        let form = form.of(&reached)?;
        let function = classify(name, &reached, settings)?;
        let wrapper = wrapper::text(name, &function);
        let own = below(folder, &format!("{name}{SUFFIX}"));
        let extension = match function.style {
            Style::V1 => "cjs",
            Style::V2 => "mjs",
        };
        let external: Vec<String> = settings.of(name).external_node_modules.into_iter().collect();
        let draft = Self {
            recipe: recipe(&reached, &wrapper, form, &external),
            path: format!("{own}/{name}{SUFFIX}.{extension}"),
            reached,
            wrapper,
            folder: own,
            style: function.style,
            form,
            external,
        };
        Ok((function, draft))
    }
}

impl Look {
    /// The files of a function whose main file is at `path` and holds `main`, or that is a zip file
    /// there; none where there is none any more.
    pub(super) fn reached(
        &self,
        found: &Found,
        path: &str,
        main: Option<&String>,
    ) -> Result<Option<Reached>, Trouble> {
        if found.is_zip() {
            return self.zips.reached(&self.reader, path, &found.name);
        }
        main.map(|main| self.walker().walk(path, main)).transpose()
    }
}

/// The digest of everything that a backup depends on. Where its snapshot may be made either way, which
/// one it was does not count: another machine has other programs.
pub(super) fn recipe(reached: &Reached, wrapper: &str, form: Form, external: &[String]) -> Digest {
    let form = match form {
        Form::Either => "either",
        Form::Bundle => "bundle",
        Form::Files => "files",
        Form::Zip => "zip",
    };
    let settings = [super::GENERATOR, form, wrapper, reached.main.as_str()];
    let external = external.iter().map(String::as_str);
    let zip = reached.zip.as_ref().map(|it| it.digest.to_string());
    let parts = settings.into_iter().chain(external).chain(reached.parts());
    Digest::of(parts.chain(zip.as_deref()))
}
