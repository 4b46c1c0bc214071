//! The order of the tables in the config means nothing.

use proptest::prelude::*;
use redundancy::{
    config::{self, Project},
    controller::Controller,
    core::plan::{Asker, Consent, Plan},
};

fn plan_of(root: &std::path::Path, tables: &[String]) -> Plan {
    let text = format!("runner = 'embedded'\n{}", tables.concat());
    let (config, _) = config::parse(&text).unwrap();
    let controller = Controller::new(Project { root: root.to_owned(), config });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let now = "2026-11-24T00:00:00Z".parse().unwrap();
    runtime.block_on(controller.look_around(now)).plan(Asker::Person, &Consent::default(), now)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_plan_is_the_same(order in Just((0..8_usize).collect::<Vec<_>>()).prop_shuffle()) {
        let dir = tempfile::tempdir().unwrap();
        let workflows = dir.path().join(".github/workflows");
        std::fs::create_dir_all(&workflows).unwrap();
        for name in ["a", "b"] {
            let text = "on: push\njobs:\n  x:\n    runs-on: y\n    steps: [{run: z}]\n";
            std::fs::write(workflows.join(format!("{name}.yml")), text).unwrap();
        }
        let process = |n: usize| {
            let backs_up = if n % 2 == 1 { format!("backs_up = \"p{}\"\n", n - 1) } else { String::new() };
            format!("[[process]]\nname = \"p{n}\"\n{backs_up}command = [\"sleep\", \"{n}\"]\n")
        };
        let mut tables: Vec<String> = (0..6).map(process).collect();
        for name in ["a", "b"] {
            tables.push(format!("[[workflow]]\nbacks_up = \"{name}.yml\"\n"));
        }
        let shuffled: Vec<String> = order.iter().map(|&at| tables[at].clone()).collect();
        let plan = plan_of(dir.path(), &tables);
        prop_assert_eq!(plan.lanes.len(), 8);
        prop_assert_eq!(plan_of(dir.path(), &shuffled), plan);
    }
}
