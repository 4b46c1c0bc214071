//! What a watch tells those who look on after each look: a frame, one line of JSON.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::core::{health::Health, id::Id};

/// The version of the form. Within one it only gains keys.
pub const VERSION: u32 = 1;

/// All that is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// The version of the form.
    pub version: u32,
    /// When it was made.
    pub at: Timestamp,
    /// When it was last looked, if it was.
    pub looked_at: Option<Timestamp>,
    /// The longest time between two looks, in seconds.
    pub look_every: u64,
    /// Who watches, if anybody does.
    pub watch: Option<Watcher>,
    /// The resources, in the order of their ids.
    pub rows: Vec<Row>,
    /// The changes in hand: what is done, and to what.
    pub in_hand: Vec<(String, Id)>,
    /// What happened last, the oldest first.
    pub events: Vec<Happened>,
    /// What could not be seen: of which provider, and why.
    pub unseen: Vec<(String, String)>,
    /// Until when everything is paused, if it is.
    pub paused: Option<Timestamp>,
}

/// Who watches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watcher {
    /// Its process id.
    pub pid: u32,
}

/// A resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Its id.
    pub id: Id,
    /// What it is, in a word.
    pub kind: String,
    /// Its state, in words.
    pub state: String,
    /// How it does.
    pub health: Health,
    /// What duty means for it, where it is one of a pair.
    pub duty: Option<String>,
    /// The pair between which duty can be moved, where it is one of such.
    pub pair: Option<Pair>,
    /// Until when it is left alone by itself, if it is.
    pub paused: Option<Timestamp>,
}

/// A pair between which duty moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// What does the work by rights.
    pub primary: Id,
    /// What stands in for it.
    pub backup: Id,
    /// Whether the backup does the work, or is to.
    pub backup_serves: bool,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happened {
    /// When.
    pub at: String,
    /// What kind of thing, as the journal says it.
    pub kind: String,
    /// To which resource.
    pub id: Option<String>,
    /// What, in words.
    pub text: String,
}

/// What a line holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// A frame.
    Frame(Box<Frame>),
    /// The watch gives none, and says why.
    Refused(String),
}

/// Reads a line.
///
/// # Errors
/// Why it can't be understood.
pub fn read(line: &[u8]) -> Result<Given, String> {
    #[derive(Deserialize)]
    struct Head {
        version: u32,
        refused: Option<String>,
    }

    let head: Head = serde_json::from_slice(line).map_err(|it| it.to_string())?;
    if head.version != VERSION {
        return Err(format!(
            "it speaks version {}, and this program version {VERSION}; `redundancy restart` has both be \
             the same program",
            head.version
        ));
    }
    if let Some(why) = head.refused {
        return Ok(Given::Refused(why));
    }
    serde_json::from_slice(line).map(|it| Given::Frame(Box::new(it))).map_err(|it| it.to_string())
}
