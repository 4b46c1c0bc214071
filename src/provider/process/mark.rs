//! The mark in the environment of a process: whose it is. It is passed on to all that the process
//! starts, and only the kernel can lose it.

use std::{
    fs::{self, File},
    io::{self, Read},
    thread,
    time::Duration,
};

use super::kernel::{Stat, is_out_of_reach, pids, stat};
use crate::core::{digest::Digest, id::Name};

/// The variable in a child's environment that says whose it is.
pub(in crate::provider) const MARK: &str = "REDUNDANCY_MARK";

/// A process that was found by a scan.
#[derive(Debug, Clone)]
pub(in crate::provider) struct Member {
    pub(in crate::provider) pid: i32,
    pub(in crate::provider) stat: Stat,
    /// Whose it is, and the digest of what that was made from.
    pub(in crate::provider) mark: Option<(Name, Digest)>,
}

/// Every living process under a mark of `scope`, and those of process group `group`.
pub(in crate::provider) fn scan(scope: Digest, group: Option<i32>) -> io::Result<Vec<Member>> {
    let prefix = prefix(scope);
    let mut members = Vec::new();
    each_environ(|pid, environ| {
        let mark = find(environ, &prefix);
        if (mark.is_some() || group.is_some())
            && let Some(stat) = stat(pid)?
            && !stat.zombie
            && (mark.is_some() || group == Some(stat.group))
        {
            members.push(Member { pid, stat, mark });
        }
        Ok(())
    })?;
    Ok(members)
}

/// Shows every process and its environment, which is empty where we may not read it: such a process
/// is not ours, since ours run as the same user. Fails where one can't be read for any other reason: it may
/// be ours, and then nobody may conclude that nothing is left.
pub(in crate::provider) fn each_environ(
    mut visit: impl FnMut(i32, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let this = std::process::id();
    let mut buffer = vec![0; 16 * 1024];
    for pid in pids()? {
        let pid = pid?;
        // What runs below a process of ours may be this very program.
        if u32::try_from(pid) == Ok(this) {
            continue;
        }
        let length = read_environ(pid, &mut buffer)?;
        visit(pid, &buffer[..length])?;
    }
    Ok(())
}

/// How long a process may take to get its environment, in looks a millisecond apart.
const MOST_LOOKS: u32 = 1000;

/// Reads the environment of a process into `buffer`, which grows as needed: how long it is. 0 where
/// the process is gone since, or another user's.
fn read_environ(pid: i32, buffer: &mut Vec<u8>) -> io::Result<usize> {
    for _ in 0..MOST_LOOKS {
        let opened = File::open(format!("/proc/{pid}/environ"));
        let length = match opened.and_then(|it| read_all(it, buffer)) {
            Err(error) if is_out_of_reach(&error) => return Ok(0),
            read => read?,
        };
        if length > 0 || has_no_program(pid) || !stat(pid)?.is_some_and(|it| it.becoming) {
            return Ok(length);
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(0)
}

/// Whether it is one of the kernel's own, or has ended. What is becoming its program has that
/// already: the kernel gives a process its new memory together with it.
fn has_no_program(pid: i32) -> bool {
    let program = fs::read_link(format!("/proc/{pid}/exe"));
    program.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Reads a file of the kernel, which does not say beforehand how long it is.
fn read_all(mut file: File, buffer: &mut Vec<u8>) -> io::Result<usize> {
    let mut length = 0;
    loop {
        if length == buffer.len() {
            buffer.resize(2 * length.max(1), 0);
        }
        match file.read(&mut buffer[length..]) {
            Ok(0) => return Ok(length),
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// How a mark of `scope` begins in an environment.
pub(in crate::provider) fn prefix(scope: Digest) -> Vec<u8> {
    format!("{MARK}={scope}:").into_bytes()
}

/// The mark that begins with `prefix`: whose it is, and what that was made from.
pub(in crate::provider) fn find(environ: &[u8], prefix: &[u8]) -> Option<(Name, Digest)> {
    let value = environ.split(|b| *b == 0).find_map(|it| it.strip_prefix(prefix))?;
    read(std::str::from_utf8(value).ok()?)
}

/// Reads the rest of a mark, after its scope.
fn read(rest: &str) -> Option<(Name, Digest)> {
    let (name, digest) = rest.rsplit_once(':')?;
    Some((name.parse().ok()?, digest.parse().ok()?))
}

/// Reads the value of [`MARK`], if it is of `scope`.
pub(in crate::provider) fn read_value(value: &str, scope: Digest) -> Option<(Name, Digest)> {
    read(value.strip_prefix(&scope.to_string())?.strip_prefix(':')?)
}

/// The value of [`MARK`] for one process.
pub(in crate::provider) fn of(scope: Digest, name: &Name, written: Digest) -> String {
    format!("{scope}:{name}:{written}")
}

#[cfg(test)]
mod tests {
    use std::{env, process::Command};

    use super::*;

    /// Set for the process in which too many files are open: it has them all to itself.
    const CROWDED: &str = "REDUNDANCY_TEST_CROWDED";

    #[test]
    fn a_process_that_cannot_be_read_is_not_passed_over() {
        if env::var_os(CROWDED).is_some() {
            let mut open = Vec::new();
            while let Ok(file) = File::open("/proc/self/stat") {
                open.push(file);
            }
            // Enough for the folder, and for no file in there.
            open.pop();
            each_environ(|_, _| Ok(())).unwrap_err();
            return;
        }
        let name = "a_process_that_cannot_be_read_is_not_passed_over";
        let line = format!("ulimit -n 64; exec \"$0\" {name} --test-threads=1");
        let mut crowded = Command::new("sh");
        crowded.arg("-c").arg(line).arg(env::current_exe().unwrap()).env(CROWDED, "1");
        let output = crowded.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
    }

    #[test]
    fn a_mark_reads_back_and_nobody_elses_does() {
        let (scope, other, written) =
            (Digest::of(["here"]), Digest::of(["there"]), Digest::of(["x"]));
        let name: Name = "job-1.a".parse().unwrap();
        let environ = format!("A=b\0{MARK}={}\0C=d\0", of(scope, &name, written));
        let found = Some((name.clone(), written));
        assert_eq!(find(environ.as_bytes(), &prefix(scope)), found);
        assert_eq!(find(environ.as_bytes(), &prefix(other)), None);
        assert_eq!(read_value(&of(scope, &name, written), scope), found);
        assert_eq!(read_value(&of(scope, &name, written), other), None);
    }
}
