//! Readers over the spanned TOML tree. Each records what is wrong at the place where it stands and goes on, so that one
//! pass finds every fault. A reader that failed gives `None`; the caller puts any value in its place, because the
//! result is thrown away once a fault is on record.

use std::cell::RefCell;
use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{Fault, nearest};

/// The faults found so far in one text.
pub(super) struct Report<'t> {
    text: &'t str,
    faults: RefCell<Vec<(usize, Fault)>>,
}

impl<'t> Report<'t> {
    /// An empty report on a text.
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, faults: RefCell::default() }
    }

    /// Records a fault at a byte of the text.
    pub(super) fn add(&self, at: usize, key: &str, message: impl Into<String>) {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let fault = Fault {
            line: number(line),
            column: number(column),
            key: key.to_owned(),
            message: message.into(),
        };
        self.faults.borrow_mut().push((at, fault));
    }

    /// True while nothing is wrong.
    pub(super) fn is_clean(&self) -> bool {
        self.faults.borrow().is_empty()
    }

    /// All faults in the order of the text.
    pub(super) fn into_faults(self) -> Vec<Fault> {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(|(at, _)| *at);
        faults.dedup();
        faults.into_iter().map(|(_, fault)| fault).collect()
    }
}

/// A place that a check of several sections may point at later.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    /// Byte of the text.
    pub(super) at: usize,
    /// The key there.
    pub(super) key: String,
}

/// One value and the key that leads to it.
#[derive(Clone)]
pub(super) struct Node<'r> {
    report: &'r Report<'r>,
    value: &'r Spanned<DeValue<'r>>,
    key: String,
}

impl<'r> Node<'r> {
    /// Records a fault of this value.
    pub(super) fn fault(&self, message: impl Into<String>) {
        self.report.add(self.value.span().start, &self.key, message);
    }

    /// Where this value stands.
    pub(super) fn mark(&self) -> Mark {
        Mark { at: self.value.span().start, key: self.key.clone() }
    }

    /// Records that another type was expected.
    fn expected<T>(&self, what: &str) -> Option<T> {
        let found = self.value.get_ref().type_str();
        let article = if found.starts_with(['a', 'i']) { "an" } else { "a" };
        self.fault(format!("{what} is expected here, not {article} {found}"));
        None
    }

    /// A string.
    pub(super) fn text(&self) -> Option<&'r str> {
        self.value.get_ref().as_str().or_else(|| self.expected("a string"))
    }

    /// `true` or `false`.
    pub(super) fn flag(&self) -> Option<bool> {
        self.value.get_ref().as_bool().or_else(|| self.expected("true or false"))
    }

    /// A whole number within bounds.
    pub(super) fn integer(&self, bounds: RangeInclusive<u64>) -> Option<u64> {
        let Some(integer) = self.value.get_ref().as_integer() else { return self.expected("a whole number") };
        let value = u64::from_str_radix(integer.as_str(), integer.radix()).ok();
        let value = value.filter(|value| bounds.contains(value));
        if value.is_none() {
            self.fault(format!("{integer} is outside {} to {}", bounds.start(), bounds.end()));
        }
        value
    }

    /// A number within bounds, written with or without a decimal point.
    pub(super) fn number(&self, bounds: RangeInclusive<f64>) -> Option<f64> {
        let (written, value) = match self.value.get_ref() {
            DeValue::Float(float) => (float.to_string(), float.as_str().parse::<f64>().ok()),
            DeValue::Integer(integer) => (integer.to_string(), integer.as_str().parse::<f64>().ok()),
            DeValue::String(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => return self.expected("a number"),
        };
        let value = value.filter(|value| bounds.contains(value));
        if value.is_none() {
            self.fault(format!("{written} is outside {} to {}", bounds.start(), bounds.end()));
        }
        value
    }

    /// One word of a closed list.
    pub(super) fn choice<T: Copy>(&self, options: &[(&'static str, T)]) -> Option<T> {
        let word = self.text()?;
        let found = options.iter().find(|(known, _)| *known == word);
        if found.is_none() {
            let known: Vec<_> = options.iter().map(|(known, _)| *known).collect();
            self.fault(format!("`{word}` is not known; {}", suggestion(word, &known)));
        }
        found.map(|(_, value)| *value)
    }

    /// The elements of an array.
    pub(super) fn items(&self) -> Vec<Node<'r>> {
        let Some(array) = self.value.get_ref().as_array() else {
            return self.expected("an array").unwrap_or_default();
        };
        let element =
            |(position, value)| Node { report: self.report, value, key: format!("{}[{position}]", self.key) };
        array.iter().enumerate().map(element).collect()
    }

    /// The elements of an array of strings.
    pub(super) fn texts(&self) -> Vec<(Node<'r>, &'r str)> {
        self.items().into_iter().filter_map(|node| node.text().map(|text| (node, text))).collect()
    }

    /// The words of an array, each from a closed list and none twice.
    pub(super) fn choices<T: Copy + PartialEq>(&self, options: &[(&'static str, T)]) -> Vec<T> {
        let mut chosen = Vec::new();
        for node in self.items() {
            match node.choice(options) {
                Some(value) if chosen.contains(&value) => node.fault("stands here twice: once is enough"),
                Some(value) => chosen.push(value),
                None => {}
            }
        }
        chosen
    }

    /// True when this is a string: for values that may be short or long.
    pub(super) fn is_text(&self) -> bool {
        self.value.get_ref().is_str()
    }

    /// True when this is an array: for values that may be one or several.
    pub(super) fn is_array(&self) -> bool {
        self.value.get_ref().is_array()
    }

    /// True when this is a table.
    pub(super) fn is_table(&self) -> bool {
        self.value.get_ref().is_table()
    }

    /// A TOML date, as text.
    pub(super) fn date_text(&self) -> Option<String> {
        match self.value.get_ref().as_datetime() {
            Some(date) => Some(date.to_string()),
            None => self.text().map(str::to_owned),
        }
    }

    /// A table.
    pub(super) fn table(&self) -> Option<Table<'r>> {
        let Some(entries) = self.value.get_ref().as_table() else { return self.expected("a table") };
        Some(Table {
            report: self.report,
            entries,
            key: self.key.clone(),
            at: self.value.span().start,
            known: RefCell::default(),
        })
    }
}

/// A table that remembers which keys were asked for, so that the others can be refused.
pub(super) struct Table<'r> {
    report: &'r Report<'r>,
    entries: &'r DeTable<'r>,
    key: String,
    at: usize,
    known: RefCell<Vec<&'static str>>,
}

impl<'r> Table<'r> {
    /// The top of a document.
    pub(super) fn root(report: &'r Report<'r>, entries: &'r DeTable<'r>) -> Self {
        Self { report, entries, key: String::new(), at: 0, known: RefCell::default() }
    }

    /// Where this table begins, under one of its keys.
    pub(super) fn mark(&self, key: &str) -> Mark {
        Mark { at: self.at, key: self.path(key) }
    }

    /// The value of a key; from now on the key is a known one.
    pub(super) fn get(&self, key: &'static str) -> Option<Node<'r>> {
        self.known.borrow_mut().push(key);
        self.entries.get(key).map(|value| Node { report: self.report, value, key: self.path(key) })
    }

    /// The value of a key that must be there; `hint` says what to write.
    pub(super) fn need(&self, key: &'static str, hint: &str) -> Option<Node<'r>> {
        let node = self.get(key);
        if node.is_none() {
            self.missing(key, hint);
        }
        node
    }

    /// Records a fault at a place found earlier.
    pub(super) fn fault_at(&self, mark: &Mark, message: impl Into<String>) {
        self.report.add(mark.at, &mark.key, message);
    }

    /// Records that a key is missing.
    pub(super) fn missing(&self, key: &str, hint: &str) {
        self.report.add(self.at, &self.path(key), format!("is missing: {hint}"));
    }

    /// A whole number within bounds, or the default.
    pub(super) fn integer_or(&self, key: &'static str, default: u64, bounds: RangeInclusive<u64>) -> u64 {
        self.get(key).and_then(|node| node.integer(bounds)).unwrap_or(default)
    }

    /// A number within bounds, or the default.
    pub(super) fn number_or(&self, key: &'static str, default: f64, bounds: RangeInclusive<f64>) -> f64 {
        self.get(key).and_then(|node| node.number(bounds)).unwrap_or(default)
    }

    /// `true` or `false`, or the default.
    pub(super) fn flag_or(&self, key: &'static str, default: bool) -> bool {
        self.get(key).and_then(|node| node.flag()).unwrap_or(default)
    }

    /// One word of a closed list, or the default.
    pub(super) fn choice_or<T: Copy>(
        &self,
        key: &'static str,
        default: T,
        options: &[(&'static str, T)],
    ) -> T {
        self.get(key).and_then(|node| node.choice(options)).unwrap_or(default)
    }

    /// The tables of an array of tables; none when the key is absent.
    pub(super) fn tables(&self, key: &'static str) -> Vec<Table<'r>> {
        let Some(node) = self.get(key) else { return Vec::new() };
        if !node.is_array() {
            node.fault(format!("an array of tables is expected here: one [[{}]] per entry", self.path(key)));
            return Vec::new();
        }
        node.items().iter().filter_map(Node::table).collect()
    }

    /// All entries of a table whose keys are the user's own.
    pub(super) fn entries(&self) -> Vec<(&'r str, Node<'r>)> {
        let entry = |(key, value): (&'r Spanned<_>, _)| {
            let key: &'r str = AsRef::<str>::as_ref(Spanned::get_ref(key));
            (key, Node { report: self.report, value, key: self.path(key) })
        };
        self.entries.iter().map(entry).collect()
    }

    /// Refuses every key that nothing asked for.
    pub(super) fn refuse_others(&self) {
        let known = self.known.borrow();
        for (key, _) in self.entries {
            let word: &str = key.get_ref();
            if !known.contains(&word) {
                let message = format!("this key is not known here; {}", suggestion(word, &known));
                self.report.add(key.span().start, &self.path(word), message);
            }
        }
    }

    fn path(&self, key: &str) -> String {
        if self.key.is_empty() { key.to_owned() } else { format!("{}.{key}", self.key) }
    }
}

/// What may have been meant instead of a word.
pub(super) fn suggestion(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "none is declared".to_owned(),
        None => format!("known: {}", known.join(", ")),
    }
}
