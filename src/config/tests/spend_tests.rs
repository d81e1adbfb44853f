//! Ceilings of clients and of sessions: read whole, and every fault found at its place.

use super::{RIGHT, check, read};
use crate::catalog::{Period, Spend};
use crate::types::NanoUsd;

const KEY: &str = "key = \"env:APP_KEY\"";

#[test]
fn ceilings_are_read() {
    let of = |lines: &str| {
        let settings = read(&RIGHT.replace(KEY, &format!("{KEY}\n{lines}"))).unwrap();
        settings.snapshot.clients.iter().next().unwrap().max_spend
    };
    assert_eq!(of(""), None);
    for (word, per) in [("hour", Period::Hour), ("day", Period::Day), ("month", Period::Month)] {
        let lines = format!("max_spend_usd = 2.5\nspend_period = \"{word}\"");
        assert_eq!(of(&lines), Some(Spend { most: NanoUsd(2_500_000_000), per }));
    }
    assert_eq!(of("max_spend_usd = 1").unwrap().per, Period::Day);
    let settings = read(&format!("{RIGHT}\n[sessions]\nmax_spend_usd = 0.25\n")).unwrap();
    assert_eq!(settings.snapshot.session_max_spend, Some(NanoUsd(250_000_000)));
    assert_eq!(read(RIGHT).unwrap().snapshot.session_max_spend, None);
}

#[test]
fn faults_of_ceilings_are_found() {
    let row = |lines: &str, name| {
        let at = lines.lines().last().unwrap();
        check(KEY, &format!("{KEY}\n{lines}"), name, at)
    };
    row("max_spend_usd = -1", "clients[0].max_spend_usd");
    row("max_spend_usd = \"ten\"", "clients[0].max_spend_usd");
    row("max_spend_usd = 1\nspend_period = \"week\"", "clients[0].spend_period");
    assert!(row("spend_period = \"day\"", "clients[0].spend_period").contains("max_spend_usd"));
    let ledger = "[ledger]";
    let sessions = |line: &str, name| check(ledger, &format!("[sessions]\n{line}\n[ledger]"), name, line);
    sessions("max_spend_usd = -0.1", "sessions.max_spend_usd");
    sessions("max_spend = 1", "sessions.max_spend");
}
