//! What a project has already: PM2 processes, workflows, functions. Read, never run.

mod ecosystem;

use std::{
    fs, io,
    path::{Component, Path},
};

pub use ecosystem::App;

/// What was found in a project. Paths are relative to it, with `/` between the parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// PM2's processes, each with the file that defines it.
    pub apps: Vec<(String, App)>,
    /// File names of the workflows with a schedule.
    pub scheduled: Vec<String>,
    /// File names of the workflows without one.
    pub unscheduled: Vec<String>,
    /// The folder of the functions, and how many are in it.
    pub functions: Option<(String, usize)>,
    /// Files that could not be understood, and why.
    pub unreadable: Vec<(String, String)>,
}

/// Where GitHub looks for workflows.
const WORKFLOWS_DIR: &str = ".github/workflows";

/// Where Netlify looks for functions when nothing says otherwise.
pub(super) const FUNCTIONS_DIR: &str = "netlify/functions";

/// The largest file that is looked at, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// Looks at the project in `root`. What can't be read is noted among the findings, so that one
/// broken file hides nothing else.
#[must_use]
pub fn discover(root: &Path) -> Findings {
    let mut found = Findings::default();
    for name in file_names(root, "", &mut found) {
        if !is_ecosystem(&name) {
            continue;
        }
        match read(&root.join(&name)).and_then(|text| ecosystem::read(&text, Path::new(&name))) {
            Ok(apps) => found.apps.extend(apps.into_iter().map(|app| (name.clone(), app))),
            Err(why) => found.unreadable.push((name, why)),
        }
    }
    for name in file_names(root, WORKFLOWS_DIR, &mut found) {
        if !has_extension(&name, &["yml", "yaml"]) {
            continue;
        }
        match read(&root.join(WORKFLOWS_DIR).join(&name)).and_then(|text| has_schedule(&text)) {
            Ok(true) => found.scheduled.push(name),
            Ok(false) => found.unscheduled.push(name),
            Err(why) => found.unreadable.push((format!("{WORKFLOWS_DIR}/{name}"), why)),
        }
    }
    let folder = functions_dir(root, &mut found);
    let count = count_functions(root, &folder, &mut found);
    found.functions = (count > 0).then_some((folder, count));
    found
}

/// The names in a folder of the project, sorted. None when there is no such folder.
fn file_names(root: &Path, folder: &str, found: &mut Findings) -> Vec<String> {
    let entries = match fs::read_dir(root.join(folder)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            let folder = if folder.is_empty() { "." } else { folder };
            found.unreadable.push((folder.to_owned(), error.to_string()));
            return Vec::new();
        }
    };
    let mut names = Vec::new();
    for entry in entries.flatten() {
        match entry.file_name().into_string() {
            Ok(name) => names.push(name),
            Err(name) => {
                let path = Path::new(folder).join(name).to_string_lossy().into_owned();
                found.unreadable.push((path, "its name is not UTF-8".to_owned()));
            }
        }
    }
    names.sort();
    names
}

fn read(path: &Path) -> Result<String, String> {
    let about = fs::metadata(path).map_err(|error| error.to_string())?;
    if !about.is_file() {
        return Err("it is not a file".to_owned());
    }
    if about.len() > LARGEST {
        return Err(format!("it is larger than {} KiB", LARGEST / 1024));
    }
    fs::read_to_string(path).map_err(|error| error.to_string())
}

fn has_extension(name: &str, extensions: &[&str]) -> bool {
    Path::new(name).extension().is_some_and(|it| extensions.iter().any(|one| it == *one))
}

/// Whether people give such a name to a file for `pm2 start`.
fn is_ecosystem(name: &str) -> bool {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    has_extension(name, &["js", "cjs", "mjs", "json"])
        && (stem.starts_with("ecosystem")
            || stem == "pm2"
            || has_extension(stem, &["pm2"])
            || stem == "pm2.config")
}

/// Whether the workflow in `text` is started by the clock.
fn has_schedule(text: &str) -> Result<bool, String> {
    use serde_yaml::Value;

    let workflow: Value = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
    let Value::Mapping(workflow) = workflow else {
        return Err("it is not a workflow: there are no keys at its top".to_owned());
    };
    // In YAML 1.1 a plain `on` is the boolean.
    let on = workflow.get("on").or_else(|| workflow.get(Value::Bool(true)));
    Ok(on.and_then(|on| on.get("schedule")).is_some_and(|it| !it.is_null()))
}

/// The folder of the functions, by `netlify.toml` or else Netlify's default.
fn functions_dir(root: &Path, found: &mut Findings) -> String {
    let usual = FUNCTIONS_DIR.to_owned();
    let path = root.join("netlify.toml");
    if !path.exists() {
        return usual;
    }
    let table: toml::Table = match read(&path)
        .and_then(|text| text.parse().map_err(|error: toml::de::Error| error.message().to_owned()))
    {
        Ok(table) => table,
        Err(why) => {
            found.unreadable.push(("netlify.toml".to_owned(), why));
            return usual;
        }
    };
    let get = |section: &str, key: &str| {
        let section = table.get(section)?;
        Some(section.get(key)?.as_str()?.trim_start_matches('/').to_owned())
    };
    let named = get("functions", "directory").or_else(|| get("build", "functions"));
    let folder = match (get("build", "base"), named) {
        (Some(base), folder) => Path::new(&base).join(folder.unwrap_or(usual)),
        (None, Some(folder)) => folder.into(),
        (None, None) => return usual,
    };
    let parts = folder.components().filter(|it| !matches!(it, Component::CurDir));
    let parts: Vec<_> = parts.map(|it| it.as_os_str().to_string_lossy()).collect();
    parts.join("/")
}

/// How many functions are in `folder`: files in a language of Netlify's, and folders with a file
/// called `index` or like the folder.
fn count_functions(root: &Path, folder: &str, found: &mut Findings) -> usize {
    const EXTENSIONS: &[&str] = &["js", "cjs", "mjs", "ts", "cts", "mts", "tsx"];
    let names = file_names(root, folder, found);
    let is_function = |name: &&String| {
        let path = root.join(folder).join(name);
        if path.is_file() {
            return has_extension(name, EXTENSIONS);
        }
        let mains =
            EXTENSIONS.iter().flat_map(|it| [format!("index.{it}"), format!("{name}.{it}")]);
        mains.into_iter().any(|main| path.join(main).is_file())
    };
    names.iter().filter(is_function).count()
}
