//! What the scripts of tests do where something is missing: said aloud, and a failure where it may not be. They run here with
//! programs that only pretend, so neither root nor a namespace is needed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::demo::{repository, text};
use crate::support::needs::may_be_left_out;

/// What scripts/test-intercept.sh looks for before it does anything.
const NEEDS: [&str; 6] = ["python3", "openssl", "curl", "ip", "iptables", "ip6tables"];

fn pretend(folder: &Path, name: &str, script: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A script of the repository run by bash, with what the other pairs say in its environment: exit code and what it said.
fn bash(script: &str, home: &Path, environment: &[(&str, &str)]) -> (i32, String) {
    let bash = ["/bin/bash", "/usr/bin/bash"].into_iter().find(|path| Path::new(path).exists()).unwrap();
    let mut command = Command::new(bash);
    command.arg(script).env_clear().envs(environment.iter().copied()).current_dir(home);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.code().unwrap(), said)
}

/// What scripts/test-intercept.sh ends with on a machine without this program.
fn without(missing: &str, strict: &str, allowed: &str, is_root: bool) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    for name in NEEDS.into_iter().filter(|name| *name != missing) {
        // Whatever goes further than looking fails.
        pretend(folder.path(), name, "exit 9");
    }
    pretend(folder.path(), "id", if is_root { "echo 0" } else { "echo 1000" });
    pretend(folder.path(), "unshare", "exit 0");
    pretend(folder.path(), "dirname", "echo scripts");
    let list = folder.path().join("left-out");
    let environment = [
        ("PATH", folder.path().to_str().unwrap()),
        ("POINTSMAN_TESTS_STRICT", strict),
        ("POINTSMAN_TESTS_WITHOUT", allowed),
        ("POINTSMAN_TESTS_LEFT_OUT", list.to_str().unwrap()),
    ];
    let (code, said) = bash("scripts/test-intercept.sh", &repository(), &environment);
    (code, said + &fs::read_to_string(list).unwrap_or_default())
}

#[test]
fn what_is_missing_is_said_and_fails_where_it_may_not_be() {
    for missing in ["python3", "openssl", "curl", "ip"] {
        let out = format!("no {missing}: interception end to end\n");
        for (strict, allowed) in [("0", ""), ("1", missing)] {
            let (code, said) = without(missing, strict, allowed, true);
            assert!(code == 0 && said.matches(&out).count() == 2, "{missing}: {code} {said}");
        }
        // What may be missing is one need, and no other.
        let (code, said) = without(missing, "1", "iptables npm", true);
        assert!(code == 1 && said.contains(&format!("FAILED: no {missing}")), "{missing}: {code} {said}");
    }
    for missing in ["iptables", "ip6tables"] {
        let (_, said) = without(missing, "1", missing, true);
        assert!(said.contains(&format!("SKIPPED: no {missing}: REDIRECT")), "{missing}: {said}");
        let (code, said) = without(missing, "1", "", true);
        assert!(code == 1 && said.contains(&format!("FAILED: no {missing}")), "{missing}: {code} {said}");
    }
    // All is there, and no namespace comes of it; or it is not root that asks.
    for is_root in [true, false] {
        let (code, said) = without("", "1", "", is_root);
        assert!(code == 1 && said.contains("FAILED: no namespaces"), "{is_root}: {code} {said}");
        let (code, said) = without("", "1", "namespaces", is_root);
        assert!(code == 0 && said.contains("SKIPPED: no namespaces"), "{is_root}: {code} {said}");
    }
}

#[test]
fn a_test_of_the_program_is_left_out_by_the_same_words() {
    for (strict, allowed, may) in [
        ("", "", true),
        ("0", "", true),
        ("1", "", false),
        ("1", "root python3", false),
        ("1", "root openssl", true),
        ("1", "openssl3", false),
    ] {
        assert_eq!(may_be_left_out("openssl", strict, allowed), may, "{strict:?} {allowed:?}");
    }
}

/// A repository of this script alone, and programs that succeed unless they are to be missing.
fn apart(script: &str, programs: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    pretend(folder.path(), script, "");
    fs::write(folder.path().join(script), text(script)).unwrap();
    pretend(folder.path(), "scripts/build/needs.sh", "");
    fs::write(folder.path().join("scripts/build/needs.sh"), text("scripts/build/needs.sh")).unwrap();
    for program in programs {
        pretend(folder.path(), &format!("bin/{program}"), "exit 0");
    }
    for real in ["dirname", "mktemp", "rm", "sort", "tr", "sed", "test", "bash", "cat", "env"] {
        let found = ["/bin", "/usr/bin"].map(|folder| Path::new(folder).join(real));
        let found = found.into_iter().find(|path| path.exists()).unwrap();
        std::os::unix::fs::symlink(found, folder.path().join("bin").join(real)).unwrap();
    }
    folder
}

#[test]
fn the_build_service_lets_each_need_be_missing_that_cannot_be_had_and_no_other() {
    let all = [
        "python3",
        "openssl",
        "curl",
        "ip",
        "iptables",
        "ip6tables",
        "npm",
        "systemd-analyze",
        "unshare",
        "cargo",
    ];
    let allowed = |programs: &[&str], id: &str, environment: &[(&str, &str)]| {
        let folder = apart(".ci/run", programs);
        pretend(folder.path(), "bin/id", &format!("echo {id}"));
        pretend(folder.path(), "target/agents/node_modules/.bin/claude", "");
        pretend(
            folder.path(),
            "scripts/test.sh",
            "echo \"strict $POINTSMAN_TESTS_STRICT:\" $POINTSMAN_TESTS_WITHOUT",
        );
        let path = folder.path().join("bin");
        let environment = [&[("PATH", path.to_str().unwrap())], environment].concat();
        let (code, said) = bash(".ci/run", folder.path(), &environment);
        assert_eq!(code, 0, "{said}");
        said.trim_end().to_owned()
    };
    assert_eq!(allowed(&all, "0", &[]), "strict 1:");
    let without = |missing: &[&str]| -> Vec<&str> {
        all.into_iter().filter(|program| !missing.contains(program)).collect()
    };
    assert_eq!(allowed(&without(&["npm"]), "0", &[]), "strict 1: npm node-packages");
    assert_eq!(allowed(&without(&["iptables", "ip6tables"]), "0", &[]), "strict 1: iptables ip6tables");
    assert_eq!(allowed(&without(&["unshare"]), "1000", &[]), "strict 1: root namespaces");
    assert_eq!(
        allowed(&without(&["cargo"]), "0", &[("POINTSMAN_TESTS_WITHOUT", "cgroup")]),
        "strict 1: cargo-deny cgroup"
    );
    assert_eq!(allowed(&all, "0", &[("POINTSMAN_TESTS_STRICT", "0")]), "strict 0:");
    assert_eq!(text(".ci/run").lines().last(), Some("exec scripts/test.sh"));
    assert!(text("README.md").lines().any(|line| line.starts_with("scripts/test.sh ")));
}

#[test]
fn the_last_line_says_what_was_left_out() {
    let closing = |client: &str, arguments: &str| {
        let folder = apart("scripts/test.sh", &["cargo"]);
        for script in ["floors.sh", "build/check.sh", "test-intercept.sh"] {
            pretend(folder.path(), &format!("scripts/{script}"), "exit 0");
        }
        pretend(folder.path(), "scripts/test-clients.sh", client);
        let path = folder.path().join("bin");
        fs::write(folder.path().join("all"), format!("exec scripts/test.sh {arguments}")).unwrap();
        let (code, said) = bash("all", folder.path(), &[("PATH", path.to_str().unwrap())]);
        (code, said.lines().last().unwrap_or_default().to_owned())
    };
    assert_eq!(closing("exit 0", ""), (0, "left out: nothing".to_owned()));
    let leave = ["npm: Node", "ip: REDIRECT", "npm: Node"]
        .map(|what| format!("echo no {what} >>$POINTSMAN_TESTS_LEFT_OUT"));
    assert_eq!(closing(&leave.join("\n"), ""), (0, "left out: no ip: REDIRECT; no npm: Node".to_owned()));
    let (code, said) = closing("exit 3", "");
    assert!(code == 3 && said.starts_with("left out: whatever comes after the failure"), "{code} {said}");
    let (code, said) = closing("exit 3", "routing");
    assert!(code == 0 && said == "left out: tests with real clients, and all but: routing", "{code} {said}");
}
