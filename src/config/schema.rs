//! The JSON Schema of `redundancy.toml`, so that editors complete and check it.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::model::Config;

/// The schema, in draft 7: the newest that the TOML extensions of editors know.
///
/// It says what one key or one table can be. What only shows across tables (a name that is there
/// twice, a backup of a backup) it can't say; `redundancy validate` does.
#[must_use]
pub fn schema() -> Value {
    SchemaSettings::draft07().into_generator().into_root_schema_for::<Config>().to_value()
}

/// The header under which `key` can stand, for a key that stands under exactly one.
pub(super) fn home_of(key: &str) -> Option<String> {
    let schema = schema();
    let tables = schema["properties"].as_object()?;
    let mut homes = tables.iter().filter(|(_, table)| has_key(&schema, table, key));
    let (name, table) = homes.next()?;
    if homes.next().is_some() {
        return None;
    }
    Some(if table["type"] == "array" { format!("[[{name}]]") } else { format!("[{name}]") })
}

fn has_key(schema: &Value, table: &Value, key: &str) -> bool {
    let one = if table["type"] == "array" { &table["items"] } else { table };
    let reference = one["$ref"].as_str().or_else(|| one["allOf"][0]["$ref"].as_str());
    let definition = reference.and_then(|it| schema.pointer(it.trim_start_matches('#')));
    definition.is_some_and(|it| it["properties"].get(key).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_where_it_belongs() {
        assert_eq!(home_of("look_every").as_deref(), Some("[controller]"));
        assert_eq!(home_of("max_restarts").as_deref(), Some("[[process]]"));
        assert_eq!(home_of("backs_up"), None, "there are three of them");
        assert_eq!(home_of("nonsense"), None);
    }
}
