//! What somebody who looks on is shown of a project, look after look: the [`Frame`] that a watch tells, and the
//! [`View`] of it on a screen.

mod frame;
#[cfg(test)]
mod tests;
mod text;
mod view;

pub use frame::{Frame, Given, Happened, Pair, Row, VERSION, Watcher, read};
pub use text::plain;
pub use view::{Act, Input, Key, Line, Mode, Page, Source, View};
