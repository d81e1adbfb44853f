//! `price`: one table, or a list of tables that take effect one after the other. No price means unpriced, never free.

use super::tree::{Node, Table};
use crate::catalog::{Price, PriceList};
use crate::types::{Day, PricePerMillion};

/// The prices of one model.
pub(super) fn read(node: &Node<'_>) -> PriceList {
    let nodes = if node.is_array() { node.items() } else { vec![node.clone()] };
    let mut prices: Vec<Price> = Vec::new();
    for node in nodes {
        let Some(price) = node.table().map(|table| read_price(&table)) else { continue };
        if prices.iter().any(|earlier| earlier.valid_from == price.valid_from) {
            node.fault("another price takes effect on the same day: give each its own `valid_from`");
        }
        prices.push(price);
    }
    PriceList::new(prices)
}

fn read_price(table: &Table<'_>) -> Price {
    let hint = "write USD per million tokens; 0 if it is free";
    let needed = |key| table.need(key, hint).and_then(|node| amount(&node)).unwrap_or_default();
    let optional = |key| table.get(key).and_then(|node| amount(&node));
    let price = Price {
        valid_from: table.get("valid_from").and_then(|node| day(&node)).unwrap_or_default(),
        input: needed("input"),
        output: needed("output"),
        cache_read: optional("cache_read"),
        cache_write_5m: optional("cache_write"),
        cache_write_1h: optional("cache_write_1h"),
        reasoning: optional("reasoning"),
        audio_input: optional("audio_input"),
        audio_output: optional("audio_output"),
        image_input: optional("image_input"),
    };
    table.refuse_others();
    price
}

/// Far above every published price; a larger number is a slip of the unit.
const DEAREST_USD: f64 = 100_000.0;

fn amount(node: &Node<'_>) -> Option<PricePerMillion> {
    PricePerMillion::from_usd(node.number(0.0..=DEAREST_USD)?)
}

fn day(node: &Node<'_>) -> Option<Day> {
    let text = node.date_text()?;
    let day = text.parse::<jiff::civil::Date>().ok().and_then(|date| {
        let epoch = jiff::civil::Date::constant(1970, 1, 1);
        epoch.until((jiff::Unit::Day, date)).ok().map(|span| Day(span.get_days()))
    });
    if day.is_none() || text.len() != "2026-01-01".len() {
        node.fault(format!("`{text}` is not a day: write it as \"2026-01-31\""));
    }
    day
}
