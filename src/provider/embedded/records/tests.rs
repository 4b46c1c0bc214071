use super::*;
use crate::{core::digest::Digest, provider::embedded::definition::Definition};

#[test]
fn what_is_written_to_while_it_is_read_is_read_once_more() {
    let dir = tempfile::tempdir().unwrap();
    let mut records = Records::new(dir.path().join("embedded"));
    let name = Name::literal("a");
    let record = |restarts| Record {
        definition: Definition::seen(vec!["x".to_owned()], None),
        written: Digest::of(["a"]),
        backs_up: None,
        on: true,
        run: Run::Never,
        failures: 0,
        restarts,
        last_tick: None,
    };
    for told_by_the_clock in [true, false] {
        records.put(&name, record(1)).unwrap();
        let path = records.file(&name);
        let file = File::open(&path).unwrap();
        let before = file.metadata().unwrap();
        // The file that is open is the one beside the record from now on, to which the next one is written.
        records.put(&name, record(2)).unwrap();
        fs::write(records.beside(&name), "{\"definition\":").unwrap();
        // Within one tick of the file system's clock, both times are the same.
        let about = if told_by_the_clock { before } else { file.metadata().unwrap() };
        let torn = read_whole(&path, file, &about).unwrap();
        assert!(torn.as_ref().is_err_and(|it| it.torn));
        match records.make_sure(&name, Look::Read(torn, about)) {
            Look::Read(Ok(entry), _) => assert_eq!(entry.record.restarts, 2),
            _ => panic!("it can be read"),
        }
    }
}

#[test]
fn a_look_waits_for_a_start_even_when_the_starting_program_was_killed() {
    let dir = tempfile::tempdir().unwrap();
    let records = Records::new(dir.path().join("embedded"));
    records.await_starts().unwrap();
    let starting = records.begin_start().unwrap();
    // What a child has of it until it becomes its program.
    let inherited = starting.try_clone().unwrap();
    let may_look = || {
        let folder = File::open(records.folder()).unwrap();
        flock(folder, FlockOperation::NonBlockingLockShared).is_ok()
    };
    assert!(!may_look());
    drop(starting);
    assert!(!may_look());
    drop(inherited);
    assert!(may_look());
    records.await_starts().unwrap();
}
