//! Lists of every format against a small configuration, and what is written into its text.

use super::compare::{self, Outcome, Row};
use super::list::{Format, List};
use super::write::{Edit, Since, into_text};
use super::{compare::input_output, day_of};
use crate::config::{SecretSource, from_text};
use crate::types::Day;

const LITELLM: &str = include_str!("../../../tests/fixtures/prices/litellm.json");
const MODELS_DEV: &str = include_str!("../../../tests/fixtures/prices/models-dev.json");
const GENAI: &str = include_str!("../../../tests/fixtures/prices/genai-prices.json");
const TODAY: &str = "2026-11-26";
const CONTEXT: u32 = 200_000;

const HEAD: &str = "[server]\nlisten = [\"127.0.0.1:0\"]\n\
    [[providers]]\nid = \"openai\"\ndialect = \"openai\"\nbase_url = \"https://api.openai.com/v1\"\ncredential = \"env:K\"\n\
    [[providers]]\nid = \"anthropic\"\ndialect = \"anthropic\"\nbase_url = \"https://api.anthropic.com\"\ncredential = \"env:K\"\n\
    [[providers]]\nid = \"azure\"\ndialect = \"openai\"\nbase_url = \"https://example.com/v1\"\ncredential = \"env:K\"\n\
    [[providers]]\nid = \"openrouter\"\ndialect = \"openai\"\nbase_url = \"https://openrouter.ai/api/v1\"\ncredential = \"env:K\"\n";

fn config(provider: &str, name: &str, price: &str, context: u32) -> String {
    format!(
        "{HEAD}[[models]]\nid = \"m\"\ntier = \"edge\"\ncontext_tokens = {context}\nmax_output_tokens = 100\n{price}\n\
         deployments = [{{ provider = \"{provider}\", upstream_name = \"{name}\" }}]\n"
    )
}

fn rows(list: &str, config: &str) -> Vec<Row> {
    let settings = from_text(config, "", SecretSource::Dummy).unwrap_or_else(|faults| panic!("{faults}"));
    let list = List::read(list).unwrap();
    let (day, text) = day_of(Some(TODAY.parse().unwrap()), Day(0)).unwrap();
    compare::all(&settings.snapshot, &list, day, &text)
}

fn row(list: &str, (provider, name): (&str, &str), price: &str) -> Row {
    rows(list, &config(provider, name, price, CONTEXT)).swap_remove(0)
}

fn changes(row: &Row) -> Vec<String> {
    row.changes
        .iter()
        .map(|change| format!("{} {}", change.bucket.key(), super::amount::text(change.new)))
        .collect()
}

#[test]
fn formats_are_recognised_by_their_shape() {
    for (text, format) in
        [(LITELLM, Format::LiteLlm), (MODELS_DEV, Format::ModelsDev), (GENAI, Format::GenaiPrices)]
    {
        assert_eq!(List::read(text).unwrap().format, format);
    }
    for other in ["{}", "[]", "3", "[1]", "{\"a\": 1}", "{\"a\": {\"b\": 1}}", "[{\"id\": \"x\"}]"] {
        assert!(List::read(other).unwrap_err().contains("known here"), "{other}");
    }
    assert!(List::read("{\"a\": ").unwrap_err().contains("not JSON"));
}

#[test]
fn an_entry_is_found_by_the_names_its_provider_gives_it() {
    for (list, provider, name, entry, price) in [
        (LITELLM, "openai", "gpt-4.1", "openai/gpt-4.1", "2.00 / 8.00"),
        (LITELLM, "azure", "gpt-4.1-mini", "azure/gpt-4.1-mini", "0.44 / 1.76"),
        (LITELLM, "azure", "gpt-4.1", "openai/gpt-4.1", "2.00 / 8.00"),
        (
            LITELLM,
            "openrouter",
            "example-lab/example-writer",
            "openrouter/example-lab/example-writer",
            "0.073125 / 0.25",
        ),
        (LITELLM, "anthropic", "claude-haiku-4-5", "anthropic/claude-haiku-4-5", "1.00 / 5.00"),
        (MODELS_DEV, "openai", "gpt-4.1-mini", "openai/gpt-4.1-mini", "0.40 / 1.60"),
        (MODELS_DEV, "anthropic", "claude-haiku-4-5", "anthropic/claude-haiku-4-5", "1.00 / 5.00"),
        (GENAI, "openai", "gpt-4.1-2025-04-14", "openai/gpt-4.1", "2.00 / 8.00"),
        (GENAI, "anthropic", "claude-haiku-4-5-20251001", "anthropic/claude-haiku-4-5", "1.00 / 5.00"),
        (GENAI, "openai", "example-dated", "openai/example-dated", "2.00 / 6.00"),
    ] {
        let row = row(list, (provider, name), "");
        assert_eq!(row.outcome, Outcome::Changed, "{name}");
        assert_eq!((row.entry.as_deref(), input_output(&row.new).as_str()), (Some(entry), price), "{name}");
        assert_eq!(input_output(&row.old), "unpriced");
    }
}

#[test]
fn only_what_costs_something_else_changes() {
    let whole = "price = { input = 1, output = 5, cache_read = 0.1, cache_write = 1.25, cache_write_1h = 2 }";
    for list in [LITELLM, MODELS_DEV, GENAI] {
        let row = row(list, ("anthropic", "claude-haiku-4-5"), whole);
        assert_eq!((row.outcome, row.changes.len()), (Outcome::Same, 0));
    }
    let part = "price = { input = 1, output = 4, cache_write = 1.0, reasoning = 9 }";
    let row = row(LITELLM, ("anthropic", "claude-haiku-4-5"), part);
    assert_eq!(changes(&row), ["output 5.00", "cache_read 0.10", "cache_write 1.25", "cache_write_1h 2.00"]);
    assert!(row.notes.iter().any(|note| note.starts_with("reasoning 9.00 kept")), "{:?}", row.notes);
    let noisy = "price = { input = 0.4, output = 1.6, cache_read = 0.1 }";
    let row = self::row(LITELLM, ("openai", "gpt-4.1-mini"), noisy);
    assert_eq!(row.outcome, Outcome::Same);
    assert!(row.notes[0].contains("1.0000000000000001e-07 rounded"), "{:?}", row.notes);
    let row =
        self::row(MODELS_DEV, ("openai", "gpt-4.1"), "price = { input = 2, output = 8, cache_read = 0.5 }");
    assert_eq!(row.outcome, Outcome::Same, "a cache write of 0 is nothing known");
}

#[test]
fn what_is_not_known_is_never_a_price() {
    let not_found = |list, name, part: &str| {
        let row = row(list, ("openai", name), "");
        assert!(matches!(&row.outcome, Outcome::NotFound(why) if why.contains(part)), "{:?}", row.outcome);
        assert!(row.new.is_empty() && row.changes.is_empty());
    };
    not_found(LITELLM, "nobody-knows", "the list has no `nobody-knows`");
    not_found(LITELLM, "sample_spec", "the list has no");
    not_found(LITELLM, "example-half-known", "no output price");
    not_found(LITELLM, "example-image", "no input price");
    not_found(MODELS_DEV, "example-unpriced", "no input price");
    let free = row(LITELLM, ("openai", "example-free"), "");
    assert!(matches!(&free.outcome, Outcome::NotTaken(why) if why.contains("free or unknown")), "{free:?}");
    let free = row(LITELLM, ("openai", "example-free"), "price = { input = 0, output = 0 }");
    assert_eq!(free.outcome, Outcome::Same);
    let own = config("openai", "gpt-4.1", "", CONTEXT)
        .replace("upstream_name", "endpoints = [\"a:1\"], upstream_name");
    assert!(matches!(&rows(LITELLM, &own)[0].outcome, Outcome::NotFound(why) if why.contains("self-hosted")));
}

#[test]
fn a_price_with_conditions_is_named_and_not_taken() {
    for (list, provider, name, words) in [
        (LITELLM, "anthropic", "claude-sonnet-4-5", "above 200000 input tokens"),
        (LITELLM, "openai", "dashscope/example-ranges", "above 256000 input tokens"),
        (MODELS_DEV, "anthropic", "claude-sonnet-4-5", "above 200000 input tokens"),
        (MODELS_DEV, "openai", "example-tiers", "above 272000 input tokens"),
        (GENAI, "anthropic", "claude-sonnet-4-5", "above 200000 input tokens"),
        (GENAI, "openai", "example-by-hours", "from 16:30:00Z to 00:30:00Z"),
    ] {
        let wide = rows(list, &config(provider, name, "", 1_000_000)).swap_remove(0);
        let taken =
            matches!(&wide.outcome, Outcome::NotTaken(why) if why.contains(words) && why.contains(" / "));
        assert!(taken && wide.new.is_empty(), "{name}: {:?}", wide.outcome);
    }
    // A window that no request above the threshold fits into makes the flat price the only one.
    let narrow = row(LITELLM, ("anthropic", "claude-sonnet-4-5"), "");
    assert_eq!((narrow.outcome, input_output(&narrow.new).as_str()), (Outcome::Changed, "3.00 / 15.00"));
    assert!(narrow.notes[0].contains("above 200000 input tokens"), "{:?}", narrow.notes);
    let hours = row(GENAI, ("openai", "example-by-hours"), "");
    assert!(matches!(hours.outcome, Outcome::NotTaken(_)));
}

#[test]
fn several_prices_are_named_instead_of_chosen_among() {
    let row = row(MODELS_DEV, ("openai", "example-shared"), "");
    let Outcome::NotTaken(why) = &row.outcome else { panic!("{:?}", row.outcome) };
    assert!(why.contains("`example-reseller/example-shared`") && why.contains("other-reseller"), "{why}");
    let two = config("openai", "gpt-4.1-mini", "", CONTEXT).replace(
        "deployments = [",
        "deployments = [{ provider = \"azure\", upstream_name = \"gpt-4.1-mini\" }, ",
    );
    let row = rows(LITELLM, &two).swap_remove(0);
    assert!(matches!(&row.outcome, Outcome::NotTaken(why) if why.contains("azure/gpt-4.1-mini")), "{row:?}");
    assert_eq!(row.upstream_names, ["gpt-4.1-mini"]);
    assert_eq!(rows(GENAI, &two)[0].outcome, Outcome::Changed, "both deployments have the same price there");
}

/// What a price of a model looks like after the list's is written over it.
fn check_written(price: &str, from: Since<'_>, expected: &str) {
    let text = config("openai", "gpt-4.1", price, CONTEXT);
    let rows = rows(LITELLM, &text);
    assert_eq!(rows[0].outcome, Outcome::Changed, "{price}");
    let edit = Edit { model: "m", changes: &rows[0].changes, new: &rows[0].new };
    let written = into_text(&text, &[edit], from).unwrap();
    if price.is_empty() {
        assert!(written.contains(expected), "{written}");
    } else {
        assert_eq!(written, text.replace(price, expected), "{price}");
    }
    let again = self::rows(LITELLM, &written).swap_remove(0);
    assert!(again.outcome == Outcome::Same || from.is_ahead, "{again:?}");
}

#[test]
fn new_prices_leave_everything_around_them_as_it_was() {
    let now = Since { day: TODAY, is_ahead: false };
    check_written(
        "price = { input = 2.50, output = 8.00, cache_read = 0.50, valid_from = \"2025-04-14\" } # see the page",
        now,
        "price = { input = 2.00, output = 8.00, cache_read = 0.50, valid_from = \"2026-11-26\" } # see the page",
    );
    check_written(
        "price = { input = 2.5, output=9 }",
        now,
        "price = { input = 2.00, output=8.00, cache_read = 0.50, valid_from = \"2026-11-26\" }",
    );
    check_written(
        "",
        now,
        "price = { input = 2.00, output = 8.00, cache_read = 0.50, valid_from = \"2026-11-26\" }",
    );
    check_written(
        "price.input = 2.5 # a comment\nprice.output = 8",
        now,
        "price.input = 2.00 # a comment\nprice.output = 8\nprice.cache_read = 0.50\nprice.valid_from = \"2026-11-26\"",
    );
    check_written(
        "price = [\n    { input = 9, output = 9 }, # before\n    { input = 3, output = 8, valid_from = 2025-04-14 },\n]",
        now,
        "price = [\n    { input = 9, output = 9 }, # before\n    { input = 3, output = 8, valid_from = 2025-04-14 },\n    \
         { input = 2.00, output = 8.00, cache_read = 0.50, valid_from = \"2026-11-26\" },\n]",
    );
    check_written(
        "price = [{ input = 3, output = 8, valid_from = \"2026-11-26\" }]",
        now,
        "price = [{ input = 2.00, output = 8, valid_from = \"2026-11-26\", cache_read = 0.50 }]",
    );
}

#[test]
fn a_price_that_is_still_to_come_leaves_todays() {
    check_written(
        "price = { input = 2.5, output = 8 } # today's",
        Since { day: "2027-01-01", is_ahead: true },
        "price = [{ input = 2.5, output = 8 }, { input = 2.00, output = 8.00, cache_read = 0.50, \
         valid_from = \"2027-01-01\" }] # today's",
    );
}

#[test]
fn every_way_to_write_a_price_is_found() {
    let now = Since { day: TODAY, is_ahead: false };
    let ahead = Since { day: "2027-01-01", is_ahead: true };
    let table = |price: &str| {
        format!(
            "{}\n{price}",
            config("openai", "gpt-4.1", "", CONTEXT).replace("\n\ndeployments", "\ndeployments")
        )
    };
    let written = |text: &str, since| {
        let rows = rows(LITELLM, text);
        let edit = Edit { model: "m", changes: &rows[0].changes, new: &rows[0].new };
        into_text(text, &[edit], since)
    };
    let own = table("[models.price]\n# ours\ninput = 3.0 # dear\noutput = 8\n");
    let expected = table(
        "[models.price]\n# ours\ninput = 2.00 # dear\noutput = 8\ncache_read = 0.50\nvalid_from = \"2026-11-26\"\n",
    );
    assert_eq!(written(&own, now), Ok(expected));
    assert!(written(&own, ahead).unwrap_err().contains("list of tables first"));
    let several = table("[[models.price]]\ninput = 3.0\noutput = 8 # old\n");
    let text = written(&several, now).unwrap();
    assert!(
        text.starts_with(&several) && text[several.len()..].starts_with("\n[[models.price]]\ninput = 2.00"),
        "{text}"
    );
    let inline = format!(
        "models = [{{ id = \"m\", tier = \"edge\", context_tokens = 1000, max_output_tokens = 100, price = {{ input = 3, \
         output = 8 }}, deployments = [{{ provider = \"openai\", upstream_name = \"gpt-4.1\" }}] }}] # all\n{HEAD}"
    );
    let now_cheaper = "price = { input = 2.00, output = 8, cache_read = 0.50, valid_from = \"2026-11-26\" }";
    let expected = inline.replace("price = { input = 3, output = 8 }", now_cheaper);
    assert_eq!(written(&inline, now), Ok(expected));
    let edit = Edit { model: "other", changes: &[], new: &super::Prices::new() };
    assert!(into_text(&own, &[edit], now).unwrap_err().contains("`other`"));
}
