//! New prices into the text of a configuration: the values of the changed prices and no byte beside them.

use toml_edit::{Array, DocumentMut, InlineTable, Item, TableLike, Value};

use super::amount;
use super::bucket::{Bucket, Prices};
use super::compare::Change;

/// A price to write.
#[derive(Debug)]
pub(super) struct Edit<'r> {
    /// The model's id.
    pub(super) model: &'r str,
    /// The buckets that change; none when only the day does.
    pub(super) changes: &'r [Change],
    /// The whole new price, for where a new table is needed.
    pub(super) new: &'r Prices,
}

/// The day from which prices hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Since<'d> {
    /// As 2026-01-31.
    pub(super) day: &'d str,
    /// Whether it is still to come, so that the old price must stay until then.
    pub(super) is_ahead: bool,
}

/// The text with the new prices in it.
pub(super) fn into_text(text: &str, edits: &[Edit<'_>], from: Since<'_>) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error| format!("{error}"))?;
    let models = document.get_mut("models").ok_or("the configuration has no [[models]]")?;
    for edit in edits {
        let table = find(models, edit.model).ok_or_else(|| format!("there is no model `{}`", edit.model))?;
        match table.get_mut("price") {
            None => {
                table.insert("price", Item::Value(Value::InlineTable(whole(edit.new, from.day)?)));
            }
            Some(price) => change(price, edit, from)
                .map_err(|fault| format!("the price of model `{}`: {fault}", edit.model))?,
        }
    }
    Ok(document.to_string())
}

/// The table of a model, in either way to write a list of tables.
fn find<'d>(models: &'d mut Item, id: &str) -> Option<&'d mut dyn TableLike> {
    let is_it = |table: &dyn TableLike| table.get("id").and_then(Item::as_str) == Some(id);
    match models {
        Item::ArrayOfTables(tables) => {
            tables.iter_mut().find(|table| is_it(*table)).map(|table| table as &mut dyn TableLike)
        }
        Item::Value(Value::Array(array)) => array
            .iter_mut()
            .filter_map(Value::as_inline_table_mut)
            .find(|table| is_it(*table))
            .map(|table| table as &mut dyn TableLike),
        Item::None | Item::Value(_) | Item::Table(_) => None,
    }
}

fn change(price: &mut Item, edit: &Edit<'_>, from: Since<'_>) -> Result<(), String> {
    if let Some(table) = price.as_table_like_mut() {
        let stands_still = table.get("valid_from").and_then(day_of).as_deref() == Some(from.day);
        if !from.is_ahead || stands_still {
            return into_table(table, edit, from.day);
        }
        let Item::Value(Value::InlineTable(old)) = price else {
            return Err(
                "write it as a list of tables first: a later price must not replace today's".to_owned()
            );
        };
        let decor = old.decor().clone();
        old.decor_mut().clear();
        let mut both: Array = [Value::InlineTable(old.clone())].into_iter().collect();
        both.push(whole(edit.new, from.day)?);
        *both.decor_mut() = decor;
        *price = Item::Value(Value::Array(both));
        return Ok(());
    }
    let same_day =
        |table: &dyn TableLike| table.get("valid_from").and_then(day_of).as_deref() == Some(from.day);
    match price {
        Item::ArrayOfTables(tables) => {
            let at = tables.iter().position(|table| same_day(table));
            match at.and_then(|at| tables.get_mut(at)) {
                Some(table) => into_table(table, edit, from.day)?,
                None => tables.push(whole(edit.new, from.day)?.into_table()),
            }
            Ok(())
        }
        Item::Value(Value::Array(array)) => {
            let is_it = |value: &Value| value.as_inline_table().is_some_and(|table| same_day(table));
            let at = array.iter().position(is_it);
            match at.and_then(|at| array.get_mut(at)).and_then(Value::as_inline_table_mut) {
                Some(table) => into_table(table, edit, from.day),
                None => push(array, whole(edit.new, from.day)?),
            }
        }
        Item::None | Item::Value(_) | Item::Table(_) => Err("it is no table".to_owned()),
    }
}

/// One more table at the end, with as much space before it as the last one has.
fn push(array: &mut Array, table: InlineTable) -> Result<(), String> {
    let before = array.iter().last().and_then(|last| last.decor().prefix()?.as_str()).unwrap_or(" ");
    // Space only: a comment belongs to the table it stands before.
    let before: String = before.rsplit('\n').next().map_or_else(String::new, |indent| {
        let newline = if before.contains('\n') { "\n" } else { "" };
        format!("{newline}{}", indent.chars().take_while(|c| c.is_whitespace()).collect::<String>())
    });
    array.push_formatted(Value::InlineTable(table).decorated(before, ""));
    Ok(())
}

fn into_table(table: &mut dyn TableLike, edit: &Edit<'_>, day: &str) -> Result<(), String> {
    for change in edit.changes {
        set(table, change.bucket.key(), number(change.bucket, edit.new)?);
    }
    set(table, "valid_from", Value::from(day));
    Ok(())
}

/// Replaces a value and leaves the space and the comments around it, or adds it at the end.
fn set(table: &mut dyn TableLike, key: &str, mut value: Value) {
    if let Some(Item::Value(old)) = table.get_mut(key) {
        *value.decor_mut() = old.decor().clone();
        *old = value;
        return;
    }
    // The space before the closing brace belongs to the last value: it moves on to the new one.
    let last = table.iter().last().map(|(key, _)| key.to_owned());
    if let Some(Item::Value(last)) = last.and_then(|last| table.get_mut(&last))
        && let Some(space) = last.decor().suffix().and_then(|suffix| suffix.as_str()).map(str::to_owned)
        && space.chars().all(|c| c == ' ')
    {
        last.decor_mut().set_suffix("");
        value = value.decorated(" ", space);
    }
    table.insert(key, Item::Value(value));
}

/// A whole price as a table of its own.
fn whole(prices: &Prices, day: &str) -> Result<InlineTable, String> {
    let mut table = InlineTable::new();
    for bucket in prices.keys() {
        table.insert(bucket.key(), number(*bucket, prices)?);
    }
    table.insert("valid_from", Value::from(day));
    table.fmt();
    Ok(table)
}

/// The price of a bucket as the exact text of its digits.
fn number(bucket: Bucket, prices: &Prices) -> Result<Value, String> {
    let price = prices.get(&bucket).ok_or_else(|| format!("{} has no price", bucket.key()))?;
    amount::text(*price).parse().map_err(|error| format!("{}: {error}", bucket.key()))
}

/// A day, in either way to write one.
fn day_of(item: &Item) -> Option<String> {
    let date = item.as_datetime().map(ToString::to_string);
    date.or_else(|| item.as_str().map(str::to_owned))
}
