//! `env_files`: the variables that a process gets from files.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::Path,
};

use toml::de::DeTable;

use super::{check, model::Config, problem::Problem, tree::Item, tree::Removed};

/// The largest file that is read, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// Adds what the files say to the environment of the processes of `config`, whose text is `text`
/// and whose folder is `root`. The texts of the files, by which a change of them is noticed.
pub(super) fn merge(
    config: &mut Config,
    text: &str,
    root: &Path,
) -> Result<Vec<String>, Vec<Problem>> {
    if config.process.iter().all(|it| it.env_files.is_empty()) {
        return Ok(Vec::new());
    }
    let (tree, _) = DeTable::parse_recoverable(text);
    let removed = Removed::new();
    let tree = Item::root(tree.get_ref(), &removed);
    let (mut texts, mut problems) = (Vec::new(), Vec::new());
    for (process, item) in config.process.iter_mut().zip(tree.children("process")) {
        let mut merged = BTreeMap::new();
        for (index, file) in process.env_files.iter().enumerate() {
            let at = || item.element("env_files", index);
            match read(&root.join(file)) {
                Ok((content, variables)) => {
                    texts.push(content);
                    for (name, _) in &variables {
                        if let Some(why) = check::unfit_variable(name, process.runner()) {
                            let message = format!("{} sets {name:?}: {why}", file.display());
                            problems.push(Problem::at(at(), message));
                        }
                    }
                    merged.extend(variables);
                }
                Err(why) => {
                    let message = format!("{} can't be read: {why}", file.display());
                    problems.push(Problem::at(at(), message));
                }
            }
        }
        merged.append(&mut process.env);
        process.env = merged;
    }
    if problems.is_empty() { Ok(texts) } else { Err(problems) }
}

/// The text of a file, and the variables that it sets. No error quotes what is in it.
fn read(path: &Path) -> Result<(String, Vec<(String, String)>), String> {
    let text = content(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("there is no file {}", path.display()),
        io::ErrorKind::InvalidData => "it is no text in UTF-8".to_owned(),
        _ => error.to_string(),
    })?;
    let mut variables = Vec::new();
    for (index, variable) in dotenvy::from_read_iter(text.as_bytes()).enumerate() {
        match variable {
            Ok((name, value)) if !value.contains('\0') => variables.push((name, value)),
            Ok((name, _)) => return Err(format!("the value of {name} holds a NUL character")),
            // The error quotes the line.
            Err(_) => {
                let number = index + 1;
                return Err(format!("its entry number {number} is not of the form `NAME=value`"));
            }
        }
    }
    Ok((text, variables))
}

fn content(path: &Path) -> io::Result<String> {
    // Opening a pipe would wait for a writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let file = File::open(path)?;
    if file.metadata()?.len() > LARGEST {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    let mut text = String::new();
    file.take(LARGEST).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &[u8]) -> Result<Vec<(String, String)>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, text).unwrap();
        read(file.path()).map(|(_, variables)| variables)
    }

    #[test]
    fn a_file_sets_variables_and_is_never_quoted() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let text = b"# comment\nA=1\nexport B='two words'\nC=\"a\\nb\"\n\n";
        assert_eq!(
            read_text(text).unwrap(),
            [pair("A", "1"), pair("B", "two words"), pair("C", "a\nb")]
        );
        let wrong = read_text(b"A=1\nhush hush\n").unwrap_err();
        assert_eq!(wrong, "its entry number 2 is not of the form `NAME=value`");
        assert_eq!(read_text(b"A=\xff").unwrap_err(), "it is no text in UTF-8");
    }
}
