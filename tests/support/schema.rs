//! JSON Schema, as far as the schemas in `tests/fixtures/schemas` need it. A keyword that is not known here is a panic, so that
//! nothing is ever left unchecked in silence.

use regex::Regex;
use saphyr::{Scalar, Yaml};
use serde_json::{Map, Value};

/// A schema and its definitions.
pub struct Schema(Value);

impl Schema {
    /// From its text.
    pub fn parse(text: &str) -> Self {
        Self(serde_json::from_str(text).unwrap())
    }

    /// What is wrong with a value, each with its place; nothing when it is right.
    pub fn faults(&self, value: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        self.check(&self.0, value, "", &mut faults);
        faults
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        let Some(rules) = schema.as_object() else {
            if *schema == Value::Bool(false) {
                faults.push(format!("{at}: nothing may stand here"));
            }
            return;
        };
        for (rule, wanted) in rules {
            let fault = match rule.as_str() {
                "$schema" | "$defs" => None,
                "$ref" => {
                    let name = wanted.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                    self.check(&self.0["$defs"][name], value, at, faults);
                    None
                }
                "type" => {
                    let is_one = match wanted {
                        Value::Array(kinds) => kinds.iter().any(|kind| is_of(value, kind)),
                        kind => is_of(value, kind),
                    };
                    (!is_one).then(|| format!("{value} is not of type {wanted}"))
                }
                "enum" => (!wanted.as_array().unwrap().contains(value))
                    .then(|| format!("{value} is none of {wanted}")),
                "pattern" => pattern(wanted, value),
                "minimum" => beyond(value, |number| number < wanted.as_f64().unwrap()),
                "maximum" => beyond(value, |number| number > wanted.as_f64().unwrap()),
                "uniqueItems" => {
                    (*wanted == Value::Bool(true) && has_twins(value)).then(|| "an item twice".to_owned())
                }
                "required" => self.missing(wanted, value),
                "items" => {
                    for (place, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(wanted, item, &format!("{at}[{place}]"), faults);
                    }
                    None
                }
                "properties" => {
                    self.each_member(rules, value, at, faults);
                    None
                }
                "patternProperties" | "additionalProperties" => {
                    if !rules.contains_key("properties") && self.speaks_for_members(rules, rule) {
                        self.each_member(rules, value, at, faults);
                    }
                    None
                }
                "oneOf" | "anyOf" => self.none_fits(wanted, value, at),
                other => panic!("the keyword `{other}` is not known here"),
            };
            faults.extend(fault.map(|fault| format!("{at}: {fault}")));
        }
    }

    /// Without `properties` either of the other two speaks for the members, but not both.
    fn speaks_for_members(&self, rules: &Map<String, Value>, rule: &str) -> bool {
        rule == "patternProperties" || !rules.contains_key("patternProperties")
    }

    fn each_member(&self, rules: &Map<String, Value>, value: &Value, at: &str, faults: &mut Vec<String>) {
        for (key, member) in value.as_object().into_iter().flatten() {
            let at = format!("{at}.{key}");
            let named = rules.get("properties").and_then(|known| known.get(key));
            let patterns = rules.get("patternProperties").and_then(Value::as_object);
            let alike = patterns
                .into_iter()
                .flatten()
                .filter(|(pattern, _)| Regex::new(pattern).unwrap().is_match(key));
            let known: Vec<&Value> = named.into_iter().chain(alike.map(|(_, schema)| schema)).collect();
            match (known.is_empty(), rules.get("additionalProperties")) {
                (false, _) => known.into_iter().for_each(|schema| self.check(schema, member, &at, faults)),
                (true, Some(Value::Bool(false))) => faults.push(format!("{at}: there is no such key")),
                (true, Some(schema)) => self.check(schema, member, &at, faults),
                (true, None) => {}
            }
        }
    }

    fn missing(&self, wanted: &Value, value: &Value) -> Option<String> {
        let members = value.as_object()?;
        let missing =
            wanted.as_array().unwrap().iter().find(|key| !members.contains_key(key.as_str().unwrap()))?;
        Some(format!("{missing} is missing"))
    }

    /// Several forms: the faults of the one that comes closest, when none fits.
    fn none_fits(&self, forms: &Value, value: &Value, at: &str) -> Option<String> {
        let faults_of = |form| {
            let mut faults = Vec::new();
            self.check(form, value, at, &mut faults);
            faults
        };
        let all: Vec<Vec<String>> = forms.as_array().unwrap().iter().map(faults_of).collect();
        if all.iter().any(Vec::is_empty) {
            return None;
        }
        // A form of another type altogether says nothing of what was meant.
        let closest = all
            .into_iter()
            .min_by_key(|faults| faults.iter().any(|fault| fault.contains("is not of type")))?;
        Some(format!("fits none of its forms: {}", closest.join("; ")))
    }
}

fn is_of(value: &Value, kind: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("the type `{other}` is not known here"),
    }
}

fn pattern(wanted: &Value, value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let fits = Regex::new(wanted.as_str().unwrap()).unwrap().is_match(text);
    (!fits).then(|| format!("`{text}` is not written as {wanted}"))
}

fn beyond(value: &Value, is_beyond: impl Fn(f64) -> bool) -> Option<String> {
    value.as_f64().filter(|number| is_beyond(*number)).map(|number| format!("{number} is out of bounds"))
}

fn has_twins(value: &Value) -> bool {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().enumerate().any(|(place, item)| items[..place].contains(item))
}

/// The same content as JSON.
pub fn json(node: &Yaml<'_>) -> Value {
    match node {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => (*value).into(),
        Yaml::Value(Scalar::Integer(value)) => (*value).into(),
        Yaml::Value(Scalar::FloatingPoint(value)) => value.into_inner().into(),
        Yaml::Value(Scalar::String(value)) => value.as_ref().into(),
        Yaml::Sequence(items) => items.iter().map(json).collect(),
        Yaml::Mapping(members) => {
            let member =
                |(key, value): (&Yaml<'_>, &Yaml<'_>)| (key.as_str().unwrap().to_owned(), json(value));
            Value::Object(members.iter().map(member).collect())
        }
        other => panic!("{other:?} has no counterpart in JSON"),
    }
}
