//! The config is saved at each moment of a watch that begins: it is taken over, and not at the next look by the clock.

use crate::{kill::at_each, scene::Scene, tracer::Fault};

/// Long after a test has given up.
const NEVER_BY_THE_CLOCK: &str = "1h";

#[test]
fn a_config_that_is_saved_while_a_watch_begins() {
    let scene = || {
        let scene = Scene::looking_every(NEVER_BY_THE_CLOCK);
        scene.check_closes();
        scene
    };
    let watch = |scene: &Scene, fault| {
        let beat = scene.path(".redundancy/heartbeat.json");
        let Fault::Meanwhile { at } = fault else {
            // How many calls there are until it has looked.
            return scene.watch(Fault::None, |_| beat.exists());
        };
        let (mut saved, mut renewed) = (false, scene.renewed());
        let outcome = scene.watch(Fault::None, |calls| {
            // At the latest when it has looked: not each begins by as many calls.
            if !saved && (calls >= at || beat.exists()) {
                scene.state("two");
                saved = true;
            }
            saved && renewed(calls)
        });
        assert_eq!(outcome.code, Some(0), "saved at call {at}: {outcome:?}");
        outcome
    };
    at_each(
        watch,
        scene,
        |at| Fault::Meanwhile { at },
        |scene, outcome| {
            assert_eq!(scene.on_duty(), (1, 0), "{outcome:?}");
        },
    );
}
