//! What holding an answer against a schema may cost, told from the schema alone. A validator walks a schema as often as its
//! references lead somewhere, so a few lines that refer to each other can be more work than anybody waits for. Counted is the
//! schema as if every reference were written out, and those that come back to where they are only by going down into the answer
//! once: of those the validator remembers what it found.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// Deepest nesting, references followed.
const MAX_DEPTH: usize = 512;
/// Deepest nesting of what looks at one and the same value, references followed.
const MAX_AT_ONE_VALUE: usize = 64;
/// Most patterns.
const MAX_PATTERNS: usize = 256;
/// What a pattern costs for each letter, beside a look at a value.
const PATTERN: u64 = 100;
/// How often what is inside is looked at where the rest of a value is told by what is left over: once to check it, and to find out
/// what was looked at.
const LEFT_OVER: u64 = 3;

/// Those that look at the value itself.
const AT_ONCE: [&str; 4] = ["not", "if", "then", "else"];
const LISTS_AT_ONCE: [&str; 3] = ["allOf", "anyOf", "oneOf"];
const MAPS_AT_ONCE: [&str; 2] = ["dependentSchemas", "dependencies"];
/// Those that look at what is in it.
const WITHIN: [&str; 8] = [
    "items",
    "additionalItems",
    "contains",
    "additionalProperties",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contentSchema",
];
const LISTS_WITHIN: [&str; 2] = ["prefixItems", "items"];
const MAPS_WITHIN: [&str; 2] = ["properties", "patternProperties"];

/// How many looks at a value each letter of an answer costs at most; `None` for a schema that cannot be told: it refers to anything
/// but places in itself, or goes round in circles, or too deep.
pub(super) fn burden(schema: &Value) -> Option<u64> {
    let mut walk =
        Walk { root: schema, patterns: 0, written_out: HashMap::new(), at_one_value: HashMap::new() };
    let burden = walk.written_out(schema, 0)?;
    (walk.patterns <= MAX_PATTERNS).then_some(burden)
}

struct Walk<'s> {
    root: &'s Value,
    patterns: usize,
    /// What each schema comes to; `None`: it is being counted.
    written_out: HashMap<*const Value, Option<u64>>,
    /// How deep each goes at one value; `None`: it is being counted.
    at_one_value: HashMap<*const Value, Option<usize>>,
}

impl<'s> Walk<'s> {
    fn written_out(&mut self, schema: &'s Value, depth: usize) -> Option<u64> {
        let Some(members) = schema.as_object() else { return Some(1) };
        if let Some(known) = self.written_out.get(&std::ptr::from_ref(schema)) {
            return Some(known.unwrap_or(0));
        }
        if depth > MAX_DEPTH || (depth > 0 && is_named(members)) {
            return None;
        }
        self.written_out.insert(schema, None);
        self.at_one_value(schema, 0)?;
        let mut all = self.own(members);
        for inner in self.at_once(members)?.into_iter().chain(within(members)) {
            all = all.saturating_add(self.written_out(inner, depth + 1)?);
        }
        if members.contains_key("unevaluatedProperties") || members.contains_key("unevaluatedItems") {
            all = all.saturating_mul(LEFT_OVER);
        }
        self.written_out.insert(schema, Some(all));
        Some(all)
    }

    /// How deep it goes without going down into the value; `None` where that has no end.
    fn at_one_value(&mut self, schema: &'s Value, depth: usize) -> Option<usize> {
        let Some(members) = schema.as_object() else { return Some(0) };
        if let Some(known) = self.at_one_value.get(&std::ptr::from_ref(schema)) {
            return known.filter(|known| depth + known <= MAX_AT_ONE_VALUE);
        }
        if depth > MAX_AT_ONE_VALUE {
            return None;
        }
        self.at_one_value.insert(schema, None);
        let mut deepest = 0;
        for inner in self.at_once(members)? {
            deepest = deepest.max(1 + self.at_one_value(inner, depth + 1)?);
        }
        self.at_one_value.insert(schema, Some(deepest));
        Some(deepest)
    }

    /// What its own words cost.
    fn own(&mut self, members: &Map<String, Value>) -> u64 {
        let properties = members.get("patternProperties").and_then(Value::as_object).map_or(0, Map::len);
        let patterns = properties + usize::from(members.contains_key("pattern"));
        self.patterns += patterns;
        let listed = members.values().filter_map(Value::as_array).map(|list| list.len() as u64);
        listed.sum::<u64>() + members.len() as u64 + 1 + patterns as u64 * PATTERN
    }

    /// The schemas that look at the same value.
    fn at_once(&self, members: &'s Map<String, Value>) -> Option<Vec<&'s Value>> {
        if members.contains_key("$dynamicRef") || members.contains_key("$recursiveRef") {
            return None;
        }
        let mut found: Vec<&Value> = AT_ONCE.iter().filter_map(|key| members.get(*key)).collect();
        found.extend(lists(members, &LISTS_AT_ONCE).chain(maps(members, &MAPS_AT_ONCE)));
        if let Some(reference) = members.get("$ref") {
            found.push(self.place(reference.as_str()?)?);
        }
        Some(found)
    }

    /// The place in the schema that a reference means: `#/$defs/x`.
    fn place(&self, reference: &str) -> Option<&'s Value> {
        let pointer =
            percent_encoding::percent_decode_str(reference.strip_prefix('#')?).decode_utf8().ok()?;
        let ends = pointer.match_indices('/').map(|(at, _)| at).skip(1);
        // Behind a name of its own, references of the same words would mean other places.
        let renamed = |end: usize| {
            let passed = self.root.pointer(&pointer[..end]);
            passed.and_then(Value::as_object).is_some_and(is_named)
        };
        let mut ends = ends.into_iter();
        if ends.any(renamed) { None } else { self.root.pointer(&pointer) }
    }
}

/// The schemas that look at what is in a value.
fn within(members: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let single = WITHIN.iter().filter_map(|key| members.get(*key));
    single.chain(lists(members, &LISTS_WITHIN)).chain(maps(members, &MAPS_WITHIN))
}

fn lists<'s>(members: &'s Map<String, Value>, keys: &'static [&str]) -> impl Iterator<Item = &'s Value> {
    keys.iter().filter_map(|key| members.get(*key)?.as_array()).flatten()
}

fn maps<'s>(members: &'s Map<String, Value>, keys: &'static [&str]) -> impl Iterator<Item = &'s Value> {
    keys.iter().filter_map(|key| members.get(*key)?.as_object()).flat_map(Map::values)
}

/// Whether it has a name that references within it start from.
fn is_named(members: &Map<String, Value>) -> bool {
    ["$id", "id"].iter().any(|key| members.get(*key).is_some_and(Value::is_string))
}
