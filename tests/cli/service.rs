//! A watch under a service manager: the unit that is written, and what is said to who runs it.

use std::{fs, os::unix::net::UnixDatagram, time::Duration};

use insta::assert_snapshot;

use crate::project::{Project, Watch, wait_for};

const WORKER: &str = "[controller]\nlook_every = \"1s\"\n\
    [[process]]\nname = \"w\"\ncommand = [\"sleep\", \"1000\"]\n";

/// A unit without what differs from machine to machine.
fn steady(project: &Project, unit: &str) -> String {
    let uid = format!("User={}", rustix::process::getuid().as_raw());
    let program = env!("CARGO_BIN_EXE_redundancy");
    project.steady(unit).replace(&uid, "User=UID").replace(program, "PROGRAM")
}

#[test]
fn the_unit_begins_the_watch_and_lets_its_processes_live() {
    let project = Project::new("[controller]\nlook_every = \"5m\"\n");
    let unit =
        project.command(&["service"]).env("PATH", "/usr/bin:/a \"b\" 100%").output().unwrap();
    let unit = String::from_utf8(unit.stdout).unwrap();
    assert_snapshot!(steady(&project, &unit), @r#"
        # Made by `redundancy service`; `redundancy service install` writes it anew.
        [Unit]
        Description=redundancy of ROOT
        Wants=network-online.target
        After=network-online.target
        # However often it fails, it is tried again.
        StartLimitIntervalSec=0

        [Service]
        # It says so itself when it has looked at everything.
        Type=notify
        User=UID
        WorkingDirectory=ROOT
        Environment="PATH=/usr/bin:/a \"b\" 100%%"
        ExecStart="PROGRAM" watch --config "ROOT/redundancy.toml"
        Restart=on-failure
        RestartSec=1s
        # Fed by completed looks: one that hangs is ended and begun again.
        WatchdogSec=960s
        TimeoutStartSec=5min
        # What the watch runs goes on while it is begun again.
        KillMode=process
        # These hold for the processes that it runs, too.
        NoNewPrivileges=yes
        ProtectClock=yes
        ProtectControlGroups=yes
        ProtectKernelLogs=yes
        ProtectKernelModules=yes
        ProtectKernelTunables=yes
        LockPersonality=yes
        RestrictRealtime=yes
        RestrictSUIDSGID=yes

        [Install]
        WantedBy=multi-user.target
        "#);
}

#[test]
fn a_unit_of_a_user_is_installed_and_nobody_elses_is_overwritten() {
    let project = Project::new("[controller]\n");
    let install = || {
        let mut command = project.command(&["service", "install", "--user"]);
        let output = command.env("XDG_CONFIG_HOME", project.path("config")).output().unwrap();
        let said = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap()).concat();
        (output.status.success(), said)
    };
    let folder = project.path("config/systemd/user");
    let units = || fs::read_dir(&folder).unwrap().map(|it| it.unwrap().path()).collect::<Vec<_>>();
    let (done, said) = install();
    let [file] = &units()[..] else { panic!("not one unit: {:?}", units()) };
    let name = file.file_name().unwrap().to_str().unwrap().to_owned();
    assert!(done, "{said}");
    assert_snapshot!(project.steady(&said).replace(&name, "UNIT"), @r"
        wrote ROOT/config/systemd/user/UNIT
        To switch it on:
          systemctl --user daemon-reload
          systemctl --user enable --now UNIT
        ");
    let unit = fs::read_to_string(file).unwrap();
    assert!(!unit.contains("User=") && unit.contains("WantedBy=default.target"), "{unit}");
    fs::write(file, unit.clone() + "# more\n").unwrap();
    assert!(install().0);
    assert_eq!(fs::read_to_string(file).unwrap(), unit);
    fs::write(file, "[Unit]\n").unwrap();
    let (done, said) = install();
    assert!(!done && said.contains("not made by this tool"), "{said}");
    assert_eq!(fs::read_to_string(file).unwrap(), "[Unit]\n");
    assert_eq!(units().len(), 1, "no temporary file is left");
}

#[test]
fn two_projects_whose_folders_are_called_alike_have_a_unit_each() {
    let project = Project::empty();
    let install = |root: &str| {
        project.write(&format!("{root}/redundancy.toml"), "[controller]\n");
        let mut command = project.command(&["service", "install", "--user"]);
        command.current_dir(project.path(root)).env("XDG_CONFIG_HOME", project.path("config"));
        assert!(command.output().unwrap().status.success());
    };
    let units = || {
        let all = fs::read_dir(project.path("config/systemd/user")).unwrap();
        let mut all: Vec<_> =
            all.map(|it| fs::read_to_string(it.unwrap().path()).unwrap()).collect();
        all.sort();
        all
    };
    install("one/app");
    install("two/app");
    let both = units();
    assert_eq!(both.len(), 2, "{both:?}");
    for (unit, root) in both.iter().zip(["one/app", "two/app"]) {
        assert!(unit.contains(&format!("{root}\n")), "{unit}");
    }
    // Each has its own again, also once the other one is gone.
    install("one/app");
    install("two/app");
    fs::remove_file(project.path("config/systemd/user/redundancy-app.service")).unwrap();
    install("two/app");
    assert_eq!(units(), both[1..]);
}

#[test]
fn who_runs_the_watch_is_told_when_it_is_ready_that_it_lives_and_that_it_ends() {
    let project = Project::new(WORKER);
    let socket = UnixDatagram::bind(project.path("notify")).unwrap();
    socket.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let mut command = project.command(&["watch"]);
    command.env("NOTIFY_SOCKET", project.path("notify")).env("WATCHDOG_USEC", "60000000");
    let watch = Watch::start(command);
    let next = || {
        let mut buffer = [0; 1024];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    };
    for _ in 0..3 {
        // Three times `look_every`, and a minute.
        assert_eq!(next(), "READY=1\nWATCHDOG_USEC=63000000\nWATCHDOG=1\n");
    }
    let pid = project.wait_for_pid("w", None);
    let environ = fs::read(format!("/proc/{pid}/environ")).unwrap();
    let environ = String::from_utf8_lossy(&environ);
    assert!(!environ.contains("NOTIFY_SOCKET") && !environ.contains("WATCHDOG"), "{environ}");
    watch.end_well();
    wait_for("the end to be told", || (next() == "STOPPING=1\n").then_some(()));
}
