//! `init`: writes a first config.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;

use super::output;
use crate::config::{
    FILE_NAME,
    discover::discover,
    init::{suggest, write_new},
};

pub(super) fn run(path: Option<&Path>) -> anyhow::Result<ExitCode> {
    let path = path.map_or_else(|| PathBuf::from(FILE_NAME), Path::to_owned);
    let absolute = std::path::absolute(&path).context("the current folder is gone")?;
    let folder = absolute.parent().context("a config is a file in a folder")?;
    let found = discover(folder);
    write_new(&path, &suggest(&found))?;
    for (file, why) in &found.unreadable {
        output::remark(&format!("{file} was not understood: {}\n", output::visible(why)));
    }
    output::print(&format!(
        "wrote {}\nNext: read it, then `redundancy plan` shows what it would do.\n",
        path.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}
