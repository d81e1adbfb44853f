//! The bar of a long command.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over so many things on standard error; nothing where that is no terminal.
pub(super) fn bar(things: &str, count: u64) -> ProgressBar {
    let template = format!("{{bar:40}} {{pos}} of {{len}} {things}, {{elapsed}} gone, {{eta}} to go");
    let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(count).with_style(style)
}
