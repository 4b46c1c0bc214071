//! What runs in the worlds, and the processes of the config that run it.

/// The scripts of every world. The first three beat: they write their pid to the file that they are given, again and
/// again.
pub(crate) const SCRIPTS: [(&str, &str); 4] =
    [("beat.sh", BEAT_SH), ("beat.py", BEAT_PY), ("beat.js", BEAT_JS), ("worker.sh", WORKER_SH)];

const BEAT_SH: &str = "trap exit INT TERM\nwhile :; do echo $$ >> \"$1\"; sleep 0.02; done\n";

const BEAT_PY: &str = "import os, sys, time
while True:
    with open(sys.argv[1], 'a') as beats:
        beats.write(f'{os.getpid()}\\n')
    time.sleep(0.02)
";

const BEAT_JS: &str = "const fs = require('fs')
setInterval(() => fs.appendFileSync(process.argv[2], `${process.pid}\\n`), 20)
";

/// Something that runs and does nothing, at the least cost.
const WORKER_SH: &str = "exec sleep 1000\n";

/// A process of the config that runs a script for ever and does nothing.
pub(crate) fn worker(name: &str) -> String {
    format!("[[process]]\nname = \"{name}\"\nscript = \"worker.sh\"\n")
}

/// A process of the config that beats.
pub(crate) fn beating(name: &str, script: &str) -> String {
    format!("[[process]]\nname = \"{name}\"\nscript = \"{script}\"\nargs = [\"beats/{name}\"]\n")
}
