//! Packages that a project lists and that are not installed: what fails for want of one says nothing
//! about the function.

use std::{fs, path::Path};

use serde_json::Value;

use super::LOCKS;
use crate::provider::files::shown;

/// Where `package.json` lists packages that a function may import.
const LISTS: [&str; 3] = ["dependencies", "devDependencies", "optionalDependencies"];

/// What to do about the package that a failure of the function at `entry` is about, where the project
/// below `root` lists one that is not installed.
pub(super) fn lacking(root: &Path, entry: &Path, failure: &str) -> Option<String> {
    let folders: Vec<&Path> =
        entry.ancestors().skip(1).take_while(|it| it.starts_with(root)).collect();
    let is_installed =
        |package: &str| folders.iter().any(|it| it.join("node_modules").join(package).exists());
    let missing = quoted(failure).filter_map(package).find_map(|package| {
        let by = folders.iter().find(|it| lists(it, package))?;
        (!is_installed(package)).then_some((package, *by))
    });
    let (package, by) = missing?;
    let within = by.strip_prefix(root).unwrap_or(by).join("package.json");
    let locked = by.ancestors().take_while(|it| it.starts_with(root));
    let install = locked.flat_map(|folder| LOCKS.map(|it| (folder.join(it.0), it.1)));
    let install = install.into_iter().find(|(lock, _)| lock.is_file()).map_or("npm", |it| it.1);
    Some(format!(
        "{} lists `{package}`, which is not installed here; run `{install} install`, and test it again",
        shown(&within.to_string_lossy())
    ))
}

/// Whether the `package.json` of `folder` lists `package`. One that can't be read lists nothing.
fn lists(folder: &Path, package: &str) -> bool {
    let text = fs::read(folder.join("package.json")).unwrap_or_default();
    let file: Value = serde_json::from_slice(&text).unwrap_or_default();
    LISTS.iter().any(|list| file.get(list).is_some_and(|it| it.get(package).is_some()))
}

/// What may stand in quotes: so Node.js and the bundlers name what they do not find. What stands between
/// two of them is among it, and apostrophes count as quotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    ['\'', '"'].into_iter().flat_map(|quote| text.split(quote).skip(1))
}

/// The package that an import names: `stripe` of `stripe/lib/x`.
fn package(import: &str) -> Option<&str> {
    let parts = if import.starts_with('@') { 2 } else { 1 };
    let end = import.match_indices('/').nth(parts - 1).map_or(import.len(), |(at, _)| at);
    let package = import.get(..end)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '@' | '/' | '-' | '_' | '.');
    let is_name = !package.is_empty() && !package.starts_with('.') && package.chars().all(plain);
    is_name.then_some(package)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_names_a_package() {
        for (import, name) in [
            ("stripe", Some("stripe")),
            ("stripe/lib/x.js", Some("stripe")),
            ("@netlify/blobs/x", Some("@netlify/blobs")),
            ("@netlify/blobs", Some("@netlify/blobs")),
            ("./stripe", None),
            ("../x", None),
            ("/stripe", None),
            ("", None),
            ("a b", None),
        ] {
            assert_eq!(package(import), name, "{import}");
        }
    }
}
