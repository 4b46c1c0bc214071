//! What functions need of this machine: Node.js and packages of npm.

use super::{Netlify, bundle::ESBUILD, settings::Settings, tools::Package, trial};
use crate::core::checkup::Finding;

impl Netlify {
    /// Whether snapshots can be bundled and functions tested.
    pub(super) async fn checkup(&self) -> Vec<Finding> {
        if self.look.rules.is_empty() {
            return Vec::new();
        }
        let node = match trial::node().await {
            Ok(node) => Finding::fine("Node.js", node),
            Err(why) => Finding::lacking(
                "Node.js",
                format!("{why}. Without it no function is tested, so no snapshot is renewed"),
            ),
        };
        let tools = match Settings::read(&self.look.reader.root) {
            Ok(settings) => self.look.tools(&settings),
            // The look says it of all functions.
            Err(_) => return vec![node],
        };
        let needs = [
            (ESBUILD, "snapshots have no packages in them (`snapshot = \"files\"`)"),
            (trial::BUNDLER, "functions are not tested and no snapshot is renewed"),
        ];
        let of = |(package, without): (Package, &str)| {
            let name = package.name;
            match tools.find(&package) {
                Some(folder) => Finding::fine(name, format!("in {}", folder.display())),
                None if tools.can_be_had(&package) => {
                    Finding::fine(name, "not here; npm installs it when it is needed")
                }
                None => Finding::poor(
                    name,
                    format!(
                        "not here, so {without}; `npm install -D {name}`, or set \
                         `install_if_missing = true` in [netlify]"
                    ),
                ),
            }
        };
        [node].into_iter().chain(needs.map(of)).collect()
    }
}
