//! The first `redundancy.toml` of a project.

use std::{
    collections::HashSet,
    fmt::Write as _,
    fs::Permissions,
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use super::{
    discover::{App, FUNCTIONS_DIR, Findings},
    parse,
    process::Process,
    secrets,
    wording::quoted,
};
use crate::core::id::Name;

const HEAD: &str = r#"# What must exist, and what stands in for it. Written by `redundancy init`; yours to edit.
# `redundancy validate` checks it, `redundancy plan` shows what it would change.

[controller]
# look_every = "5m"               # longest time between two looks at everything
# log_dir = "automation/logs"     # what the watch did, and the output of the processes: for .gitignore
# state_dir = ".redundancy"       # what the tool keeps for itself, out of sight of git

[failover]
# mode = "exclusive"              # a backup never runs beside its primary; or "parallel"
"#;

const NO_PROCESS: &str = r#"
# Processes: no PM2 ecosystem file was found. This one would be run by the tool itself, and by PM2
# without `runner`.
# [[process]]
# runner = "embedded"
# name = "worker"
# command = ["node", "worker.js"]
"#;

const NO_WORKFLOW: &str = r#"
# Workflows: none with a schedule was found in .github/workflows.
# [[workflow]]
# backs_up = ["ci.yml"]           # names or patterns
# schedule = "daily"
"#;

const NO_FUNCTION: &str = r#"
# Functions: none were found.
# [[function]]
# backs_up = "*"                  # names or patterns
"#;

/// A first `redundancy.toml` for what was found. It always loads.
#[must_use]
pub fn suggest(found: &Findings) -> String {
    let mut text = HEAD.to_owned();
    processes(found, &mut text);
    workflows(found, &mut text);
    functions(found, &mut text);
    if !found.unreadable.is_empty() {
        text.push_str("\n# Not understood, and so left out:\n");
        for (path, why) in &found.unreadable {
            // The first line of what a parser says holds the reason.
            let why = why.lines().next().unwrap_or_default();
            comment(&format!("{path}: {why}"), &mut text);
        }
    }
    text
}

fn comment(line: &str, text: &mut String) {
    let line: String = secrets::mask(line)
        .chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect();
    text.push_str("# ");
    text.push_str(line.trim_end());
    text.push('\n');
}

/// Adds a block that works as it stands, or, where it would not load, the same as a comment.
fn block(lines: &str, text: &mut String) {
    text.push('\n');
    if parse(lines).is_ok() {
        text.push_str(lines);
    } else {
        lines.lines().for_each(|line| comment(line, text));
    }
}

fn processes(found: &Findings, text: &mut String) {
    if found.apps.is_empty() {
        text.push_str(NO_PROCESS);
        return;
    }
    text.push_str(
        "\n# Processes of PM2, each with a backup under PM2. `runner = \"embedded\"` in a block has the\n\
         # tool itself run it, so that it does not share PM2's fate. What their files compute is not\n\
         # known here: complete the blocks that are comments. `env` is not copied.\n",
    );
    let all: HashSet<&str> = found.apps.iter().map(|(_, app)| app.name.as_str()).collect();
    let mut seen: HashSet<&str> = HashSet::new();
    let mut taken: HashSet<String> = HashSet::new();
    for (file, app) in &found.apps {
        if !seen.insert(&app.name) {
            continue;
        }
        let already = if app.name.ends_with("-backup") {
            Some("is a backup already")
        } else if all.contains(format!("{}-backup", app.name).as_str()) {
            Some("has a backup already")
        } else {
            None
        };
        if let Some(already) = already {
            text.push('\n');
            comment(&format!("{} of {file} {already}", quoted(&app.name)), text);
            continue;
        }
        let (lines, known) = process(file, app, &backup_name(&app.name, &mut taken));
        if known {
            block(&lines, text);
        } else {
            text.push('\n');
            lines.lines().for_each(|line| comment(line, text));
        }
    }
}

/// The block for one process, and whether it says all of what to run.
fn process(file: &str, app: &App, name: &str) -> (String, bool) {
    let mut lines = String::new();
    let mut line = |key: &str, value: String| {
        // Writing to a String can't fail.
        let _ = writeln!(lines, "{key} = {value}");
    };
    line("name", quoted(name));
    line("backs_up", quoted(&format!("pm2/{}", app.name)));
    match &app.script {
        Some(script) => line("script", quoted(script)),
        None => line("script", "\"?\"".to_owned()),
    }
    match &app.args {
        Some(args) if args.is_empty() => {}
        Some(args) => {
            let args: Vec<String> = args.iter().map(|it| quoted(it)).collect();
            line("args", format!("[{}]", args.join(", ")));
        }
        None => line("args", "[\"?\"]".to_owned()),
    }
    for (key, value) in [("interpreter", &app.interpreter), ("cwd", &app.cwd), ("cron", &app.cron)]
    {
        if let Some(value) = value {
            line(key, quoted(value));
        }
    }
    let runs_by = |script: &str| {
        // PM2 takes `node` for any other extension, this tool takes none.
        app.interpreter.is_some()
            || Process::has_usual_interpreter(script)
            || !script.contains(['.', '/'])
    };
    let known = app.args.is_some() && app.script.as_deref().is_some_and(runs_by);
    let file: String = file.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    (format!("[[process]]  # {file}\n{lines}"), known)
}

/// A name for the backup of the process that PM2 calls `primary`.
fn backup_name(primary: &str, taken: &mut HashSet<String>) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let plain: String = primary.chars().map(|c| if fits(c) { c } else { '-' }).collect();
    let plain = plain.trim_start_matches(['-', '.']);
    let plain = if plain.is_empty() { "process" } else { plain };
    // Room for the ending, and for a number where two names come to one.
    let plain = &plain[..plain.len().min(Name::MAX - 20)];
    let numbered = (2u32..).map(|n| format!("{plain}-backup-{n}"));
    let mut names = std::iter::once(format!("{plain}-backup")).chain(numbered);
    let name = names.find(|it| !taken.contains(it)).unwrap_or_default();
    taken.insert(name.clone());
    name
}

fn workflows(found: &Findings, text: &mut String) {
    if found.scheduled.is_empty() {
        text.push_str(NO_WORKFLOW);
    } else {
        let names =
            found.scheduled.iter().map(|it| format!("  {},\n", quoted(&globset::escape(it))));
        let names: String = names.collect();
        text.push_str("\n# Workflows with a schedule.");
        block(&format!("[[workflow]]\nbacks_up = [\n{names}]\nschedule = \"daily\"\n"), text);
    }
    if !found.unscheduled.is_empty() {
        text.push_str("\n# Workflows without a schedule, to be added by name:\n");
        let mut line = String::new();
        for name in &found.unscheduled {
            if line.len() + name.len() > 90 {
                comment(&std::mem::take(&mut line), text);
            }
            // Writing to a String can't fail.
            let _ = write!(line, "{}, ", quoted(name));
        }
        comment(line.trim_end_matches(", "), text);
    }
}

fn functions(found: &Findings, text: &mut String) {
    let Some((folder, count)) = &found.functions else {
        text.push_str(NO_FUNCTION);
        return;
    };
    text.push('\n');
    comment(&format!("{count} function{} in {folder}", if *count == 1 { "" } else { "s" }), text);
    let settings = if folder == FUNCTIONS_DIR {
        String::new()
    } else {
        format!("[netlify]\nfunctions_dir = {}\n\n", quoted(folder))
    };
    block(&format!("{settings}[[function]]\nbacks_up = \"*\"\n"), text);
}

/// Why a first file was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// There is something already.
    #[error(
        "{path} is there already and was not touched; `redundancy plan` shows what it asks for",
        path = .0.display()
    )]
    Exists(PathBuf),
    /// The operating system refuses.
    #[error("{path} can't be written: {source}", path = .path.display())]
    Failed {
        /// Where.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

/// Writes `text` to `path`, whole or not at all, and never over anything.
///
/// # Errors
/// When there is something at `path`, or when it can't be written.
pub fn write_new(path: &Path, text: &str) -> Result<(), WriteError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => WriteError::Exists(path.to_owned()),
        _ => WriteError::Failed { path: path.to_owned(), source },
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new()
        .prefix(".redundancy-init-")
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(folder)
        .map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    file.persist_noclobber(path).map(drop).map_err(|error| failed(error.error))
}
