//! What a test does where something it needs is not on this machine: as scripts/build/needs.sh and tests/clients/world.py do.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::process::{Command, Stdio};

/// Leaves something untested because of a need: fails where POINTSMAN_TESTS_STRICT lets nothing be left out and
/// POINTSMAN_TESTS_WITHOUT does not name it. Else it is said, and a line of the list that scripts/test.sh ends with, as what a
/// test that passes says is not shown.
#[track_caller]
pub fn without(need: &str, what: &str) {
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let (strict, allowed) = (variable("POINTSMAN_TESTS_STRICT"), variable("POINTSMAN_TESTS_WITHOUT"));
    assert!(
        may_be_left_out(need, &strict, &allowed),
        "no {need}, so this is not tested: {what}; POINTSMAN_TESTS_WITHOUT={need} would leave it out"
    );
    eprintln!("SKIPPED: no {need}: {what}");
    if let Some(list) = env::var_os("POINTSMAN_TESTS_LEFT_OUT") {
        let mut list = OpenOptions::new().append(true).create(true).open(list).unwrap();
        list.write_all(format!("no {need}: {what}\n").as_bytes()).unwrap();
    }
}

/// Whether a need may be missing, by the two variables.
pub fn may_be_left_out(need: &str, strict: &str, allowed: &str) -> bool {
    ["", "0"].contains(&strict) || allowed.split_whitespace().any(|word| word == need)
}

/// Whether there is such a program; where there is not, this is left out.
#[track_caller]
pub fn has(program: &str, what: &str) -> bool {
    let asked = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let found = asked.is_ok_and(|status| status.success());
    if !found {
        without(program, what);
    }
    found
}
