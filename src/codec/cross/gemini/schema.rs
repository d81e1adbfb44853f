//! Gemini's own schemas into JSON schema: types in lower case, `nullable` as a type, numbers that came as texts, and the order
//! of properties where it is told. Everything else stays as it is written.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::codec::cross::text::{Json, Text, Writer};

/// Deepest nesting of a schema.
const MAX_DEPTH: usize = 48;

/// The same as a JSON schema; `None` for what is no schema.
pub(in crate::codec::cross) fn json_schema(raw: &RawValue) -> Option<Json<'static>> {
    let mut out = Writer::default();
    schema(raw, 0, &mut out)?;
    let bytes = out.into_bytes();
    Json::parse(Cow::Owned(String::from_utf8(bytes.to_vec()).ok()?))
}

/// An object's members in order.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry::<String, &'de RawValue>()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(InOrder).map(Members)
    }
}

fn members(raw: &RawValue) -> Option<Vec<(String, &RawValue)>> {
    serde_json::from_str::<Members<'_>>(raw.get()).ok().map(|members| members.0)
}

fn schema(raw: &RawValue, depth: usize, out: &mut Writer) -> Option<()> {
    let members = members(raw).filter(|_| depth < MAX_DEPTH)?;
    let nullable = members.iter().any(|(key, value)| key == "nullable" && value.get() == "true");
    let order =
        members.iter().find(|(key, _)| matches!(key.as_str(), "propertyOrdering" | "property_ordering"));
    let order: Vec<String> =
        order.map_or(Some(Vec::new()), |(_, list)| serde_json::from_str(list.get()).ok())?;
    out.open(b'{');
    for (key, value) in &members {
        match key.as_str() {
            "nullable" | "propertyOrdering" | "property_ordering" | "example" => {}
            "type" => kind(value, nullable, out),
            "enum" if nullable => {
                out.key("enum");
                out.open(b'[');
                serde_json::from_str::<Vec<&RawValue>>(value.get())
                    .ok()?
                    .iter()
                    .for_each(|one| out.raw(one.get()));
                out.raw("null");
                out.close(b']');
            }
            "properties" => named("properties", value, &order, depth, out)?,
            "$defs" | "defs" => named("$defs", value, &[], depth, out)?,
            "items" => {
                out.key("items");
                schema(value, depth + 1, out)?;
            }
            "anyOf" | "any_of" => {
                out.key("anyOf");
                out.open(b'[');
                for one in serde_json::from_str::<Vec<&RawValue>>(value.get()).ok()? {
                    schema(one, depth + 1, out)?;
                }
                if nullable {
                    out.raw(r#"{"type":"null"}"#);
                }
                out.close(b']');
            }
            "minItems" | "min_items" => bound("minItems", value, out),
            "maxItems" | "max_items" => bound("maxItems", value, out),
            "minLength" | "min_length" => bound("minLength", value, out),
            "maxLength" | "max_length" => bound("maxLength", value, out),
            "minProperties" | "min_properties" => bound("minProperties", value, out),
            "maxProperties" | "max_properties" => bound("maxProperties", value, out),
            "additionalProperties" | "additional_properties" => {
                out.key("additionalProperties");
                match value.get().starts_with('{') {
                    true => schema(value, depth + 1, out)?,
                    false => out.raw(value.get()),
                }
            }
            _ => {
                out.key_text(&Text::plain(key));
                out.raw(value.get());
            }
        }
    }
    out.close(b'}');
    Some(())
}

/// `STRING` is `string`; what may be null says so in its type.
fn kind(value: &RawValue, nullable: bool, out: &mut Writer) {
    let word = Text::of(value).filter(|word| !word.escaped().contains('\\'));
    let Some(word) = word else { return out.raw_member("type", value.get()) };
    let lower = word.escaped().to_ascii_lowercase();
    if lower == "type_unspecified" {
        return;
    }
    out.key("type");
    if nullable {
        out.open(b'[');
        out.text(&Text::word(&lower));
        out.text(&Text::word("null"));
        out.close(b']');
    } else {
        out.text(&Text::word(&lower));
    }
}

/// A count, which may have come as a text.
fn bound(key: &str, value: &RawValue, out: &mut Writer) {
    let digits = value.get().trim_matches('"');
    let count = digits.bytes().all(|digit| digit.is_ascii_digit()) && !digits.is_empty();
    out.raw_member(key, if count { digits } else { value.get() });
}

/// Schemas by name, in the order that is told.
fn named(key: &str, value: &RawValue, order: &[String], depth: usize, out: &mut Writer) -> Option<()> {
    let mut properties = members(value)?;
    let ranks: HashMap<&str, usize> =
        order.iter().enumerate().rev().map(|(at, name)| (name.as_str(), at)).collect();
    properties.sort_by_key(|(name, _)| ranks.get(name.as_str()).copied().unwrap_or(usize::MAX));
    out.key(key);
    out.open(b'{');
    for (name, value) in properties {
        out.key_text(&Text::plain(&name));
        schema(value, depth + 1, out)?;
    }
    out.close(b'}');
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_become_json_schema() {
        let raw: &RawValue = serde_json::from_str(
            r#"{"type":"OBJECT","propertyOrdering":["b","a"],"nullable":true,"required":["a"],"example":1,
                "properties":{"a":{"type":"ARRAY","items":{"type":"STRING","maxLength":"9"},"min_items":"1"},
                "b":{"any_of":[{"type":"INTEGER"},{"type":"NULL"}],"title":"B"}}}"#,
        )
        .unwrap();
        let want = r#"{"type":["object","null"],"required":["a"],"properties":{"b":{"anyOf":[{"type":"integer"},{"type":"null"}],"title":"B"},"a":{"type":"array","items":{"type":"string","maxLength":9},"minItems":1}}}"#;
        assert_eq!(json_schema(raw).unwrap().as_str(), want);
        let null = r#"{"nullable":true,"type":"STRING","enum":["a"],"anyOf":[{"type":"STRING"}],
            "additionalProperties":{"type":"NUMBER"},"$defs":{"n":{"type":"BOOLEAN"}}}"#;
        let want = r##"{"type":["string","null"],"enum":["a",null],"anyOf":[{"type":"string"},{"type":"null"}],"additionalProperties":{"type":"number"},"$defs":{"n":{"type":"boolean"}}}"##;
        assert_eq!(json_schema(serde_json::from_str(null).unwrap()).unwrap().as_str(), want);
        for odd in [r#""x""#, r#"{"properties":[]}"#, r#"{"items":3}"#] {
            assert!(json_schema(serde_json::from_str(odd).unwrap()).is_none(), "{odd}");
        }
        let deep = r#"{"items":"#.repeat(60) + "{}" + &"}".repeat(60);
        assert!(json_schema(serde_json::from_str(&deep).unwrap()).is_none());
    }
}
