//! PM2, installed from npm, in each version that it has to work with.

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// A version of PM2 that the tests are made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    Five,
    Six,
    Seven,
}

impl Version {
    /// The folder of its commands.
    pub(crate) fn bin(self) -> &'static Path {
        static FOLDERS: [OnceLock<PathBuf>; 3] = [const { OnceLock::new() }; 3];
        let npmrc = (".npmrc", include_str!("../../node/.npmrc"));
        let (kind, package, lock) = match self {
            Self::Five => (
                "pm2-5",
                include_str!("../../node/pm2-5/package.json"),
                include_str!("../../node/pm2-5/package-lock.json"),
            ),
            Self::Six => (
                "pm2-6",
                include_str!("../../node/pm2-6/package.json"),
                include_str!("../../node/pm2-6/package-lock.json"),
            ),
            Self::Seven => (
                "pm2-7",
                include_str!("../../node/pm2-7/package.json"),
                include_str!("../../node/pm2-7/package-lock.json"),
            ),
        };
        FOLDERS[self as usize].get_or_init(|| {
            let files = [("package.json", package), ("package-lock.json", lock), npmrc];
            crate::parts::install(kind, &files).join("node_modules/.bin")
        })
    }

    pub(crate) fn number(self) -> &'static str {
        match self {
            Self::Five => "5.4.3",
            Self::Six => "6.0.14",
            Self::Seven => "7.0.4",
        }
    }
}
