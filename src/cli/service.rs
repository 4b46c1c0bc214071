//! `service`: a unit by which systemd runs the watch. Source of the format: systemd.service(5),
//! systemd.exec(5) and systemd.syntax(7).

use std::{
    env, fs,
    io::Write as _,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};

use super::{open::Project, output};
use crate::core::{digest::Digest, monitor};

/// The first line of a unit of ours.
const HEADER: &str =
    "# Made by `redundancy service`; `redundancy service install` writes it anew.\n";

#[derive(Debug, clap::Args)]
pub(super) struct ServiceOptions {
    #[command(subcommand)]
    pub(super) verb: Option<ServiceVerb>,
    /// For the systemd of your own user, which runs while you are logged in or after `loginctl
    /// enable-linger`
    #[arg(long, global = true)]
    pub(super) user: bool,
}

#[derive(Debug, Clone, Copy, clap::Subcommand)]
pub(super) enum ServiceVerb {
    /// Write the unit where systemd finds it, and say what switches it on
    ///
    /// A file that is there and not ours is never overwritten.
    Install,
}

pub(super) fn run(project: &Project, options: &ServiceOptions) -> anyhow::Result<ExitCode> {
    let program = env::current_exe().context("cannot find out which program this is")?;
    let unit = unit(&program, project, options.user)?;
    match options.verb {
        None => output::print(&unit)?,
        Some(ServiceVerb::Install) => {
            let file = place(&folder(options.user)?, &project.loaded.project.root, &unit);
            install(&file, &unit)?;
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let systemctl = if options.user { "systemctl --user" } else { "systemctl" };
            output::print(&format!(
                "wrote {}\nTo switch it on:\n  {systemctl} daemon-reload\n  {systemctl} enable \
                 --now {name}\n",
                file.display()
            ))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The unit. What a person ended with `redundancy stop` is not started again before the next boot: ending
/// well is no failure.
fn unit(program: &Path, project: &Project, user: bool) -> anyhow::Result<String> {
    let config = std::path::absolute(&project.path)?;
    let project = &project.loaded.project;
    let patience = monitor::patience(project.config.controller.look_every.0, None).as_secs();
    let hardening = if user {
        ""
    } else {
        "# These hold for the processes that it runs, too.\n\
         NoNewPrivileges=yes\n\
         ProtectClock=yes\n\
         ProtectControlGroups=yes\n\
         ProtectKernelLogs=yes\n\
         ProtectKernelModules=yes\n\
         ProtectKernelTunables=yes\n\
         LockPersonality=yes\n\
         RestrictRealtime=yes\n\
         RestrictSUIDSGID=yes\n"
    };
    // A number will do, and nobody needs to be asked for it.
    let uid = rustix::process::getuid().as_raw();
    let owner = if user { String::new() } else { format!("User={uid}\n") };
    // Without it, what is installed below somebody's home (node, by nvm) is not found.
    let path = env::var("PATH").context("cannot find out where programs are: no PATH")?;
    let wanted_by = if user { "default.target" } else { "multi-user.target" };
    Ok(format!(
        "{HEADER}[Unit]\n\
         Description=redundancy of {root}\n\
         Wants=network-online.target\n\
         After=network-online.target\n\
         # However often it fails, it is tried again.\n\
         StartLimitIntervalSec=0\n\
         \n\
         [Service]\n\
         # It says so itself when it has looked at everything.\n\
         Type=notify\n\
         {owner}\
         WorkingDirectory={root}\n\
         Environment={path}\n\
         ExecStart={program} watch --config {config}\n\
         Restart=on-failure\n\
         RestartSec=1s\n\
         # Fed by completed looks: one that hangs is ended and begun again.\n\
         WatchdogSec={patience}s\n\
         TimeoutStartSec=5min\n\
         # What the watch runs goes on while it is begun again.\n\
         KillMode=process\n\
         {hardening}\
         \n\
         [Install]\n\
         WantedBy={wanted_by}\n",
        root = plain(text(&project.root)?)?,
        path = quoted(&plain(&format!("PATH={path}"))?),
        program = quoted(&plain(text(program)?)?).replace('$', "$$"),
        config = quoted(&plain(text(&config)?)?).replace('$', "$$"),
    ))
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().with_context(|| format!("systemd can't be told of {}", path.display()))
}

/// A text as the value of a setting. `%` begins a specifier.
fn plain(text: &str) -> anyhow::Result<String> {
    if text.chars().any(char::is_control) {
        bail!("systemd can't be told of {}", output::visible(text));
    }
    Ok(text.replace('%', "%%"))
}

/// A value as one word.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', r"\\").replace('"', "\\\""))
}

/// The file of the unit: named by the project's folder, and, where the unit of another project has that name, also
/// by where the folder is. So each project of a machine has its own.
fn place(folder: &Path, root: &Path, unit: &str) -> PathBuf {
    let called = root.file_name().unwrap_or_default().to_string_lossy();
    let safe = |c: char| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '-' };
    let called: String = called.chars().map(safe).collect();
    let where_it_is = Digest::of([root.as_os_str().as_encoded_bytes()]).short();
    let by_place = folder.join(format!("redundancy-{called}-{where_it_is}.service"));
    let by_name = folder.join(format!("redundancy-{called}.service"));
    if by_place.exists() || is_of_another(&by_name, unit) { by_place } else { by_name }
}

/// Whether there is a unit of ours that is for another project than this one.
fn is_of_another(file: &Path, unit: &str) -> bool {
    fn of(unit: &str) -> Option<&str> {
        unit.lines().find(|it| it.starts_with("WorkingDirectory="))
    }
    fs::read_to_string(file).is_ok_and(|there| there.starts_with(HEADER) && of(&there) != of(unit))
}

/// Where systemd looks for units that people install.
fn folder(user: bool) -> anyhow::Result<PathBuf> {
    if !user {
        return Ok(PathBuf::from("/etc/systemd/system"));
    }
    let of = |variable| env::var_os(variable).filter(|it| !it.is_empty()).map(PathBuf::from);
    let config = of("XDG_CONFIG_HOME").or_else(|| Some(of("HOME")?.join(".config")));
    let config = config.context("nothing says where your units are: set HOME")?;
    Ok(config.join("systemd/user"))
}

fn install(file: &Path, unit: &str) -> anyhow::Result<()> {
    let failed = || format!("cannot write {}", file.display());
    match fs::read_to_string(file) {
        Ok(there) if !there.starts_with(HEADER) => {
            bail!("{} is there and not made by this tool; it was not touched", file.display());
        }
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(failed);
        }
        Ok(_) | Err(_) => {}
    }
    let folder = file.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder).with_context(failed)?;
    let readable = fs::Permissions::from_mode(0o644);
    let new = tempfile::Builder::new().permissions(readable).tempfile_in(folder);
    let mut new = new.with_context(failed)?;
    new.write_all(unit.as_bytes()).with_context(failed)?;
    new.as_file().sync_all().with_context(failed)?;
    new.persist(file).with_context(failed)?;
    Ok(())
}
