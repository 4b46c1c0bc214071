//! Node.js, and how it keeps in what it runs.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde::Deserialize;
use serde_json::json;
use tokio::{process::Command, time::timeout};

use crate::provider::netlify::tools::in_path;

/// The longest that Node.js is waited for where it runs nothing of the function: far longer than it
/// takes on a busy machine.
pub(super) const NODE: Duration = Duration::from_secs(30);

/// Node.js's own sandbox, by the names that it has had, and what is allowed in there all the same:
/// what packages do when they are loaded, and what reaches no network.
const SANDBOX: [&str; 2] = ["--permission", "--experimental-permission"];
const ALLOWED: [&str; 3] = ["--allow-addons", "--allow-wasi", "--allow-worker"];

/// Node.js, and what it knows of keeping a program in.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) program: PathBuf,
    pub(super) version: String,
    /// The options for its sandbox; none where it has none.
    pub(super) flags: Vec<String>,
}

#[derive(Deserialize)]
struct About {
    version: String,
    flags: Vec<String>,
}

impl Node {
    /// The one in `PATH`.
    pub(super) async fn find() -> Result<Self, String> {
        let program = in_path("node").ok_or_else(|| {
            "testing needs Node.js, and there is no `node` in PATH; install it".to_owned()
        })?;
        let failed = |why: String| format!("{} can't be used: {why}", program.display());
        let known = json!([SANDBOX.as_slice(), &ALLOWED].concat());
        let script = format!(
            "JSON.stringify({{ version: process.version, flags: {known}.filter((it) => \
             process.allowedNodeEnvironmentFlags.has(it)) }})"
        );
        let mut command = Command::new(&program);
        command.args(["--print", &script]).env_clear().envs(environment(Path::new("/")));
        command.stdin(Stdio::null()).kill_on_drop(true);
        let output = timeout(NODE, command.output()).await;
        let output = output.map_err(|_| failed("it does not answer".to_owned()))?;
        let output = output.map_err(|error| failed(error.to_string()))?;
        let about: About = serde_json::from_slice(&output.stdout)
            .map_err(|_| failed(format!("it does not say its version ({})", output.status)))?;
        let mut flags = about.flags;
        let sandbox = SANDBOX.iter().find(|name| flags.iter().any(|it| it == **name));
        let sandbox = sandbox.map(|it| (*it).to_owned());
        match sandbox {
            Some(sandbox) => {
                flags.retain(|it| ALLOWED.contains(&it.as_str()));
                flags.push(sandbox);
            }
            None => flags.clear(),
        }
        Ok(Self { program, version: about.version, flags })
    }
}

/// The environment of what is tried: nothing of ours but where programs are.
pub(super) fn environment(home: &Path) -> BTreeMap<String, OsString> {
    let home = |key: &str| (key.to_owned(), home.as_os_str().to_owned());
    let path = std::env::var_os("PATH").map(|it| ("PATH".to_owned(), it));
    path.into_iter().chain([home("HOME"), home("TMPDIR")]).collect()
}
