//! The block of redirects in `netlify.toml`: one for each function that has a route, between two marks.
//! What is outside of them is somebody else's, and stays byte for byte.
//!
//! ```text
//! # redundancy: begin written=DIGEST
//! # mail-backup is on duty since 2026-11-27T11:00:00Z: the primary answers 502 on the live site …
//! [[redirects]]
//! from = "/api/mail"
//! to = "/.netlify/functions/mail-backup"
//! status = 200
//! force = true
//! # redundancy: end
//! ```
//!
//! Of several redirects for a path Netlify obeys the first (its "Redirects and rewrites"), so the block
//! goes above all others of the file.

use std::{collections::BTreeMap, fmt::Write as _, ops::Range};

use serde::Deserialize;
use toml::{Table, Value, de::DeTable};

use super::{settings::FILE, source::line};
use crate::{
    core::{
        digest::Digest,
        duty::Side,
        resource::{Actual, Body, Mark, Status},
        route::Place,
    },
    http::text::harmless,
    provider::files::rule::SUFFIX,
};

/// What the line before the block begins with.
const BEGIN: &str = "# redundancy: begin";

/// The line after it.
const END: &str = "# redundancy: end";

/// Said by the first mark where the line break before it is ours too: the file had none at its end.
const JOINED: &str = "joined";

const WORDS: &str = "# Made by redundancy. To change it, change redundancy.toml and run `redundancy \
                     apply`. An edit made\n# here is kept, and ends its updates until somebody decides. \
                     It takes effect with the next deploy.\n";

/// Where functions are called.
const FUNCTIONS: &str = "/.netlify/functions/";

/// How much of a reason is written into the block, in characters.
const MOST_SAID: usize = 200;

/// The route of one function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    /// The path at which it is called.
    pub(super) from: String,
    /// Who gets the calls.
    pub(super) place: Place,
}

/// The routes, by the names of the functions.
pub(super) type Routes = BTreeMap<String, Route>;

/// The block as it is in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// All of it, with its marks.
    at: Range<usize>,
    /// The line of its first mark.
    line: usize,
    joined: bool,
    written: Digest,
    /// What is between the marks, with plain line breaks.
    inner: String,
}

/// The redirects that are not ours.
#[derive(Debug)]
pub(super) struct Others {
    others: Vec<Other>,
    /// The line in which our block begins.
    block: Option<usize>,
}

#[derive(Debug)]
struct Other {
    from: String,
    line: usize,
}

impl Block {
    /// The block of a file with this text, if it has one, or what is wrong with its marks.
    pub(super) fn find(text: &str) -> Result<Option<Self>, String> {
        let mut begun: Option<(Range<usize>, &str)> = None;
        let mut whole: Option<Self> = None;
        let mut start = 0;
        for piece in text.split_inclusive('\n') {
            let (at, end) = (start, start + piece.len());
            start = end;
            let piece = piece.trim();
            let wrong = |what: &str| {
                let line = line(text, at);
                let help = "remove what is left of the block by hand, with its marks; the next apply makes \
                            it anew";
                Err(format!("{FILE}:{line}: {what}; {help}"))
            };
            if let Some(words) = piece.strip_prefix(BEGIN) {
                if begun.is_some() || whole.is_some() {
                    return wrong("a second block of redirects begins here");
                }
                begun = Some((at..end, words));
            } else if piece == END {
                let Some((from, words)) = begun.take() else {
                    return wrong("a block of redirects ends here that begins nowhere");
                };
                let Some((written, joined)) = read_mark(words) else {
                    return Err(format!(
                        "{FILE}:{}: this mark is damaged; remove the block by hand, with its marks; the \
                         next apply makes it anew",
                        line(text, from.start)
                    ));
                };
                let before = text.get(..from.start).unwrap_or_default();
                let own = if joined { line_break(before) } else { 0 };
                whole = Some(Self {
                    at: from.start - own..end,
                    line: line(text, from.start),
                    joined,
                    written,
                    inner: text.get(from.end..at).unwrap_or_default().replace("\r\n", "\n"),
                });
            }
        }
        match begun {
            Some((from, _)) => Err(format!(
                "{FILE}:{}: the block of redirects that begins here has no end (`{END}`); remove what is \
                 left of it by hand; the next apply makes it anew",
                line(text, from.start)
            )),
            None => Ok(whole),
        }
    }

    /// The block as a resource.
    pub(super) fn resource(&self) -> Actual {
        Actual {
            body: body(self.inner.clone()),
            status: Status::Present,
            mark: Some(Mark { written: self.written, backs_up: None }),
            vitals: None,
        }
    }

    /// The routes that it has. An edit made by hand is understood as far as it can be.
    pub(super) fn routes(inner: &str) -> Routes {
        #[derive(Deserialize)]
        struct Redirects {
            #[serde(default)]
            redirects: Vec<Redirect>,
        }
        #[derive(Deserialize)]
        struct Redirect {
            from: String,
            to: String,
        }
        // What can't be read has no routes that could be kept.
        let Ok(Redirects { redirects }) = toml::from_str(inner) else { return Routes::new() };
        let routes = redirects.into_iter().filter_map(|Redirect { from, to }| {
            let target = to.strip_prefix(FUNCTIONS)?;
            let function = target.strip_suffix(SUFFIX).unwrap_or(target);
            let side = if function == target { Side::Primary } else { Side::Backup };
            let prefix = format!("# {target} is on duty since ");
            let said = inner.lines().find_map(|it| it.strip_prefix(&prefix));
            let (since, why) = said.and_then(|it| it.split_once(": ")).unzip();
            let since = since.and_then(|it| it.parse().ok());
            let place = Place { side, since, why: why.map(str::to_owned) };
            Some((function.to_owned(), Route { from, place }))
        });
        routes.collect()
    }
}

/// What stands between the marks for these routes.
pub(super) fn inner(routes: &Routes) -> String {
    let mut text = WORDS.to_owned();
    for (function, Route { from, place }) in routes {
        let backup = match place.side {
            Side::Primary => "",
            Side::Backup => SUFFIX,
        };
        let _ = write!(text, "# {function}{backup} is on duty");
        if let (Some(since), Some(why)) = (place.since, &place.why) {
            let _ = write!(text, " since {since:.0}: {}", harmless(why, MOST_SAID));
        }
        let quoted = |it: &str| Value::String(it.to_owned()).to_string();
        let to = quoted(&format!("{FUNCTIONS}{function}{backup}"));
        let _ = write!(
            text,
            "\n[[redirects]]\nfrom = {}\nto = {to}\nstatus = 200\nforce = true\n",
            quoted(from)
        );
    }
    text
}

/// What a block with this between its marks is as a resource.
pub(super) fn body(inner: String) -> Body {
    Body { files: [(FILE.to_owned(), inner)].into(), ..Body::default() }
}

/// The file of this text with another block, or with none; everything else is as it was. Or why the
/// block can't be put there.
pub(super) fn put(text: &str, inner: Option<&str>) -> Result<String, String> {
    let block = Block::find(text)?;
    let (at, joined) = match &block {
        Some(block) => (block.at.clone(), block.joined),
        None => place(text),
    };
    let (before, after) =
        (text.get(..at.start).unwrap_or_default(), text.get(at.end..).unwrap_or_default());
    let rest = format!("{before}{after}");
    let Some(inner) = inner else { return Ok(rest) };
    let written = body(inner.to_owned()).digest();
    let mark = if joined { format!(" {JOINED}") } else { String::new() };
    let mut own = format!("{BEGIN} written={written}{mark}\n{inner}{END}\n");
    if joined {
        own.insert(0, '\n');
    }
    if text.split_inclusive('\n').next().is_some_and(|it| it.ends_with("\r\n")) {
        own = own.replace('\n', "\r\n");
    }
    let whole = format!("{before}{own}{after}");
    is_only_added(&rest, inner, &whole)?;
    Ok(whole)
}

impl Others {
    /// Those of a file with this text.
    pub(super) fn of(text: &str) -> Self {
        let block = Block::find(text).ok().flatten();
        // Who can't read it has heard of that already.
        let file = DeTable::parse(text).ok();
        let redirects = file.as_ref().and_then(|it| it.get_ref().get("redirects"));
        let redirects = redirects.and_then(|it| it.get_ref().as_array());
        let others = redirects.into_iter().flat_map(|it| it.iter()).filter_map(|it| {
            let from = it.get_ref().get("from")?;
            let at = from.span().start;
            let is_ours = block.as_ref().is_some_and(|it| it.at.contains(&at));
            let from = from.get_ref().as_str()?.to_owned();
            (!is_ours).then(|| Other { from, line: line(text, at) })
        });
        // A new block goes above all of them.
        Self { others: others.collect(), block: block.as_ref().map(|it| it.line) }
    }

    /// Why a route from `from` would not be obeyed, or would take what somebody else's redirect is for, if
    /// that is so.
    pub(super) fn conflict(&self, from: &str) -> Option<String> {
        let plain = |it: &str| it.trim_end_matches('/').to_owned();
        if let Some(it) = self.others.iter().find(|it| plain(&it.from) == plain(from)) {
            let line = it.line;
            return Some(format!(
                "{FILE}:{line} has a redirect for it already; remove one of them"
            ));
        }
        let is_before = |it: &&Other| self.block.is_some_and(|block| it.line < block);
        let it = self.others.iter().filter(is_before).find(|it| covers(&it.from, from))?;
        Some(format!(
            "{FILE}:{} redirects {} before the block of redirects is asked; move it below that",
            it.line,
            harmless(&it.from, MOST_SAID)
        ))
    }
}

/// Whether a redirect from `pattern` takes `path` too: `*` stands for the rest, `:name` for one part.
fn covers(pattern: &str, path: &str) -> bool {
    let mut parts = path.trim_matches('/').split('/');
    for part in pattern.trim_matches('/').split('/') {
        match (part, parts.next()) {
            ("*", _) => return true,
            (part, Some(own)) if part == own || part.starts_with(':') => {}
            _ => return false,
        }
    }
    parts.next().is_none()
}

/// What the first mark says after its name.
fn read_mark(words: &str) -> Option<(Digest, bool)> {
    let mut words = words.split_ascii_whitespace();
    let written = words.next()?.strip_prefix("written=")?.parse().ok()?;
    match (words.next(), words.next()) {
        (None, _) => Some((written, false)),
        (Some(JOINED), None) => Some((written, true)),
        (Some(_), _) => None,
    }
}

/// How long the line break is that `text` ends with.
fn line_break(text: &str) -> usize {
    match text {
        _ if text.ends_with("\r\n") => 2,
        _ if text.ends_with('\n') => 1,
        _ => 0,
    }
}

/// Where a new block goes, and whether it needs a line break before it: above the first redirect and
/// the comment on it, or at the end.
fn place(text: &str) -> (Range<usize>, bool) {
    let mut start = 0;
    let mut comment = None;
    for piece in text.split_inclusive('\n') {
        let own = piece.trim();
        let header = own.strip_prefix("[[").and_then(|it| it.split_once("]]"));
        if header.is_some_and(|(key, _)| key.trim() == "redirects") {
            let at = comment.unwrap_or(start);
            return (at..at, false);
        }
        comment = if own.starts_with('#') { comment.or(Some(start)) } else { None };
        start += piece.len();
    }
    (text.len()..text.len(), line_break(text) == 0 && !text.is_empty())
}

/// Makes sure that `whole` means what `rest` means and has the redirects of `inner` besides.
fn is_only_added(rest: &str, inner: &str, whole: &str) -> Result<(), String> {
    let read = |text: &str| {
        text.parse::<Table>().map_err(|error| {
            let at = error.span().map_or(0, |it| it.start);
            let why = harmless(error.message(), MOST_SAID);
            format!(
                "{FILE} would not be read with the block of redirects in it: line {}: {why}",
                line(text, at)
            )
        })
    };
    let split = |text: &str| {
        let mut table = read(text)?;
        let redirects = match table.remove("redirects") {
            Some(Value::Array(it)) => it,
            _ => Vec::new(),
        };
        Ok::<_, String>((table, redirects))
    };
    let ((whole, all), (rest, others), (_, ours)) = (split(whole)?, split(rest)?, split(inner)?);
    let is_there = |at: usize| {
        let end = at + ours.len();
        all.get(at..end) == Some(&ours[..]) && [&all[..at], &all[end..]].concat() == others
    };
    if whole == rest && (0..=all.len()).any(is_there) {
        return Ok(());
    }
    Err(format!("{FILE} is written in a way in which no block of redirects can be put into it"))
}

#[cfg(test)]
mod tests;
