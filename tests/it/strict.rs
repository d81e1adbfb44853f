//! What the scripts of tests do where something is missing: said aloud, and a failure where nothing may be left out. They run here
//! with programs that only pretend, so neither root nor a namespace is needed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::demo::{repository, text};

/// What scripts/test-intercept.sh looks for before it does anything.
const NEEDS: [&str; 6] = ["python3", "openssl", "curl", "ip", "iptables", "ip6tables"];

fn pretend(folder: &Path, name: &str, script: &str) {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The script's exit code and what it said, on a machine without this program.
fn without(missing: &str, strict: &str, is_root: bool) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    for name in NEEDS.into_iter().filter(|name| *name != missing) {
        // Whatever goes further than looking fails.
        pretend(folder.path(), name, "exit 9");
    }
    pretend(folder.path(), "id", if is_root { "echo 0" } else { "echo 1000" });
    pretend(folder.path(), "unshare", "exit 0");
    pretend(folder.path(), "dirname", "echo scripts");
    let bash = ["/bin/bash", "/usr/bin/bash"].into_iter().find(|path| Path::new(path).exists()).unwrap();
    let output = Command::new(bash)
        .arg("scripts/test-intercept.sh")
        .env_clear()
        .env("PATH", folder.path())
        .env("POINTSMAN_TESTS_STRICT", strict)
        .current_dir(repository())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.code().unwrap(), said)
}

#[test]
fn what_is_missing_is_said_and_fails_where_nothing_may_be() {
    for missing in ["python3", "openssl", "curl", "ip"] {
        let (code, said) = without(missing, "0", true);
        assert!(code == 0 && said.contains(&format!("SKIPPED: no {missing}")), "{missing}: {code} {said}");
        let (code, said) = without(missing, "1", true);
        assert!(code == 1 && said.contains(&format!("FAILED: no {missing}")), "{missing}: {code} {said}");
    }
    for missing in ["iptables", "ip6tables"] {
        let (_, said) = without(missing, "0", true);
        assert!(said.contains(&format!("SKIPPED: no {missing}, so REDIRECT")), "{missing}: {said}");
        let (code, said) = without(missing, "1", true);
        assert!(code == 1 && said.contains(&format!("FAILED: no {missing}")), "{missing}: {code} {said}");
    }
    // All is there, and no namespace comes of it.
    let (code, said) = without("", "1", true);
    assert!(code == 1 && said.contains("FAILED: ip netns fails"), "{code} {said}");
    let (code, said) = without("iptables", "1", false);
    assert!(code == 0 && said.contains("SKIPPED: no network namespace can be made here"), "{code} {said}");
}

#[test]
fn the_build_service_runs_the_readmes_test_command_and_lets_nothing_be_left_out_that_can_be_had() {
    let run = text(".ci/run");
    assert!(
        run.contains("POINTSMAN_TESTS_STRICT=\"${POINTSMAN_TESTS_STRICT:-$strict}\"")
            && run.contains("strict=1"),
        "{run}"
    );
    assert_eq!(run.lines().last(), Some("exec scripts/test.sh"));
    assert!(text("README.md").lines().any(|line| line.starts_with("scripts/test.sh ")));
}
