//! What is written about the code, held to the code itself: the direction of dependencies as ARCHITECTURE.md has it,
//! the names of files and functions, and what the README says that programs can read.

// The whole crate is a test, also what is not a test function by itself.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use redundancy::provider::NAMES;
use syn::{
    Attribute, Item, ItemMod, UseTree,
    visit::{self, Visit},
};

/// What each part may name of the others.
const MAY_USE: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("config", &["core"]),
    ("disk", &[]),
    ("group", &[]),
    ("http", &["core"]),
    ("journal", &["core"]),
    ("probe", &["config", "core", "group", "http"]),
    ("provider", &["config", "core", "disk", "group", "http"]),
    (
        "controller",
        &["config", "core", "disk", "group", "journal", "probe", "provider", "http", "update"],
    ),
    ("sync", &["config", "core", "controller", "provider"]),
    ("update", &["config", "core", "group", "http"]),
    (
        "cli",
        &[
            "config",
            "core",
            "controller",
            "disk",
            "http",
            "journal",
            "probe",
            "provider",
            "sync",
            "update",
        ],
    ),
];

/// Crates and modules by which something outside is reached, or the clock is read.
const OUTSIDE: &[&str] = &[
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "futures_util",
    "hyper",
    "notify",
    "reqwest",
    "rusqlite",
    "rustix",
    "tempfile",
    "tokio",
    "tracing",
];

/// The paths that a file names outside its tests, each from the root of its crate.
#[derive(Default)]
struct Paths(BTreeSet<String>);

impl Paths {
    fn of_tree(&mut self, before: &str, tree: &UseTree) {
        let join = |name: &dyn ToString| match before {
            "" => name.to_string(),
            before => format!("{before}::{}", name.to_string()),
        };
        match tree {
            UseTree::Path(it) => self.of_tree(&join(&it.ident), &it.tree),
            UseTree::Name(it) => drop(self.0.insert(join(&it.ident))),
            UseTree::Rename(it) => drop(self.0.insert(join(&it.ident))),
            UseTree::Glob(_) => drop(self.0.insert(before.to_owned())),
            UseTree::Group(it) => it.items.iter().for_each(|tree| self.of_tree(before, tree)),
        }
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|it| {
        it.path().is_ident("cfg")
            && it.parse_args::<syn::Ident>().is_ok_and(|argument| argument == "test")
    })
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item(&mut self, item: &'ast Item) {
        match item {
            Item::Mod(ItemMod { attrs, .. }) if is_test(attrs) => {}
            _ => visit::visit_item(self, item),
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.of_tree("", &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|it| it.ident.to_string()).collect();
        self.0.insert(names.join("::"));
        visit::visit_path(self, path);
    }
}

/// Every source file outside the tests, by its path below `src`, with what it names. What it names of its own crate
/// begins with `crate`.
fn files() -> BTreeMap<String, BTreeSet<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeMap::new();
    collect(&root, &root, &mut found);
    assert!(found.len() > 100, "only {} files", found.len());
    found
}

fn collect(root: &Path, folder: &Path, found: &mut BTreeMap<String, BTreeSet<String>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
            continue;
        }
        // What is only compiled for tests stands in a file or a folder of that name, or is found out by its parent.
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.extension().is_none_or(|it| it != "rs") || name == "tests.rs" || is_test_file(&path)
        {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let file =
            syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let below = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        let module = module_of(&below);
        let mut paths = Paths::default();
        paths.visit_file(&file);
        found.insert(below, paths.0.into_iter().map(|it| from_root(&module, &it)).collect());
    }
}

/// Whether the file's parent module has it for tests alone.
fn is_test_file(path: &Path) -> bool {
    let stem = path.file_stem().unwrap().to_str().unwrap();
    let (folder, name) = match stem {
        "mod" => {
            (path.parent().unwrap(), path.parent().unwrap().file_name().unwrap().to_str().unwrap())
        }
        stem => (path, stem),
    };
    let parent = folder.parent().unwrap();
    let candidates: [PathBuf; 3] =
        [parent.join("mod.rs"), parent.with_extension("rs"), parent.join("lib.rs")];
    candidates.iter().filter(|it| *it != path).filter_map(|it| fs::read_to_string(it).ok()).any(
        |text| {
            let file = syn::parse_file(&text).unwrap();
            file.items
                .iter()
                .any(|it| matches!(it, Item::Mod(it) if it.ident == name && is_test(&it.attrs)))
        },
    )
}

/// The module that a file is.
fn module_of(file: &str) -> Vec<String> {
    let mut names: Vec<String> =
        file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if names.last().is_some_and(|it| matches!(it.as_str(), "mod" | "lib" | "main")) {
        names.pop();
    }
    names
}

/// A path as it is from the root of its crate.
fn from_root(module: &[String], path: &str) -> String {
    let mut at = module.to_vec();
    let mut rest = path;
    loop {
        if let Some(after) = rest.strip_prefix("super::") {
            at.pop();
            rest = after;
        } else if let Some(after) = rest.strip_prefix("self::") {
            rest = after;
        } else if rest == path {
            return path.to_owned();
        } else {
            return format!("crate::{}::{rest}", at.join("::"));
        }
    }
}

/// The part that a path of this crate leads to.
fn part(path: &str) -> Option<&str> {
    path.strip_prefix("crate::")?.split("::").next()
}

#[test]
fn each_part_uses_only_what_it_may() {
    let mut wrong = Vec::new();
    let parts: BTreeSet<&str> = MAY_USE.iter().map(|(part, _)| *part).collect();
    for (file, paths) in files() {
        let Some((own, _)) = file.split_once('/') else { continue };
        let Some((_, may)) = MAY_USE.iter().find(|(part, _)| *part == own) else {
            panic!("{file} is of no part that this test knows");
        };
        for path in &paths {
            let Some(part) = part(path).filter(|it| parts.contains(it)) else { continue };
            if part != own && !may.contains(&part) {
                wrong.push(format!("{file} uses {path}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn decisions_reach_nothing_outside_and_read_no_clock() {
    let mut wrong = Vec::new();
    for (file, paths) in files().iter().filter(|(file, _)| file.starts_with("core/")) {
        for path in paths {
            let reaches =
                OUTSIDE.iter().any(|it| path == it || path.starts_with(&format!("{it}::")));
            let reads_clock = path.ends_with("Timestamp::now") || path.ends_with("Zoned::now");
            if reaches || reads_clock {
                wrong.push(format!("{file} uses {path}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn no_provider_names_another() {
    let mut wrong = Vec::new();
    for (file, paths) in files() {
        let Some(own) = file.strip_prefix("provider/").and_then(|it| it.split('/').next()) else {
            continue;
        };
        if !NAMES.contains(&own) {
            continue;
        }
        for path in &paths {
            let other = path.strip_prefix("crate::provider::").and_then(|it| it.split("::").next());
            if other.is_some_and(|it| it != own && NAMES.contains(&it)) {
                wrong.push(format!("{file} uses {path}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn this_test_sees_what_is_used() {
    let mut paths = Paths::default();
    let text = "use crate::{core::id::Id, provider::{self as p, github::Github}};\n\
                fn f() { crate::journal::open(); std::fs::read(super::x::Y); }\n\
                #[cfg(test)] mod tests { use crate::cli::main; }\n";
    paths.visit_file(&syn::parse_file(text).unwrap());
    let seen: Vec<String> =
        paths.0.iter().map(|it| from_root(&["a".into(), "b".into()], it)).collect();
    for path in [
        "crate::core::id::Id",
        "crate::provider::self",
        "crate::provider::github::Github",
        "crate::journal::open",
        "std::fs::read",
        "crate::a::x::Y",
    ] {
        assert!(seen.iter().any(|it| it == path), "{path} is not among {seen:?}");
    }
    assert!(!seen.iter().any(|it| it.contains("cli")), "{seen:?}");
    assert_eq!(part("crate::cli::main"), Some("cli"));
}

/// How far from its line a link may lead: who follows it sees what it names.
const ABOUT: usize = 15;

#[test]
fn links_to_functions_lead_there() {
    let text = fs::read_to_string("ARCHITECTURE.md").unwrap();
    let mut wrong = Vec::new();
    let mut links = 0;
    for link in text.split("[`").skip(1) {
        // [`name`](file#Lline)
        let Some((name, rest)) = link.split_once("`](") else { continue };
        let Some((file, line)) = rest.split(')').next().unwrap().split_once("#L") else { continue };
        links += 1;
        let source = fs::read_to_string(file).unwrap_or_else(|error| panic!("{file}: {error}"));
        let function = format!("fn {name}(");
        let generic = format!("fn {name}<");
        let lines = source.lines().zip(1_usize..);
        let mut lines = lines.filter(|(it, _)| it.contains(&function) || it.contains(&generic));
        match lines.next() {
            Some((_, found)) if found.abs_diff(line.parse().unwrap()) <= ABOUT => {}
            found => {
                wrong.push(format!("{name} in {file}: {:?}, not {line}", found.map(|it| it.1)));
            }
        }
    }
    assert!(wrong.is_empty(), "links of ARCHITECTURE.md that lead elsewhere: {wrong:#?}");
    assert!(links > 15, "{links} links");
}

/// The names that the variants of an enum of a file have in JSON.
fn variants(file: &str, of: &str) -> Vec<String> {
    let file = syn::parse_file(&fs::read_to_string(file).unwrap()).unwrap();
    let found = file.items.iter().find_map(|it| match it {
        Item::Enum(it) if it.ident == of => Some(it),
        _ => None,
    });
    let snake = |name: String| {
        name.chars().enumerate().fold(String::new(), |mut text, (at, c)| {
            if at > 0 && c.is_uppercase() {
                text.push('_');
            }
            text.extend(c.to_lowercase());
            text
        })
    };
    found.unwrap().variants.iter().map(|it| snake(it.ident.to_string())).collect()
}

#[test]
fn the_readme_names_all_that_a_plan_in_json_can_say() {
    let readme = fs::read_to_string("README.md").unwrap();
    let part = readme.split_once("### The plan as JSON").unwrap().1.split_once("\n## ").unwrap().0;
    let mut missing = Vec::new();
    for of in ["Change", "Reason", "Why"] {
        let all = variants("src/core/change.rs", of);
        assert!(all.len() > 4, "{all:?}");
        missing.extend(all.into_iter().filter(|it| !part.contains(&format!("`{it}`"))));
    }
    assert_eq!(missing, [""; 0]);
}

#[test]
fn the_files_that_are_named_are_there() {
    let mut all = Vec::new();
    for folder in ["src", "tests"] {
        everything(Path::new(folder), &mut all);
    }
    let mut wrong = Vec::new();
    for document in ["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"] {
        let text = fs::read_to_string(document).unwrap();
        for name in text.split('`').skip(1).step_by(2) {
            let is_path = |it: char| it.is_ascii_alphanumeric() || "/_.".contains(it);
            let is_file = name.starts_with("tests/")
                || Path::new(name).extension().is_some_and(|it| it == "rs");
            let is_there = |it: &String| *it == name || it.ends_with(&format!("/{name}"));
            if is_file
                && name.chars().all(is_path)
                && !name.contains("NAME")
                && !all.iter().any(is_there)
            {
                wrong.push(format!("{document}: {name}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Every file and folder below one, by its path.
fn everything(folder: &Path, all: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        all.push(path.to_str().unwrap().to_owned());
        if path.is_dir() {
            everything(&path, all);
        }
    }
}
