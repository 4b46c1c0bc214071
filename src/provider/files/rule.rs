//! Which primaries are meant, and how their backups are called.

use globset::GlobSet;

use crate::{
    config::patterns::Patterns,
    core::{
        digest::Digest,
        id::{Name, NameError},
    },
};

/// What the name of every backup ends in.
pub(crate) const SUFFIX: &str = "-backup";

/// `backs_up` and `except` of one table of the config.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    backs_up: GlobSet,
    except: GlobSet,
    names: Vec<String>,
}

impl Rule {
    pub(crate) fn new(backs_up: &Patterns, except: &Patterns) -> Self {
        let plain = |text: &&str| !text.contains(['*', '?', '[', ']', '{', '}', '\\']);
        Self {
            backs_up: backs_up.matcher(),
            except: except.matcher(),
            names: backs_up.texts().filter(plain).map(str::to_owned).collect(),
        }
    }

    /// The primaries that are asked for by their full name, and so have to be there.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str).filter(|name| self.asks_for(name))
    }

    /// Whether a primary of this name shall have a backup.
    pub(crate) fn asks_for(&self, primary: &str) -> bool {
        self.backs_up.is_match(primary) && !self.except.is_match(primary)
    }
}

/// The name of the backup of `stem`.
pub(crate) fn backup_name(stem: &str) -> Result<Name, NameError> {
    format!("{stem}{SUFFIX}").parse()
}

/// A name to speak of something by whose real name can't be one: `my flow` is spoken of as
/// `my_flow-0a1b2c3d`. The digits keep it from being taken for something else.
pub(crate) fn stand_in(text: &str, suffix: &'static str) -> Name {
    const MOST: usize = 80;
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let start: String = text.chars().take(MOST).map(plain).collect();
    let digest = Digest::of([text]).short();
    let name = format!("_{start}-{digest}{suffix}");
    // It begins with `_`, is ASCII and short enough, so it is a name.
    name.parse().unwrap_or_else(|_| Name::literal("_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_can_be_spoken_of() {
        for text in ["", "my flow", "-rf", "ü".repeat(500).as_str(), "../../x"] {
            let name = stand_in(text, SUFFIX);
            assert!(name.as_str().len() > SUFFIX.len() + 8, "{text:?}: {name}");
        }
        assert_ne!(stand_in("a b", ""), stand_in("a\tb", ""));
    }
}
