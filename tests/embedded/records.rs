//! The records: private, and one that is damaged holds up nothing but itself.

use std::{fs, os::unix::fs::PermissionsExt};

use jiff::Timestamp;
use redundancy::{
    core::{
        change::{Change, Why},
        plan::Asker,
        resource::Value,
    },
    provider::{Error, Provider},
};

use crate::world::{World, name, runs, until};

const SECRET: &str = "hush-hush-hush";

#[tokio::test]
async fn values_of_the_environment_reach_the_process_and_nobody_else() {
    let toml = format!(
        "[[process]]\nname = 'a'\nenv = {{ WORD = '{SECRET}' }}\n\
         command = ['sh', '-c', 'echo \"$WORD\" > word; exec sleep 300']"
    );
    let world = World::new(&toml);
    let plan = world.plan(Asker::Watch, Timestamp::now()).await;
    assert!(!serde_json::to_string(&plan).unwrap().contains(SECRET));
    world.pass().await;
    until("the process has it", || world.read("word").trim() == SECRET).await;

    let actual = world.actual("a").await;
    assert!(matches!(actual.body.fields["env.WORD"], Value::Hidden { .. }));
    assert!(!format!("{actual:?}").contains(SECRET));
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(world.record("a")), 0o600);
    assert_eq!(mode(world.path(".redundancy/embedded")), 0o700);
    assert_eq!(mode(world.path("automation/logs/a.log")), 0o600);
    assert_eq!(world.embedded.places(), [world.path(".redundancy/embedded")]);
    for entry in fs::read_dir(world.path(".redundancy/embedded")).unwrap() {
        assert_eq!(mode(entry.unwrap().path()), 0o600);
    }
}

#[tokio::test]
async fn a_damaged_record_holds_up_only_its_own_process() {
    let toml = format!(
        "[[process]]\nname = 'a'\nenv = {{ WORD = '{SECRET}' }}\nstate = 'stopped'\n\
         command = ['sleep', '300']\n[[process]]\nname = 'b'\ncommand = ['sleep', '300']"
    );
    let world = World::new(&toml);
    world.pass().await;
    let text = fs::read_to_string(world.record("a")).unwrap();
    fs::write(world.record("a"), text.replace("\"on\":false", "\"on\":nope")).unwrap();

    let plan = world.plan(Asker::Watch, Timestamp::now()).await;
    assert!(plan.lanes.is_empty());
    let Why::Impossible { reason } = &plan.held[0].why else { panic!("{:?}", plan.held) };
    assert!(reason.contains("a.json is damaged at line 1"), "{reason}");
    assert!(reason.contains("remove the file"), "{reason}");
    assert!(!reason.contains(SECRET));
    assert!(runs(&world.status("b").await), "the others are seen");
    let start = world.apply("a", &Change::Start).await;
    assert!(matches!(start, Err(Error::Refused(_))), "{start:?}");

    fs::remove_file(world.record("a")).unwrap();
    assert_eq!(world.pass().await, ["create a"]);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_never_leads_to_a_second_start() {
    let mut world = World::new("[[process]]\nname = 'a'\ncommand = ['sleep', '300']");
    world.pass().await;
    // Nobody can read a folder as a file, not even root.
    fs::remove_file(world.record("a")).unwrap();
    fs::create_dir(world.record("a")).unwrap();
    world.begin_anew("[[process]]\nname = 'a'\ncommand = ['sleep', '300']");
    assert_eq!(world.pass().await, [""; 0]);
    for change in [Change::Start, Change::Stop] {
        assert!(matches!(world.apply("a", &change).await, Err(Error::Refused(_))));
    }
    assert_eq!(world.processes().len(), 1);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_named() {
    let world = World::new("[[process]]\nname = 'a'\ncommand = ['sleep', '300']");
    fs::write(world.path(".redundancy"), "").unwrap();
    let said = match world.embedded.observe(Timestamp::now()).await {
        Err(Error::Refused(said)) => said,
        other => panic!("{other:?}"),
    };
    assert!(said.contains(".redundancy/embedded"), "{said}");
    assert_eq!(world.processes(), [0; 0]);
    assert!(!world.path("automation/logs/a.log").exists(), "no start without a record");
}

#[tokio::test]
async fn other_files_in_the_folder_are_let_be() {
    let world = World::new("[[process]]\nname = 'a'\ncommand = ['sleep', '300']");
    world.pass().await;
    for file in ["notes.txt", ".a.json", "-x.json", "a b.json"] {
        fs::write(world.path(".redundancy/embedded").join(file), "?").unwrap();
    }
    let seen = world.observe().await;
    assert_eq!(seen.keys().collect::<Vec<_>>(), [&name("a")]);
}
