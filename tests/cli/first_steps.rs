//! init, validate, schema, and every kind of broken config: a clear word, and nothing touched.

use std::{fs, path::Path};

use insta::assert_snapshot;

use crate::project::Project;

#[test]
fn a_first_file_is_written_once_and_is_sound() {
    let project = Project::empty();
    project.write(".github/workflows/ci.yml", "on: push\njobs: {}\n");
    let written = project.run(&["init"]).ok();
    assert_snapshot!(written.stdout, @r"
    wrote redundancy.toml
    Next: read it, then `redundancy plan` shows what it would do.
    ");
    project.run(&["validate"]).ok();
    let text = project.read("redundancy.toml");
    let again = project.run(&["init"]);
    assert_eq!(again.code, 1);
    assert_snapshot!(again.stderr, @"error: redundancy.toml is there already and was not touched; `redundancy plan` shows what it asks for");
    assert_eq!(project.read("redundancy.toml"), text);
}

#[test]
fn the_schema_is_the_shipped_one() {
    let printed = Project::empty().run(&["schema"]).ok().stdout;
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/redundancy.schema.json");
    assert_eq!(printed, fs::read_to_string(shipped).unwrap());
}

#[test]
fn without_a_config_the_first_step_is_named() {
    let project = Project::empty();
    let run = project.run(&["plan"]);
    assert_eq!(run.code, 1);
    assert_snapshot!(project.steady(&run.stderr), @"error: there is no file ROOT/redundancy.toml; `redundancy init` writes a first one");
}

#[test]
fn the_config_is_found_from_a_folder_below() {
    let project = Project::new("[controller]\n");
    project.write("a/b/x", "");
    let output = project.command(&["validate"]).current_dir(project.path("a/b")).output().unwrap();
    assert!(output.status.success());
}

/// What a verb says of a config, after making sure that it did nothing.
fn refused(config: &[u8]) -> String {
    let project = Project::empty();
    fs::write(project.path("redundancy.toml"), config).unwrap();
    let mut said = String::new();
    for verb in [&["validate"][..], &["plan"], &["apply", "--yes"], &["watch"]] {
        let run = project.run(verb);
        assert_eq!(run.code, 1, "{verb:?}");
        assert_eq!(run.stdout, "", "{verb:?}");
        if said.is_empty() {
            said = project.steady(&run.stderr);
        }
        assert_eq!(project.steady(&run.stderr), said, "{verb:?} says it as the others do");
    }
    let left: Vec<_> = fs::read_dir(project.root()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing but the config is there: {left:?}");
    said
}

#[test]
fn broken_toml_is_shown_with_its_line() {
    assert_snapshot!(refused(b"[[process]]\nname = \"a\ncommand = [\"true\"]\n"), @r#"
    error: invalid basic string, expected `"`
     --> ROOT/redundancy.toml:2:10
      |
    2 | name = "a
      |          ^

    error: ROOT/redundancy.toml has a problem
    "#);
}

#[test]
fn all_that_is_wrong_comes_at_once() {
    let config = b"[[process]]\nname = \"a\"\ncommand = [\"true\"]\nmax_restart = 3\n\n\
        [[process]]\nname = \"a\"\ncommand = [\"true\"]\n\n\
        [[process]]\nname = \"b\"\nbacks_up = \"c\"\ncommand = [\"true\"]\n\n\
        [[process]]\nname = \"c\"\nbacks_up = \"b\"\ncommand = [\"true\"]\n";
    assert_snapshot!(refused(config), @r#"
    error: unknown key `max_restart`
     --> ROOT/redundancy.toml:4:1
      |
    4 | max_restart = 3
      | ^^^^^^^^^^^
      |
      = help: did you mean `max_restarts`?

    error: there are two processes called `a`
     --> ROOT/redundancy.toml:7:8
      |
    7 | name = "a"
      |        ^^^
      |
     ::: ROOT/redundancy.toml:2:8
      |
    2 | name = "a"
      |        --- the first one
      |
      = help: give one of them another name

    error: `b` and `c` back up each other in a circle
      --> ROOT/redundancy.toml:12:12
       |
    12 | backs_up = "c"
       |            ^^^
       |
      ::: ROOT/redundancy.toml:17:12
       |
    17 | backs_up = "b"
       |            --- the circle goes on here
       |
       = help: a primary backs up nothing: take `backs_up` out of it

    error: `c` and `b` back up each other in a circle
      --> ROOT/redundancy.toml:17:12
       |
    17 | backs_up = "b"
       |            ^^^
       |
      ::: ROOT/redundancy.toml:12:12
       |
    12 | backs_up = "c"
       |            --- the circle goes on here
       |
       = help: a primary backs up nothing: take `backs_up` out of it

    error: ROOT/redundancy.toml has 4 problems
    "#);
}

#[test]
fn an_empty_file_is_no_config() {
    assert_snapshot!(refused(b""), @"
    error: the file is empty: nothing is taken from it
    --> ROOT/redundancy.toml
     = help: to manage nothing on purpose, write `[controller]`; `redundancy init` writes a first file where there is none

    error: ROOT/redundancy.toml has a problem
    ");
}

#[test]
fn what_is_not_utf8_is_shown_by_its_place() {
    assert_snapshot!(refused(b"[controller]\nlog_dir = \"\xff\"\n"), @"error: ROOT/redundancy.toml:2:12: the byte 0xff is not UTF-8; save the file as UTF-8");
}

#[test]
fn names_that_could_do_harm_are_refused() {
    let long = "x".repeat(10_000);
    let names = ["../../x", "-rf", "a;rm", "a\\nb", "", "a/b", ".", &long];
    let mut config = String::new();
    for name in names {
        config += &format!("[[process]]\nname = \"{name}\"\ncommand = [\"true\"]\n\n");
    }
    let said = refused(config.as_bytes());
    let messages: Vec<&str> = said.lines().filter(|it| it.starts_with("error: ")).collect();
    assert_snapshot!(messages.join("\n"), @r"
    error: a name starts with a letter, a digit or `_`, not with '.'
    error: a name starts with a letter, a digit or `_`, not with '-'
    error: a name has only letters, digits, `_`, `-` and `.`, not ';'
    error: a name has only letters, digits, `_`, `-` and `.`, not '\n'
    error: a name can't be empty
    error: a name has only letters, digits, `_`, `-` and `.`, not '/'
    error: a name starts with a letter, a digit or `_`, not with '.'
    error: a name has at most 120 characters, this one has 10000
    error: ROOT/redundancy.toml has 8 problems
    ");
}

#[test]
fn the_version_tells_the_commit() {
    let said = Project::empty().run(&["--version"]).ok().stdout;
    let version = concat!("redundancy ", env!("CARGO_PKG_VERSION"));
    let rest = said.trim_end().strip_prefix(version).unwrap();
    if rest.is_empty() {
        // Built from what was packed without its repository.
        assert!(!Path::new(env!("CARGO_MANIFEST_DIR")).join(".git").is_dir());
        return;
    }
    let commit = rest.strip_prefix(" (").and_then(|it| it.strip_suffix(')')).unwrap();
    let (commit, day) = commit.split_once(' ').unwrap();
    assert!(day.parse::<jiff::civil::Date>().is_ok(), "{said}");
    // By now there may be a newer one, so any that is there will do.
    let known = std::process::Command::new("git")
        .args(["-C", env!("CARGO_MANIFEST_DIR"), "cat-file", "-e", &format!("{commit}^{{commit}}")])
        .status()
        .unwrap();
    assert!(known.success(), "{said}");
}

#[test]
fn the_readme_has_a_row_for_each_verb() {
    let readme = include_str!("../../README.md");
    let table = readme.split_once("## The verbs").unwrap().1.split_once("\n## ").unwrap().0;
    let names: Vec<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| "))
        .flat_map(|row| row.split(" | ").next().unwrap().split("`, `"))
        .map(|it| it.trim_matches('`').split([' ', '`']).next().unwrap())
        .collect();
    let help = Project::empty().run(&["--help"]).ok().stdout;
    let list = help.split_once("Commands:\n").unwrap().1.split_once("\n\n").unwrap().0;
    let verbs = list.lines().filter(|it| it.starts_with("  ") && !it.starts_with("   "));
    for verb in verbs.map(|it| it.split_whitespace().next().unwrap()).filter(|it| *it != "help") {
        assert!(names.contains(&verb), "no row for `{verb}` among {names:?}");
    }
}

#[test]
fn shells_complete_the_command_line() {
    let project = Project::empty();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = project.run(&["completions", shell]).ok().stdout;
        assert!(script.contains("handback"), "{shell}: {script}");
    }
    // What bash itself would offer.
    project.write("complete.sh", &project.run(&["completions", "bash"]).ok().stdout);
    let offer = |begun: &str| {
        let ask = format!(
            "source ./complete.sh; COMP_WORDS=(redundancy {begun}); COMP_CWORD=1; \
             _redundancy redundancy {begun} redundancy; echo ${{COMPREPLY[@]}}"
        );
        let mut bash = std::process::Command::new("bash");
        let said = bash.args(["-c", &ask]).current_dir(project.root()).output().unwrap();
        String::from_utf8(said.stdout).unwrap()
    };
    assert_eq!(offer("hand"), "handback\n");
    assert_eq!(offer("be"), "\n", "what people do not call is not offered");
}

#[test]
fn the_manual_has_a_page_for_each_verb() {
    let project = Project::empty();
    let said = project.run(&["man", "pages"]).ok().stdout;
    let pages = fs::read_dir(project.path("pages")).unwrap().count();
    assert_eq!(said, format!("{pages} pages are in pages\n"));
    let page = project.read("pages/redundancy-failover.1");
    assert!(page.starts_with(".ie") || page.contains(".TH"), "{page}");
    assert!(page.contains("Give duty of a pair to its backup"), "{page}");
    assert!(!project.path("pages/redundancy-begin.1").exists());
    assert!(project.read("pages/redundancy.1").contains("redundancy\\-failover"));
    let refused = project.run(&["man", "redundancy.toml/x"]);
    assert!(refused.code == 0 || refused.stderr.contains("cannot write the pages"), "{refused:?}");
}
