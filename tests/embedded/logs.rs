//! The output of a process that goes on.

use crate::world::{World, until};

#[tokio::test]
async fn the_log_of_a_running_process_is_kept_small() {
    let script = "i=0; while [ $i -lt 400 ]; do i=$((i+1)); echo line $i; sleep 0.05; done";
    let toml = format!(
        "[[process]]\nname = 'a'\nlog = {{ max_size = '500B', keep = 2 }}\n\
         command = ['sh', '-c', '{script}']"
    );
    let world = World::new(&toml);
    world.pass().await;
    until("it was put aside", || !world.read("automation/logs/a.log.1").is_empty()).await;
    until("it goes on", || !world.read("automation/logs/a.log").is_empty()).await;
    let aside = world.read("automation/logs/a.log.1");
    assert!(aside.starts_with("line 1\n"), "{aside}");
    let lines: Vec<&str> = aside.lines().collect();
    let rest = world.read("automation/logs/a.log");
    let goes_on = format!("line {}\n", lines.len() + 1);
    assert!(rest.starts_with(&goes_on), "{rest} should begin with {goes_on}");
}
