//! What holding an answer against a schema may cost, told from the schema alone. A validator walks a schema as often as its
//! references lead somewhere, so a few lines that refer to each other can be more work than anybody waits for. Counted is the
//! schema as if every reference were written out, up to those that come back to where they are, by every way that leads there:
//! which of them the validator remembers depends on where it begins. What is left over of a value (`unevaluatedProperties`) it
//! builds out of copies of whatever looks at that value, which is counted too. All of that is bounded before anything is compiled.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

/// Most that is compiled. What is usual is far below: two hundred fields come to two thousand.
const MAX_BURDEN: u64 = 1 << 16;
/// Most that is copied to tell what is left over: the library takes the square of it in time.
const MAX_LEFT_OVER: u64 = 1 << 14;
/// Deepest nesting, references followed.
const MAX_DEPTH: usize = 512;
/// Deepest nesting of what looks at one and the same value, references followed: a text may go down a hundred times as deep, and the
/// validator goes down with both. That takes a quarter of a thread's stack at most.
pub(super) const MAX_AT_ONE_VALUE: usize = 32;
/// Most patterns.
const MAX_PATTERNS: usize = 256;
/// What a pattern costs for each letter, beside a look at a value.
const PATTERN: u64 = 100;

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

/// How many looks at a value each letter of an answer costs at most; `None` for a schema that is not to be compiled: what it costs
/// cannot be told, because it refers to anything but places in itself, or goes round in circles or too deep, or it costs too much.
pub(super) fn burden(schema: &Value) -> Option<u64> {
    let mut walk = Walk {
        root: schema,
        rest: MAX_BURDEN,
        rest_left_over: MAX_LEFT_OVER,
        patterns: 0,
        met: HashSet::new(),
        way: HashSet::new(),
        places: HashMap::new(),
        at_one_value: HashMap::new(),
        made: HashMap::new(),
    };
    walk.write_out(schema, (1, 0))?;
    (walk.patterns <= MAX_PATTERNS).then_some(MAX_BURDEN - walk.rest)
}

struct Walk<'s> {
    root: &'s Value,
    /// What may still be spent.
    rest: u64,
    rest_left_over: u64,
    patterns: usize,
    met: HashSet<*const Value>,
    /// The schemas that lead to the one that is looked at.
    way: HashSet<*const Value>,
    /// What the reference of each means.
    places: HashMap<*const Value, &'s Value>,
    /// How deep each goes at one value; `None`: it is being counted.
    at_one_value: HashMap<*const Value, Option<usize>>,
    /// What each comes to where the validator makes it anew; `None`: it is being counted.
    made: HashMap<(*const Value, Made), Option<u64>>,
}

/// What is made of a schema.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Made {
    /// All of it; what it refers to is there already.
    Whole,
    /// What tells which part of a value it looks at; what it refers to is made again.
    LeftOver,
}

impl<'s> Walk<'s> {
    fn write_out(&mut self, schema: &'s Value, (times, depth): (u64, usize)) -> Option<()> {
        let Some(members) = schema.as_object().filter(|_| !self.way.contains(&std::ptr::from_ref(schema)))
        else {
            return spend(&mut self.rest, times);
        };
        if depth > MAX_DEPTH || (depth > 0 && is_named(members)) {
            return None;
        }
        let deepest = self.at_one_value(schema, 0)?;
        if self.met.insert(schema) {
            self.patterns += patterns(members);
            if leaves_over(members) {
                // Each of the two keywords makes its own.
                let made = self.made(schema, (Made::LeftOver, 0))?;
                spend(&mut self.rest_left_over, made.saturating_mul(2))?;
            }
        }
        spend(&mut self.rest, times.saturating_mul(own(members)))?;
        // What tells what was looked at looks again, at each depth at whatever is below it.
        let again = if leaves_over(members) { 2 + deepest as u64 } else { 1 };
        let inside = times.saturating_mul(again);
        self.way.insert(schema);
        let refers = self.refers(schema, members)?;
        for inner in at_once(members).chain(refers).chain(elements(members)) {
            self.write_out(inner, (inside, depth + 1))?;
        }
        // Of these it goes by the names.
        for inner in maps(members, &MAPS_WITHIN) {
            self.write_out(inner, (times, depth + 1))?;
        }
        self.way.remove(&std::ptr::from_ref(schema));
        Some(())
    }

    /// What it comes to where it is made anew; `None` where that has no end.
    fn made(&mut self, schema: &'s Value, (made, depth): (Made, usize)) -> Option<u64> {
        let Some(members) = schema.as_object() else { return Some(1) };
        let key = (std::ptr::from_ref(schema), made);
        if let Some(known) = self.made.get(&key) {
            return *known;
        }
        if depth > MAX_DEPTH {
            return None;
        }
        self.made.insert(key, None);
        let mut all = own(members);
        let mut add = |walk: &mut Self, inner, made| {
            all = all.saturating_add(walk.made(inner, (made, depth + 1))?);
            Some(())
        };
        for inner in at_once(members).chain(elements(members)).chain(maps(members, &MAPS_WITHIN)) {
            add(self, inner, Made::Whole)?;
        }
        match made {
            Made::Whole if leaves_over(members) => add(self, schema, Made::LeftOver)?,
            Made::Whole => {}
            Made::LeftOver => {
                for inner in at_once(members).chain(self.refers(schema, members)?) {
                    add(self, inner, Made::LeftOver)?;
                }
            }
        }
        self.made.insert(key, Some(all));
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
        for inner in at_once(members).chain(self.refers(schema, members)?) {
            deepest = deepest.max(1 + self.at_one_value(inner, depth + 1)?);
        }
        self.at_one_value.insert(schema, Some(deepest));
        Some(deepest)
    }

    /// What it refers to, where it refers to anything; `None` where that cannot be followed.
    fn refers(&mut self, schema: &'s Value, members: &'s Map<String, Value>) -> Option<Option<&'s Value>> {
        if members.contains_key("$dynamicRef") || members.contains_key("$recursiveRef") {
            return None;
        }
        let Some(reference) = members.get("$ref") else { return Some(None) };
        if let Some(place) = self.places.get(&std::ptr::from_ref(schema)) {
            return Some(Some(place));
        }
        let place = self.place(reference.as_str()?)?;
        self.places.insert(schema, place);
        Some(Some(place))
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

/// Takes it from what is left to spend; `None` where that is too little.
fn spend(rest: &mut u64, cost: u64) -> Option<()> {
    *rest = rest.checked_sub(cost)?;
    Some(())
}

/// What its own words cost.
fn own(members: &Map<String, Value>) -> u64 {
    let listed = members.values().filter_map(Value::as_array).map(|list| list.len() as u64);
    listed.sum::<u64>() + members.len() as u64 + 1 + patterns(members) as u64 * PATTERN
}

fn patterns(members: &Map<String, Value>) -> usize {
    let properties = members.get("patternProperties").and_then(Value::as_object).map_or(0, Map::len);
    properties + usize::from(members.contains_key("pattern"))
}

/// Whether it says something of what nothing else has looked at.
fn leaves_over(members: &Map<String, Value>) -> bool {
    members.contains_key("unevaluatedProperties") || members.contains_key("unevaluatedItems")
}

/// The schemas within it that look at the same value.
fn at_once(members: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let single = AT_ONCE.iter().filter_map(|key| members.get(*key));
    single.chain(lists(members, &LISTS_AT_ONCE)).chain(maps(members, &MAPS_AT_ONCE))
}

/// The schemas that look at what is in a value, but for those of its members by their names.
fn elements(members: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    WITHIN.iter().filter_map(|key| members.get(*key)).chain(lists(members, &LISTS_WITHIN))
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
