//! A repository with a release in a server in GitHub's place, and a project with a program that can be replaced.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::{
    project::{PROGRAM, Project, Run},
    server::{Fault, Reply, Request, Server, World},
};

/// What stands at the end of the name of the file for this machine.
const TARGET: &str = env!("TARGET");

/// A release as GitHub tells of it, with its files.
pub(crate) struct GitHub {
    pub(crate) tag: &'static str,
    pub(crate) files: Vec<Asset>,
    /// Where the files are, if not here.
    pub(crate) elsewhere: Option<String>,
}

#[derive(Clone)]
pub(crate) struct Asset {
    name: String,
    pub(crate) size: usize,
    pub(crate) digest: Option<String>,
    /// What comes when it is asked for.
    pub(crate) comes: Fault,
}

pub(crate) fn sum(text: &str) -> String {
    Sha256::digest(text).iter().map(|it| format!("{it:02x}")).collect()
}

pub(crate) fn bytes(text: &str) -> Fault {
    Fault::Status(200, "content-type: application/octet-stream\r\n", text.to_owned())
}

pub(crate) fn asset(name: &str, text: &str) -> Asset {
    let digest = Some(format!("sha256:{}", sum(text)));
    Asset { name: name.to_owned(), size: text.len(), digest, comes: bytes(text) }
}

pub(crate) fn file() -> String {
    format!("redundancy-{TARGET}")
}

impl GitHub {
    /// A release whose program is `program`, and all of it is right.
    pub(crate) fn of(tag: &'static str, program: &str) -> Self {
        let sums = format!("{}  redundancy-other\n{}  {}\n", sum("other"), sum(program), file());
        let files = vec![asset(&file(), program), asset("SHA256SUMS", &sums)];
        Self { tag, files, elsewhere: None }
    }
}

impl World for GitHub {
    fn answer(&mut self, request: &Request) -> Reply {
        let path = request.target.strip_prefix("/repos/o/n/releases/").unwrap_or_default();
        if path == "latest" || path.strip_prefix("tags/") == Some(self.tag) {
            let files = self.files.iter().enumerate().map(|(id, it)| {
                json!({ "id": id, "name": it.name, "size": it.size, "digest": it.digest,
                    "state": "uploaded", "url": "https://example.com/never-asked",
                    "browser_download_url": "https://example.com/never-asked" })
            });
            let files: Vec<_> = files.collect();
            let release = json!({ "tag_name": self.tag, "draft": false, "prerelease": false,
                "assets": files });
            return Reply::json(200, release).or_unchanged(request);
        }
        match (path.strip_prefix("assets/"), &self.elsewhere) {
            (Some(id), Some(elsewhere)) => {
                let place = format!("{elsewhere}/repos/o/n/releases/assets/{id}?signed=yes");
                Reply { headers: vec![("location", place)], ..Reply::empty(302) }
            }
            _ => Reply::json(404, json!({ "message": "Not Found" })),
        }
    }

    fn fault(&mut self, request: &Request) -> Option<Fault> {
        let path = request.target.split('?').next()?;
        let id = path.strip_prefix("/repos/o/n/releases/assets/")?;
        assert_eq!(request.headers["accept"], "application/octet-stream");
        if self.elsewhere.is_some() {
            return None;
        }
        Some(self.files.get(id.parse::<usize>().ok()?)?.comes.clone())
    }
}

/// A program of a version, as far as an update needs one: it does what ours does, too.
pub(crate) fn program(version: &str) -> String {
    format!(
        "#!/bin/sh\ncase \"$1\" in\n--version) echo 'redundancy {version} (0123abc4 2026-11-27)' ;;\n\
         *) exec '{PROGRAM}' \"$@\" ;;\nesac\n"
    )
}

/// A project, with a program of its own that can be replaced.
pub(crate) struct Scene {
    pub(crate) project: Project,
    pub(crate) program: PathBuf,
}

impl Scene {
    pub(crate) fn new(config: &str) -> Self {
        let project = Project::new(config);
        let program = project.path("bin/redundancy");
        fs::create_dir(project.path("bin")).unwrap();
        // The same file by another name: what replaces it leaves it alone.
        if fs::hard_link(PROGRAM, &program).is_err() {
            fs::copy(PROGRAM, &program).unwrap();
        }
        Self { project, program }
    }

    pub(crate) fn with(github: &Server<GitHub>) -> Self {
        Self::new(&format!("[update]\nrepository = \"o/n\"\napi_url = \"{}\"\n", github.url()))
    }

    pub(crate) fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.arg("self-update").args(arguments).current_dir(self.project.root());
        command.stdin(Stdio::null()).env("NO_COLOR", "1").env_remove("CLICOLOR_FORCE");
        command
    }

    pub(crate) fn update(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(&self.program, arguments).output().unwrap())
    }

    pub(crate) fn old(&self) -> PathBuf {
        self.project.path("bin/redundancy.old")
    }

    /// The file that is the program.
    pub(crate) fn inode(&self) -> u64 {
        fs::metadata(&self.program).unwrap().ino()
    }

    /// Fails the test unless an update leaves everything as it was, and says this.
    #[track_caller]
    pub(crate) fn refuses(&self, arguments: &[&str], why: &str) {
        fs::write(self.old(), "the one before").unwrap();
        let before = self.inode();
        let run = self.update(arguments);
        assert_eq!(run.code, 1, "{run:?}");
        let said = run.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(why), "{why:?} is not in {said}");
        assert_eq!(self.inode(), before, "{run:?}");
        assert_eq!(fs::read_to_string(self.old()).unwrap(), "the one before");
        let left = fs::read_dir(self.project.path("bin")).unwrap().count();
        assert_eq!(left, 2, "something was left behind");
    }
}
