//! Problems and notes as a person reads them: place, line, marker, help.

use std::ops::Range;

use annotate_snippets::{
    AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str,
};

use super::{
    problem::{Note, Problem, position},
    secrets,
};

/// Whether the output goes to a terminal that shows colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Text alone.
    Plain,
    /// With colours.
    Coloured,
}

/// The widest line of output, in columns.
const WIDTH: usize = 100;

/// A line of more bytes than this is not quoted at all. The renderer cuts shorter ones to
/// [`WIDTH`] around the marker.
const LONGEST_LINE: usize = 16 * 1024;

/// All of `problems` of the file at `path`, whose text is `text`.
#[must_use]
pub fn problems(path: &str, text: &str, problems: &[Problem], style: Style) -> String {
    let source = Source::new(path, text);
    let shown = problems.iter().map(|it| {
        let mut groups =
            vec![source.group(Level::ERROR, &it.message, it.span.as_ref(), it.related.as_ref())];
        if let Some(help) = &it.help {
            let help = Level::HELP.message(normalize_untrusted_str(&visible(help)));
            groups = groups.into_iter().map(|group| group.element(help.clone())).collect();
        }
        renderer(style).render(&groups)
    });
    shown.collect::<Vec<_>>().join("\n\n") + "\n"
}

/// All of `notes` on the file at `path`, whose text is `text`. Empty when there are none.
#[must_use]
pub fn notes(path: &str, text: &str, notes: &[Note], style: Style) -> String {
    let source = Source::new(path, text);
    let shown = notes.iter().map(|it| {
        renderer(style).render(&[source.group(Level::NOTE, &it.message, Some(&it.span), None)])
            + "\n"
    });
    shown.collect::<Vec<_>>().join("\n")
}

/// One line that says what went wrong.
#[must_use]
pub fn error(message: &str, style: Style) -> String {
    let title = Level::ERROR.primary_title(visible(message));
    renderer(style).render(&[Group::with_title(title)]) + "\n"
}

fn renderer(style: Style) -> Renderer {
    match style {
        Style::Plain => Renderer::plain(),
        Style::Coloured => Renderer::styled(),
    }
    .term_width(WIDTH)
}

/// A file, ready to be quoted.
struct Source<'t> {
    path: String,
    text: &'t str,
    /// The tokens and the values of `env` in it: their lines are never shown.
    secrets: Vec<Range<usize>>,
}

impl<'t> Source<'t> {
    fn new(path: &str, text: &'t str) -> Self {
        let path = normalize_untrusted_str(&visible(path));
        let tokens = secrets::find(text).into_iter().map(|(span, _)| span);
        Self { path, text, secrets: tokens.chain(secrets::env_lines(text)).collect() }
    }

    fn group(
        &self,
        level: Level<'static>,
        message: &str,
        span: Option<&Range<usize>>,
        related: Option<&(Range<usize>, String)>,
    ) -> Group<'static> {
        let title = level.primary_title(visible(message));
        let Some(span) = span else {
            return title.element(Origin::path(self.path.clone()));
        };
        let (line, column) = position(self.text, span.start);
        let Some(excerpt) = self.excerpt(span) else {
            let origin = Origin::path(self.path.clone()).line(line).char_column(column);
            return title.element(origin);
        };
        let primary = AnnotationKind::Primary.span(excerpt.span.clone());
        let snippet = |excerpt: Excerpt, line| {
            Snippet::source(excerpt.text).path(self.path.clone()).line_start(line)
        };
        let group = title.element(snippet(excerpt, line).annotation(primary));
        let Some((span, label)) = related else { return group };
        let Some(excerpt) = self.excerpt(span) else { return group };
        let context = AnnotationKind::Context.span(excerpt.span.clone()).label(visible(label));
        let (line, _) = position(self.text, span.start);
        group.element(snippet(excerpt, line).annotation(context))
    }

    /// The line that `span` begins on, with the span in it. None when a secret is on that line, or
    /// when it is too long to be read by anybody.
    fn excerpt(&self, span: &Range<usize>) -> Option<Excerpt> {
        let text = self.text;
        let start = text.floor_char_boundary(span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |length| start + length);
        let secret = self.secrets.iter().any(|it| it.start < line_end && line_start < it.end);
        if secret || line_end - line_start > LONGEST_LINE {
            return None;
        }
        let end = text.floor_char_boundary(span.end).clamp(start, line_end);
        let span = start - line_start..end - line_start;
        Some(Excerpt { text: visible(&text[line_start..line_end]), span })
    }
}

struct Excerpt {
    text: String,
    /// In `text`.
    span: Range<usize>,
}

/// `text` without the control characters that a terminal obeys and that the renderer lets pass
/// (U+0080 to U+009F), each replaced by one of the same length, so that places stay the same.
fn visible(text: &str) -> String {
    let shown = |c: char| if matches!(c, '\u{80}'..='\u{9f}') { '\u{bf}' } else { c };
    text.chars().map(shown).collect()
}
