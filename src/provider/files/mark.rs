//! The header of a generated file: two lines for people and one for us.
//!
//! ```text
//! # The backup of ci.yml, made by redundancy. To change it, change ci.yml or redundancy.toml and
//! # run `redundancy apply`. An edit made here is kept, and ends its updates until somebody decides.
//! # redundancy/1 backs_up=ci.yml made_from=DIGEST written=DIGEST
//! ```

use crate::core::{digest::Digest, id::Name, resource::Mark};

/// The version of the header. Raise it with every change of its words: a header of this version
/// that reads otherwise was edited by hand.
const VERSION: &str = "redundancy/1";

/// Within how many lines the mark is looked for: somebody may have put a line or two above it.
const SEARCHED_LINES: usize = 10;

/// How a line of a file is made a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comment {
    /// `# …`
    Hash,
    /// `// …`
    Slashes,
}

impl Comment {
    fn sign(self) -> &'static str {
        match self {
            Self::Hash => "# ",
            Self::Slashes => "// ",
        }
    }
}

/// What the mark line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// The digest of the body as it was written.
    pub(crate) written: Digest,
    /// The digest of what it was made from.
    pub(crate) made_from: Digest,
    /// What it is to which primary.
    pub(crate) role: Role,
}

/// What a generated file is to its primary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Role {
    /// It stands in for it.
    BacksUp(Name),
    /// It gets its calls first, and passes them on.
    InFrontOf(Name),
}

impl Role {
    /// As the mark says it.
    fn key(&self) -> &'static str {
        match self {
            Self::BacksUp(_) => "backs_up",
            Self::InFrontOf(_) => "in_front_of",
        }
    }

    /// The primary.
    pub(crate) fn primary(&self) -> &Name {
        match self {
            Self::BacksUp(primary) | Self::InFrontOf(primary) => primary,
        }
    }
}

impl Header {
    /// The lines for people.
    fn words(&self, comment: Comment) -> String {
        let (sign, primary) = (comment.sign(), self.role.primary());
        let what = match self.role {
            Role::BacksUp(_) => "The backup of",
            Role::InFrontOf(_) => "What stands in front of",
        };
        format!(
            "{sign}{what} {primary}, made by redundancy. To change it, change {primary} or \
             redundancy.toml and\n{sign}run `redundancy apply`. An edit made here is kept, and ends \
             its updates until somebody decides.\n"
        )
    }

    /// The file with this header above `text`.
    pub(crate) fn above(&self, text: &str, comment: Comment) -> String {
        let Self { written, made_from, role } = self;
        let (key, primary) = (role.key(), role.primary());
        let mark = format!("{VERSION} {key}={primary} made_from={made_from} written={written}");
        format!("{}{}{mark}\n{text}", self.words(comment), comment.sign())
    }

    /// Takes the header off a file. Without a mark, or with one that is damaged, the whole file is
    /// somebody else's text.
    ///
    /// Lines above the mark that are not as we write them count as text, so that an edit of the
    /// header is an edit too.
    pub(crate) fn take_off(file: &str, comment: Comment) -> (String, Option<Self>) {
        let mut start = 0;
        for line in file.split_inclusive('\n').take(SEARCHED_LINES) {
            let end = start + line.len();
            if let Some(header) = line.strip_suffix('\n').and_then(|it| Self::parse(it, comment)) {
                let (above, text) = (&file[..start], &file[end..]);
                let above = if above == header.words(comment) { "" } else { above };
                return (format!("{above}{text}"), Some(header));
            }
            start = end;
        }
        (file.to_owned(), None)
    }

    fn parse(line: &str, comment: Comment) -> Option<Self> {
        let mut words = line.strip_prefix(comment.sign())?.split(' ');
        (words.next()? == VERSION).then_some(())?;
        let (key, primary) = words.next()?.split_once('=')?;
        let role = [Role::BacksUp, Role::InFrontOf].map(|it| Some(it(primary.parse().ok()?)));
        let role = role.into_iter().flatten().find(|it| it.key() == key)?;
        let mut value = |key: &str| words.next()?.strip_prefix(key)?.strip_prefix('=');
        let header = Self {
            role,
            made_from: value("made_from")?.parse().ok()?,
            // Last, since a digest that is cut off is none.
            written: value("written")?.parse().ok()?,
        };
        words.next().is_none().then_some(header)
    }

    /// What the core wants to know of it.
    pub(crate) fn mark(&self) -> Mark {
        let backs_up = match &self.role {
            Role::BacksUp(primary) => Some(primary.to_string()),
            Role::InFrontOf(_) => None,
        };
        Mark { written: self.written, backs_up }
    }
}

/// Whether the beginning of a file has a line that begins as the mark does, sound or not.
pub(crate) fn is_ours(beginning: &[u8]) -> bool {
    let lines = beginning.split(|it| *it == b'\n').take(SEARCHED_LINES);
    let mut signs = lines.flat_map(|line| {
        [Comment::Hash, Comment::Slashes].map(|it| line.strip_prefix(it.sign().as_bytes()))
    });
    signs.any(|it| {
        it.is_some_and(|it| {
            it.strip_prefix(VERSION.as_bytes()).is_some_and(|it| it.starts_with(b" "))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header() -> Header {
        Header {
            written: Digest::of(["w"]),
            made_from: Digest::of(["m"]),
            role: Role::BacksUp("ci.yml".parse().unwrap()),
        }
    }

    fn in_front() -> Header {
        Header { role: Role::InFrontOf("hello".parse().unwrap()), ..header() }
    }

    #[test]
    fn a_header_says_whose_the_file_is() {
        let told = |header: Header, comment| {
            let file = header.above("name: x\n", comment);
            let file = file.replace(&header.written.to_string(), "WRITTEN");
            file.replace(&header.made_from.to_string(), "MADE")
        };
        insta::assert_snapshot!(told(header(), Comment::Hash), @"
        # The backup of ci.yml, made by redundancy. To change it, change ci.yml or redundancy.toml and
        # run `redundancy apply`. An edit made here is kept, and ends its updates until somebody decides.
        # redundancy/1 backs_up=ci.yml made_from=MADE written=WRITTEN
        name: x
        ");
        insta::assert_snapshot!(told(in_front(), Comment::Slashes), @"
        // What stands in front of hello, made by redundancy. To change it, change hello or redundancy.toml and
        // run `redundancy apply`. An edit made here is kept, and ends its updates until somebody decides.
        // redundancy/1 in_front_of=hello made_from=MADE written=WRITTEN
        name: x
        ");
        assert_eq!(header().mark().backs_up.as_deref(), Some("ci.yml"));
        assert_eq!(in_front().mark().backs_up, None);
    }

    #[test]
    fn a_file_of_ours_is_known_by_its_beginning() {
        for comment in [Comment::Hash, Comment::Slashes] {
            let file = header().above("name: x\n", comment);
            assert!(is_ours(file.as_bytes()));
            assert!(is_ours(format!("# edited\n{file}").as_bytes()));
        }
        for other in ["", "name: x\n", "redundancy/1 x\n", "# redundancy/10 x\n", "# redundancy/1"]
        {
            assert!(!is_ours(other.as_bytes()), "{other:?}");
        }
    }

    #[test]
    fn a_torn_mark_is_no_mark() {
        let file = header().above("name: x\n", Comment::Hash);
        let end = file.find("name: x").unwrap();
        for cut in 0..end - 1 {
            assert_eq!(Header::take_off(&file[..cut], Comment::Hash).1, None, "{cut}");
            let mended = format!("{}\n{}", &file[..cut], &file[end..]);
            assert_eq!(Header::take_off(&mended, Comment::Hash).1, None, "{cut}");
        }
        assert_eq!(Header::take_off(&file, Comment::Slashes).1, None);
    }

    #[test]
    fn an_edit_of_the_header_is_an_edit() {
        let file = header().above("name: x\n", Comment::Hash);
        let (text, found) = Header::take_off(&format!("# mine\n{file}"), Comment::Hash);
        assert_eq!(found, Some(header()));
        assert!(text.starts_with("# mine\n") && text.ends_with("name: x\n"), "{text}");
    }

    proptest! {
        #[test]
        fn what_is_put_on_comes_off(text in "(\n|# |// |redundancy/1|[a-z:])*", slashes: bool, front: bool) {
            let comment = if slashes { Comment::Slashes } else { Comment::Hash };
            let header = if front { in_front() } else { header() };
            let file = header.above(&text, comment);
            prop_assert_eq!(Header::take_off(&file, comment), (text, Some(header)));
        }
    }
}
