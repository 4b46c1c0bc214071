//! `completions` and `man`: what a shell and `man` show of the command line, made from it.

use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use anyhow::Context;
use clap::{Command, CommandFactory, builder::StyledStr};
use clap_complete::Shell;

use super::{args::Args, open::shown, output};

/// `completions SHELL`: prints the script.
pub(super) fn completions(shell: Shell) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command_of_people(), "redundancy", &mut script);
    output::print(&String::from_utf8(script)?)?;
    Ok(ExitCode::SUCCESS)
}

/// `man FOLDER`: writes a page for the program and one for each verb.
pub(super) fn man(folder: &Path) -> anyhow::Result<ExitCode> {
    let write = || -> io::Result<usize> {
        std::fs::create_dir_all(folder)?;
        let mut command = command_of_people();
        // So that each verb's page has its full name.
        command.build();
        let verbs = command.get_subcommands().filter(|it| it.get_name() != "help").cloned();
        let pages: Vec<Command> = [command.clone()].into_iter().chain(verbs).collect();
        for page in &pages {
            let page = clap_mangen::Man::new(page.clone());
            let mut text = Vec::new();
            page.render(&mut text)?;
            let mut file = tempfile::Builder::new().permissions(readable()).tempfile_in(folder)?;
            file.write_all(&text)?;
            file.persist(folder.join(page.get_filename())).map_err(|it| it.error)?;
        }
        Ok(pages.len())
    };
    let count = write().with_context(|| format!("cannot write the pages in {}", shown(folder)))?;
    output::print(&format!("{count} pages are in {}\n", shown(folder)))?;
    Ok(ExitCode::SUCCESS)
}

/// The command line without the verbs that only programs call.
fn command_of_people() -> Command {
    let all = Args::command();
    let verbs = all.get_subcommands().filter(|it| !it.is_hide_set()).cloned();
    let about = |it: Option<&StyledStr>| it.cloned().unwrap_or_default();
    Command::new("redundancy")
        .version(env!("VERSION"))
        .about(about(all.get_about()))
        .long_about(about(all.get_long_about()))
        .args(all.get_arguments().cloned())
        .subcommands(verbs)
        .subcommand_required(true)
}

/// What everybody may read, as the pages of other programs.
fn readable() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o644)
}
