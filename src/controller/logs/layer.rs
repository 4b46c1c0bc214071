//! Hears what is said, and finds out what it is about.

use std::{fmt, sync::Arc};

use jiff::Timestamp;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span::{Attributes, Id},
};
use tracing_subscriber::{
    Layer,
    layer::{Context, Filter},
    registry::LookupSpan,
};

use super::{ELSEWHERE, Shared, line::Line};
use crate::config::logs::{LogLevel, Subject};

/// What this program says is said with a target that begins like this.
const OURS: &str = "redundancy::";

/// What providers say: the name of one follows.
const OF_A_PROVIDER: &str = "redundancy::provider::";

/// Which of what is said, and of the spans around it, may be written at all.
pub(super) struct IsWanted(pub(super) Arc<Shared>);

impl<S> Filter<S> for IsWanted {
    fn enabled(&self, said: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        if said.is_span() {
            return said.target().starts_with(OURS);
        }
        // What others say at length is not known to leave our secrets out.
        let is_known = said.target().starts_with(OURS) || *said.level() <= Level::INFO;
        is_known && said.target() != ELSEWHERE && *said.level() <= filter(self.0.widest_level())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        // Spans are of this level.
        Some(filter(self.0.widest_level()).max(LevelFilter::INFO))
    }
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    }
}

/// Makes lines of what is said.
pub(super) struct ToFiles(pub(super) Arc<Shared>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for ToFiles {
    fn on_new_span(&self, span: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut read = Fields::default();
        span.record(&mut read);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(read);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut read = Fields::default();
        event.record(&mut read);
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(around) = span.extensions().get::<Fields>() {
                read.provider = read.provider.or_else(|| around.provider.clone());
                read.look = read.look.or_else(|| around.look.clone());
            }
        }
        let of_the_code = || {
            let rest = event.metadata().target().strip_prefix(OF_A_PROVIDER)?;
            rest.split("::").next().map(str::to_owned)
        };
        let provider = read.provider.or_else(of_the_code);
        // Code that providers share is in no folder of one.
        let provider = provider.filter(|it| crate::provider::NAMES.contains(&it.as_str()));
        let Some((level, format)) = self.0.rules_for(provider.as_deref()) else { return };
        let said = *event.metadata().level();
        if said > filter(level) {
            return;
        }
        let at = Timestamp::now();
        let subject = Subject::of(provider.as_deref());
        let line = Line { at, level: said, provider, look: read.look, message: read.message };
        self.0.write(subject, line.in_format(format), at);
    }
}

/// What is said of something in fields.
#[derive(Debug, Default)]
struct Fields {
    provider: Option<String>,
    look: Option<String>,
    /// The text, and after it all other fields.
    message: String,
}

impl Fields {
    fn take(&mut self, field: &Field, text: String) {
        match field.name() {
            "provider" => self.provider = Some(text),
            "look" => self.look = Some(text),
            "message" => self.message.insert_str(0, &text),
            other => {
                let space = if self.message.is_empty() { "" } else { " " };
                self.message.extend([space, other, "=", &text]);
            }
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.to_owned());
    }
}
