//! The configuration that we ship beside public price lists: what `prices import` says, and the few bytes that it writes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const SHIPPED: &str = include_str!("../../conf/pointsman.toml");
const LISTS: [&str; 3] = ["litellm.json", "models-dev.json", "genai-prices.json"];

/// A configuration file of its own.
struct Desk {
    directory: TempDir,
    config: PathBuf,
}

impl Desk {
    fn new(text: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("pointsman.toml");
        std::fs::write(&config, text).unwrap();
        Self { directory, config }
    }

    fn import(&self, list: &str, arguments: &[&str]) -> Output {
        let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/prices").join(list);
        let mut command = Command::new(env!("CARGO_BIN_EXE_pointsman"));
        command.args(["prices", "import"]).arg(list).args(arguments).arg("--config").arg(&self.config);
        command.output().unwrap()
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.config).unwrap()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn every_list_confirms_the_prices_that_we_ship() {
    for list in LISTS {
        let desk = Desk::new(SHIPPED);
        let output = desk.import(list, &["--json"]);
        assert!(output.status.success(), "{list}: {}", said(&output));
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        let models = found["models"].as_array().unwrap();
        assert_eq!(models.len(), 4, "{found}");
        for model in models {
            assert_eq!(model["outcome"], "same", "{list}: {model}");
        }
        assert_eq!(desk.text(), SHIPPED);
    }
}

#[test]
fn a_changed_price_is_shown_and_written_only_when_asked_for() {
    let old = "price = { input = 2.00, output = 8.00, cache_read = 0.50, valid_from = \"2025-04-14\" }";
    let dear = "price = { input = 2.50, output = 8.00, cache_read = 0.50, valid_from = \"2025-01-01\" }";
    let text = SHIPPED.replace(old, dear);
    assert_ne!(text, SHIPPED);
    for list in LISTS {
        let desk = Desk::new(&text);
        let shown = desk.import(list, &[]);
        assert!(shown.status.success(), "{}", said(&shown));
        for part in [
            "gpt-4.1",
            "2.50 / 8.00",
            "2.00 / 8.00",
            "input 2.50 -> 2.00",
            "1 changed, 3 the same",
            "--write",
        ] {
            assert!(said(&shown).contains(part), "`{part}` is missing:\n{}", said(&shown));
        }
        assert_eq!(desk.text(), text, "{list}: nothing is written unasked");
        let written = desk.import(list, &["--write", "--valid-from", "2025-04-14"]);
        assert!(said(&written).contains("1 written"), "{}", said(&written));
        assert_eq!(desk.text(), SHIPPED, "{list}: one line is as it was shipped, no other has changed");
        assert_eq!(std::fs::read_dir(desk.directory.path()).unwrap().count(), 1, "no file is left beside it");
    }
}

#[test]
fn confirmed_prices_can_be_dated_anew() {
    let desk = Desk::new(SHIPPED);
    let written = desk.import("litellm.json", &["--write", "--confirm", "--valid-from", "2026-02-03"]);
    assert!(said(&written).contains("4 written"), "{}", said(&written));
    assert_eq!(desk.text().matches("valid_from = \"2026-02-03\"").count(), 4);
    let undated = |text: &str| {
        text.lines().map(|line| line.split("valid_from = ").next().unwrap().to_owned()).collect()
    };
    let (now, before): (Vec<String>, Vec<String>) = (undated(&desk.text()), undated(SHIPPED));
    assert_eq!(now, before);
}

#[test]
fn what_a_list_does_not_know_is_named_and_stays_unpriced() {
    let text = SHIPPED.replace(
        "deployments = [{ provider = \"openai\" }]",
        "deployments = [{ provider = \"openai\", upstream_name = \"example-half-known\" }]",
    );
    let desk = Desk::new(&text);
    let output = desk.import("litellm.json", &["--write"]);
    assert!(
        said(&output).contains("no output price") && said(&output).contains("1 not found"),
        "{}",
        said(&output)
    );
    assert_eq!(desk.text(), text);
}

#[test]
fn what_is_no_price_list_is_refused_in_words() {
    let desk = Desk::new(SHIPPED);
    for (list, part) in
        [("README.md", "JSON"), ("missing.json", "missing.json"), ("../ledger/record.json", "models.dev")]
    {
        let output = desk.import(list, &["--write"]);
        assert!(!output.status.success() && said(&output).contains(part), "{list}: {}", said(&output));
    }
    assert!(!desk.import("litellm.json", &["--write", "--valid-from", "tomorrow"]).status.success());
    assert!(
        !desk.import("litellm.json", &["--confirm"]).status.success(),
        "nothing is dated without writing"
    );
    assert_eq!(desk.text(), SHIPPED);
}
