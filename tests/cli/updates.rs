//! A watch that becomes a newer version by itself, and the one before again where that does not do well.

use std::{
    fs::{self, Permissions},
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        net::UnixStream,
    },
    process::{Command, Stdio},
};

use crate::{
    project::{PROGRAM, Run, Watch, is_alive, kill, wait_for},
    release::{GitHub, Scene},
    server::Server,
};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Two processes. The second one can't be begun while there is no `run`.
const PROCESSES: &str = "[[process]]\nname = \"w\"\ncommand = [\"sleep\", \"1000\"]\n\
     [[process]]\nname = \"v\"\ncommand = [\"./run\"]\n";

/// Ends the second one, and it can't be begun again.
const BREAK: &str = "rm run; kill $(cat v.pid)";

/// A program of version 99.0.0, which does `first` and then what ours does as a watch.
fn newer(first: &str) -> String {
    format!(
        "#!/bin/sh\ncase \"$1\" in\n--version) echo 'redundancy 99.0.0 (0123abc4 2026-11-27)' ;;\n\
         *) {first}\nexec '{PROGRAM}' \"$@\" ;;\nesac\n"
    )
}

fn release(first: &'static str) -> Server<GitHub> {
    Server::serve(move |_| GitHub::of("v99.0.0", &newer(first)))
}

impl Scene {
    fn automatic(github: &Server<GitHub>, trial: &str) -> Self {
        let scene = Self::new(&format!(
            "[controller]\nlook_every = \"1s\"\n[update]\nautomatic = true\nrepository = \"o/n\"\n\
             api_url = \"{}\"\ntrial = \"{trial}\"\n{PROCESSES}",
            github.url()
        ));
        scene.mend();
        scene
    }

    /// Has the second process be one that can be begun.
    fn mend(&self) {
        self.project.write("run", "#!/bin/sh\necho $$ > v.pid\nexec sleep 1000\n");
        fs::set_permissions(self.project.path("run"), Permissions::from_mode(0o755)).unwrap();
    }

    /// A watch as a service manager begins it: by the program in its place.
    fn watch(&self) -> Watch {
        let mut command = Command::new(&self.program);
        command.arg("watch").current_dir(self.project.root()).stdin(Stdio::null());
        command.env("NO_COLOR", "1").env("PM2_HOME", self.project.path("pm2"));
        Watch::start(command)
    }

    fn history(&self) -> String {
        self.project.run(&["history", "--limit", "1000"]).ok().stdout
    }

    #[track_caller]
    fn wait_for_history(&self, text: &str) {
        wait_for(&format!("{text:?} in the history"), || {
            self.history().contains(text).then_some(())
        });
    }

    /// Has the next watch look for a newer version, as if the time for that had come.
    fn forget_the_last_look(&self) {
        let text = self.project.read(".redundancy/update.json");
        let mut record: serde_json::Value = serde_json::from_str(&text).unwrap();
        record["looked"] = serde_json::Value::Null;
        self.project.write(".redundancy/update.json", &record.to_string());
    }

    /// Fails unless the program is the file `before`, with nothing beside it.
    #[track_caller]
    fn is_as_before(&self, before: u64) {
        assert_eq!(self.inode(), before);
        let beside = fs::read_dir(self.project.path("bin")).unwrap().flatten();
        assert_eq!(beside.map(|it| it.file_name()).collect::<Vec<_>>(), ["redundancy"]);
    }

    /// Fails unless a watch that looks again takes nothing.
    #[track_caller]
    fn is_not_tried_again(&self, github: &Server<GitHub>) {
        self.forget_the_last_look();
        let asked = |end| github.world().count("GET", end);
        let (looks, downloads) = (asked("/latest"), asked("/assets/0"));
        let watch = self.watch();
        wait_for("a look for a newer version", || (asked("/latest") > looks).then_some(()));
        watch.wait_for_logs("the system: ", 1);
        watch.end_well();
        assert_eq!(asked("/assets/0"), downloads);
    }
}

fn undone(why: &str) -> String {
    format!("the update from {VERSION} to 99.0.0 was undone: {why}")
}

#[test]
fn a_watch_becomes_a_newer_version_while_all_goes_on() {
    let github = release("");
    let scene = Scene::automatic(&github, "10s");
    let before = scene.inode();
    fs::remove_file(scene.project.path("run")).unwrap();
    let watch = scene.watch();
    let process = scene.project.wait_for_pid("w", None);
    // As long as one is not well, nobody even looks.
    watch.wait_for_log("1 of 2 healthy");
    assert!(github.world().requests.is_empty());
    scene.mend();
    scene.project.run(&["recover"]).ok();
    scene.wait_for_history(&format!("updated from {VERSION} to 99.0.0"));
    assert_eq!(fs::read_to_string(&scene.program).unwrap(), newer(""));
    assert_eq!(fs::metadata(scene.old()).unwrap().ino(), before);
    assert_eq!(fs::read_dir(scene.project.path("bin")).unwrap().count(), 2);
    assert!(is_alive(watch.pid()));
    let lock = scene.project.read(".redundancy/watch.lock");
    assert!(lock.contains(&format!("\"pid\":{},", watch.pid())), "{lock}");
    let mode = fs::metadata(scene.project.path(".redundancy/update.json")).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
    // What ran goes on, and is looked after.
    assert_eq!(scene.project.pid("w"), Some(process));
    kill(process);
    scene.project.wait_for_pid("w", Some(process));
    wait_for("the end of what was killed", || {
        (!fs::exists(format!("/proc/{process}")).unwrap()).then_some(())
    });
    watch.end_well();
    // The next one to begin has nothing to tell of it.
    let told = scene.history().matches("updated from").count();
    let watch = scene.watch();
    watch.wait_for_log("the system: ");
    watch.end_well();
    assert_eq!((told, scene.history().matches("updated from").count()), (1, 1));
}

#[test]
fn without_the_word_of_the_config_no_watch_asks() {
    let github = release("");
    let scene = Scene::automatic(&github, "10s");
    let config = scene.project.read("redundancy.toml");
    scene.project.write("redundancy.toml", &config.replace("automatic = true\n", ""));
    let watch = scene.watch();
    watch.wait_for_log("the system: 2 of 2 healthy");
    // Once it is in there, the running one does.
    assert!(github.world().requests.is_empty());
    scene.project.write("redundancy.toml", &config);
    scene.wait_for_history("updated from");
    watch.end_well();
}

#[test]
fn what_is_not_what_it_should_be_is_told_and_the_watch_goes_on() {
    let github = release("");
    github.world().files[0].digest = Some(format!("sha256:{}", "0".repeat(64)));
    let scene = Scene::automatic(&github, "10s");
    let before = scene.inode();
    let watch = scene.watch();
    scene.wait_for_history("no newer version was taken: ");
    assert!(scene.history().contains("where GitHub says 000"), "{}", scene.history());
    scene.is_as_before(before);
    let process = scene.project.wait_for_pid("w", None);
    kill(process);
    scene.project.wait_for_pid("w", Some(process));
    let log = watch.end_well();
    assert_eq!(log.matches("no newer version was taken").count(), 1, "{log}");
}

#[test]
fn a_version_that_ends_at_once_is_undone_by_the_next_start() {
    let github = release("exit 3");
    let scene = Scene::automatic(&github, "10s");
    let before = scene.inode();
    let watch = scene.watch();
    let process = scene.project.wait_for_pid("w", None);
    wait_for("its end", || (!is_alive(watch.pid())).then_some(()));
    let watch = scene.watch();
    scene.wait_for_history(&undone("it ended before all was healthy"));
    watch.end_well();
    scene.is_as_before(before);
    assert_eq!(scene.project.pid("w"), Some(process));
    scene.is_not_tried_again(&github);
}

#[test]
fn a_version_under_which_not_all_is_healthy_is_undone_by_itself() {
    let github = release(BREAK);
    let scene = Scene::automatic(&github, "5s");
    let before = scene.inode();
    let watch = scene.watch();
    let process = scene.project.wait_for_pid("w", None);
    scene.wait_for_history(&undone("not all was healthy within 5s: 1 of 2 healthy"));
    assert!(is_alive(watch.pid()));
    watch.wait_for_logs("the watch began, pid ", 3);
    watch.end_well();
    scene.is_as_before(before);
    assert_eq!(scene.project.pid("w"), Some(process));
    scene.mend();
    scene.is_not_tried_again(&github);
}

#[test]
fn a_version_is_undone_also_where_what_was_known_of_it_is_gone() {
    let github = release(BREAK);
    let scene = Scene::automatic(&github, "5s");
    let config = scene.project.read("redundancy.toml");
    let sink = "[[alerts.sink]]\nkind = \"command\"\n\
                command = [\"sh\", \"-c\", \"cat >> told; echo >> told\"]\n";
    scene.project.write("redundancy.toml", &format!("{config}{sink}"));
    let before = scene.inode();
    let watch = scene.watch();
    watch.wait_for_logs("the watch began, pid ", 2);
    fs::remove_file(scene.project.path(".redundancy/update.json")).unwrap();
    scene.wait_for_history(&undone("not all was healthy within 5s: 1 of 2 healthy"));
    // Somebody hears of it, who does not read the history.
    let told = wait_for("that it is told", || {
        let told = fs::read_to_string(scene.project.path("told")).unwrap_or_default();
        told.contains("\"key\":\"undone\"").then_some(told)
    });
    assert!(told.contains(&undone("not all was healthy")), "{told}");
    watch.end_well();
    scene.is_as_before(before);
}

#[test]
fn a_version_that_is_killed_on_trial_is_undone_by_the_next_start() {
    let github = release(BREAK);
    let scene = Scene::automatic(&github, "1m");
    let before = scene.inode();
    let watch = scene.watch();
    let process = scene.project.wait_for_pid("w", None);
    watch.wait_for_logs("the watch began, pid ", 2);
    // Its place is the one before's until it has done well.
    assert_eq!(scene.inode(), before);
    watch.kill();
    scene.mend();
    let watch = scene.watch();
    scene.wait_for_history(&undone("it ended before all was healthy"));
    watch.end_well();
    scene.is_as_before(before);
    assert_eq!(scene.project.pid("w"), Some(process));
}

#[test]
fn a_version_that_is_asked_to_end_on_trial_is_tried_again() {
    let github = release(BREAK);
    let scene = Scene::automatic(&github, "1m");
    let before = scene.inode();
    let watch = scene.watch();
    watch.wait_for_logs("the watch began, pid ", 2);
    watch.wait_for_log("1 of 2 healthy");
    watch.end_well();
    let watch = scene.watch();
    watch.wait_for_log("1 of 2 healthy");
    scene.is_as_before(before);
    scene.mend();
    watch.wait_for_logs("the watch began, pid ", 2);
    watch.end_well();
    assert!(!scene.history().contains("undone"), "{}", scene.history());
}

#[test]
fn a_version_that_can_not_read_the_config_is_undone_before_it_is_read() {
    let github = release("echo 'nonsense = 1' > redundancy.toml");
    let scene = Scene::automatic(&github, "10s");
    let (before, config) = (scene.inode(), scene.project.read("redundancy.toml"));
    let watch = scene.watch();
    wait_for("its end", || (!is_alive(watch.pid())).then_some(()));
    // The new one could not, and the one before after it.
    watch.wait_for_logs("unknown key `nonsense`", 2);
    scene.is_as_before(before);
    scene.project.write("redundancy.toml", &config);
    let watch = scene.watch();
    scene.wait_for_history(&undone("it can't begin: "));
    watch.end_well();
    scene.is_not_tried_again(&github);
}

#[test]
fn a_watch_in_the_background_keeps_its_log_and_its_sockets() {
    let github = release("");
    let scene = Scene::automatic(&github, "10s");
    let config = scene.project.read("redundancy.toml");
    let metrics = "[metrics]\nsocket = \".redundancy/metrics.sock\"\n";
    scene.project.write("redundancy.toml", &format!("{config}{metrics}"));
    let mut command = Command::new(&scene.program);
    command.arg("start").current_dir(scene.project.root()).env("NO_COLOR", "1");
    let run = Run::of(command.env("PM2_HOME", scene.project.path("pm2")).output().unwrap()).ok();
    let pid = run.stdout.split("(pid ").nth(1).and_then(|it| it.split(')').next());
    let pid: u32 = pid.unwrap_or_else(|| panic!("{run:?}")).parse().unwrap();
    scene.wait_for_history("updated from");
    assert!(is_alive(pid));
    wait_for("its figures", || {
        UnixStream::connect(scene.project.path(".redundancy/metrics.sock")).ok()
    });
    let log = scene.project.read("automation/logs/master-redundancy.log");
    assert_eq!(log.matches(&format!("the watch began, pid {pid}")).count(), 2, "{log}");
    assert!(
        scene.project.run(&["start"]).ok().stdout.contains(&format!("running already (pid {pid})"))
    );
    scene.project.run(&["stop"]).ok();
    assert!(!is_alive(pid));
}

#[test]
fn a_version_from_which_a_person_went_back_is_not_taken_by_itself() {
    let github = release("");
    let scene = Scene::automatic(&github, "10s");
    fs::write(scene.old(), "#!/bin/sh\necho redundancy 0.0.1\n").unwrap();
    fs::set_permissions(scene.old(), Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(&scene.program);
    command.args(["self-update", "--rollback", "--yes"]).current_dir(scene.project.root());
    Run::of(command.stdin(Stdio::null()).output().unwrap()).ok();
    let text = scene.project.read(".redundancy/update.json");
    let record: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(record["refused"], serde_json::json!([VERSION]));
}
