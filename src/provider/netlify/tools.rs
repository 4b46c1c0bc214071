//! Programs from npm: the project's own, or those that are installed for this tool alone.

use std::{fs, os::unix::fs::DirBuilderExt as _, path::PathBuf, process::Stdio, time::Duration};

use tokio::{process::Command, time::timeout};

use crate::provider::Error;

/// How long npm may take.
const INSTALL: Duration = Duration::from_mins(5);

/// How long, after npm failed, a package counts as one that can't be had.
const TRY_AGAIN: Duration = Duration::from_hours(1);

/// A package of npm.
#[derive(Debug, Clone, Copy)]
pub(super) struct Package {
    pub(super) name: &'static str,
    /// The version that is installed where there is none.
    pub(super) version: &'static str,
}

/// Where packages may be.
#[derive(Debug, Clone)]
pub(super) struct Tools {
    pub(super) root: PathBuf,
    /// Folders of the project that may have packages, the likeliest first.
    pub(super) folders: Vec<PathBuf>,
    /// The folder of what is installed for this tool alone.
    pub(super) private: PathBuf,
    pub(super) install_if_missing: bool,
}

impl Tools {
    /// Whether `package` is there, or could be installed.
    pub(super) fn can_be_had(&self, package: &Package) -> bool {
        self.find(package).is_some() || self.can_install(package)
    }

    /// The folder of `package`, if it is installed.
    pub(super) fn find(&self, package: &Package) -> Option<PathBuf> {
        let places = self.folders.iter().chain([&self.private]);
        places
            .map(|it| it.join("node_modules").join(package.name))
            .find(|it| it.join("package.json").is_file())
    }

    /// The folder of `package`, installed if need be and if that is allowed.
    pub(super) async fn have(&self, package: &Package) -> Result<PathBuf, Error> {
        match self.find(package) {
            Some(found) => Ok(found),
            None => self.install(package).await,
        }
    }

    fn can_install(&self, package: &Package) -> bool {
        let failed_at = fs::metadata(self.failure(package)).and_then(|it| it.modified());
        let lately = failed_at.is_ok_and(|at| at.elapsed().is_ok_and(|it| it < TRY_AGAIN));
        self.install_if_missing && in_path("npm").is_some() && !lately
    }

    /// The file that says that installing failed, by its time.
    fn failure(&self, package: &Package) -> PathBuf {
        self.private.join(format!("{}-could-not-be-installed", package.name.replace('/', "-")))
    }

    /// Installs `package` into the private folder.
    async fn install(&self, package: &Package) -> Result<PathBuf, Error> {
        let Package { name, version } = package;
        let npm = in_path("npm").filter(|_| self.install_if_missing).ok_or_else(|| {
            Error::Refused(format!(
                "there is no {name} in the project; install it there (`npm install -D {name}`), or \
                 set `install_if_missing = true` in [netlify]"
            ))
        })?;
        let folder = &self.private;
        let failed = |why: &str| {
            Error::Passing(format!(
                "{name} {version} could not be installed into {}: {why}",
                folder.display()
            ))
        };
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|error| failed(&error.to_string()))?;
        tracing::info!("installing {name} {version} into {} with npm", folder.display());
        let mut command = Command::new(npm);
        command
            .args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"])
            .arg("--prefix")
            .arg(folder)
            .arg(format!("{name}@{version}"))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let result = match timeout(INSTALL, command.output()).await {
            Err(_) => Err(failed(&format!("npm has not ended within {} s", INSTALL.as_secs()))),
            Ok(Err(error)) => Err(failed(&format!("npm can't be run: {error}"))),
            Ok(Ok(output)) if output.status.success() => {
                self.find(package).ok_or_else(|| failed("npm ended well and left none there"))
            }
            Ok(Ok(output)) => {
                let said = String::from_utf8_lossy(&output.stderr);
                let lines: Vec<&str> =
                    said.lines().map(str::trim).filter(|it| !it.is_empty()).take(3).collect();
                let why = format!("npm failed ({}): {}", output.status, lines.join("; "));
                Err(failed(&format!("{why}; is the network there?")))
            }
        };
        if let Err(error) = &result
            && let Err(untold) = fs::write(self.failure(package), error.to_string())
        {
            tracing::debug!("cannot note that {name} could not be installed: {untold}");
        }
        result
    }
}

pub(super) fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder: PathBuf| folder.join(program)).find(|it| it.is_file())
}
