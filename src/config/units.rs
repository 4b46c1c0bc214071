//! Values with a unit: durations and sizes. Each is checked where it is read.

use std::{fmt, str::FromStr, time::Duration};

use bytesize::ByteSize;
use jiff::SignedDuration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

/// A length of time, written `250ms`, `90s`, `5m`, `1h 30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(into = "String")]
pub struct Span(pub Duration);

impl Span {
    /// So many milliseconds.
    #[must_use]
    pub const fn millis(n: u64) -> Self {
        Self(Duration::from_millis(n))
    }

    /// So many seconds.
    #[must_use]
    pub const fn secs(n: u64) -> Self {
        Self(Duration::from_secs(n))
    }
}

/// A text that is no [`Span`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a duration is a number with a unit, like \"250ms\", \"90s\", \"5m\" or \"1h 30m\"")]
pub struct SpanError;

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let signed: SignedDuration = text.parse().map_err(|_| SpanError)?;
        signed.try_into().map(Self).map_err(|_| SpanError)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration with its unit, like \"90s\" or \"5m\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
                text.parse().map_err(E::custom)
            }
        }

        from.deserialize_str(Visitor)
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match SignedDuration::try_from(self.0) {
            Ok(it) => write!(f, "{it:#}"),
            Err(_) => write!(f, "{}s", self.0.as_secs()),
        }
    }
}

impl JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A number with a unit, like \"250ms\", \"90s\", \"5m\" or \"1h 30m\".",
            "pattern": "^\\s*([0-9]+(\\.[0-9]+)?\\s*(h|m|s|ms|us|µs|ns)\\s*)+$",
        })
    }
}

/// Reads a size: a text like `10MiB`, or a number of bytes.
pub(super) fn size<'de, D: Deserializer<'de>>(from: D) -> Result<ByteSize, D::Error> {
    struct Visitor;

    impl de::Visitor<'_> for Visitor {
        type Value = ByteSize;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a size with its unit, like \"10MiB\"")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<ByteSize, E> {
            let error = "a size is a number with a unit, like \"500KiB\" or \"10MiB\"";
            text.parse().map_err(|_| E::custom(error))
        }

        fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<ByteSize, E> {
            let bytes = u64::try_from(bytes);
            bytes.map(ByteSize).map_err(|_| E::custom("a size can't be negative"))
        }
    }

    from.deserialize_any(Visitor)
}

/// What [`size`] takes.
pub(super) fn size_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "anyOf": [
            { "type": "string", "pattern": "^\\s*[0-9]+(\\.[0-9]+)?\\s*([kKmMgGtTpPeE]i?)?[bB]?\\s*$" },
            { "type": "integer", "minimum": 1 },
        ],
    })
}

/// A size as text that two different sizes never share: with a unit where it is a whole number of
/// them.
pub(crate) fn exact_size(bytes: u64) -> String {
    let units = [("GiB", ByteSize::gib(1).0), ("MiB", ByteSize::mib(1).0), ("KiB", 1024)];
    let unit = units.iter().find(|(_, size)| bytes > 0 && bytes.is_multiple_of(*size));
    unit.map_or_else(|| format!("{bytes} B"), |(name, size)| format!("{} {name}", bytes / size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_unit() {
        assert_eq!("1h 30m".parse(), Ok(Span::secs(5400)));
        assert_eq!("250ms".parse(), Ok(Span::millis(250)));
        for bad in ["", "5", "-5m", "five minutes", "5 parsecs", "1d", "P1D"] {
            assert_eq!(bad.parse::<Span>(), Err(SpanError), "{bad:?}");
        }
    }

    #[test]
    fn a_duration_reads_back_as_it_prints() {
        for span in [Span::millis(1), Span::secs(0), Span::secs(90), Span::secs(400 * 24 * 3600)] {
            assert_eq!(span.to_string().parse(), Ok(span));
        }
    }

    #[test]
    fn sizes_keep_every_byte() {
        assert_eq!(exact_size(10 * 1024 * 1024), "10 MiB");
        assert_eq!(exact_size(1025), "1025 B");
        assert_eq!(exact_size(0), "0 B");
    }
}
