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
    for (missing, what) in
        [("iptables", "REDIRECT"), ("ip6tables", "packets of the proxy's own, which are counted")]
    {
        let (_, said) = without(missing, "1", missing, true);
        assert!(said.contains(&format!("SKIPPED: no {missing}: {what}\n")), "{missing}: {said}");
        // The rest says it in the same words, so that it is said once and allowed by one name.
        let rest = ["inside", "intercept"].map(|name| text(&format!("tests/clients/{name}.py"))).concat();
        assert!(rest.contains(&format!("without(\"{missing}\", \"{what}\")")), "{missing}");
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
    for real in [
        "dirname", "mktemp", "mkdir", "cp", "rm", "sort", "tr", "sed", "test", "timeout", "bash", "cat",
        "env",
    ] {
        let found = ["/bin", "/usr/bin"].map(|folder| Path::new(folder).join(real));
        let found = found.into_iter().find(|path| path.exists()).unwrap();
        std::os::unix::fs::symlink(found, folder.path().join("bin").join(real)).unwrap();
    }
    folder
}

/// What the build service looks for.
const PROGRAMS: [&str; 10] = [
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

fn without_some(missing: &[&str]) -> Vec<&'static str> {
    PROGRAMS.into_iter().filter(|program| !missing.contains(program)).collect()
}

/// A Python of which a virtual environment can be made: one in which everything succeeds.
const WITH_VENV: &str = r#"[ "$2" != venv ] || { mkdir -p "$3/bin" && cp "$0" "$3/bin/python"; }"#;

/// What `.ci/run` says on a machine with these programs, and what it lets be missing; `apt` is what its apt-get does.
fn allowed(programs: &[&str], id: &str, environment: &[(&str, &str)], apt: Option<&str>) -> String {
    let folder = apart(".ci/run", programs);
    if programs.contains(&"python3") {
        pretend(folder.path(), "bin/python3", WITH_VENV);
    }
    if let Some(apt) = apt {
        pretend(folder.path(), "bin/apt-get", apt);
    }
    pretend(folder.path(), "bin/id", &format!("echo {id}"));
    pretend(folder.path(), "target/agents/node_modules/.bin/claude", "");
    let told = "echo \"strict $POINTSMAN_TESTS_STRICT:\" $POINTSMAN_TESTS_WITHOUT";
    pretend(folder.path(), "scripts/test.sh", told);
    let path = folder.path().join("bin");
    let environment = [&[("PATH", path.to_str().unwrap())], environment].concat();
    let (code, said) = bash(".ci/run", folder.path(), &environment);
    assert_eq!(code, 0, "{said}");
    said.trim_end().to_owned()
}

#[test]
fn the_build_service_installs_what_it_can_and_lets_nothing_be_missing_that_it_did_not_ask_for() {
    // What it asks for is there then, under the name of the program.
    let gives = r#"[ "$1" != install ] || for last; do :; done
        case "$last" in iproute2) last=ip ;; esac
        [ -z "$last" ] || cp "${0%/*}/cargo" "${0%/*}/$last""#;
    for (missing, package) in [
        ("openssl", "openssl"),
        ("curl", "curl"),
        ("ip", "iproute2"),
        ("iptables", "iptables"),
        ("npm", "npm"),
    ] {
        let said = format!("\ninstalling {package}");
        assert_eq!(allowed(&without_some(&[missing]), "0", &[], Some(gives)), format!("strict 1:{said}"));
        let may = match missing {
            "npm" => " npm node-packages",
            "iptables" => " iptables",
            _ => "",
        };
        let failed = allowed(&without_some(&[missing]), "0", &[], Some("exit 100"));
        assert_eq!(failed, format!("strict 1:{may}{said}\n{package} cannot be installed"));
    }
    assert_eq!(allowed(&PROGRAMS, "0", &[], Some("exit 100")), "strict 1:", "nothing is asked for");
    // One that is not there takes no other along.
    let half = format!("case \"$*\" in *openssl*) exit 100 ;; esac\n{gives}");
    let said = allowed(&without_some(&["openssl", "npm"]), "0", &[], Some(&half));
    assert_eq!(said, "strict 1:\ninstalling openssl\nopenssl cannot be installed\ninstalling npm");
}

#[test]
fn the_build_service_lets_each_need_be_missing_that_cannot_be_had_and_no_other() {
    let allowed = |programs: &[&str], id, environment: &[_]| allowed(programs, id, environment, None);
    let without = without_some;
    for never in ["python3", "openssl", "curl", "ip"] {
        let said = allowed(&without(&[never]), "0", &[]);
        assert!(!said.split(' ').any(|need| need == never), "{said}");
    }
    assert_eq!(allowed(&PROGRAMS, "0", &[]), "strict 1:");
    assert_eq!(allowed(&without(&["npm"]), "0", &[]), "strict 1: npm node-packages");
    assert_eq!(allowed(&without(&["iptables", "ip6tables"]), "0", &[]), "strict 1: iptables ip6tables");
    assert_eq!(allowed(&without(&["unshare"]), "1000", &[]), "strict 1: root namespaces");
    assert_eq!(
        allowed(&without(&["cargo"]), "0", &[("POINTSMAN_TESTS_WITHOUT", "cgroup")]),
        "strict 1: cargo-deny cgroup"
    );
    assert_eq!(allowed(&PROGRAMS, "0", &[("POINTSMAN_TESTS_STRICT", "0")]), "strict 0:");
    assert_eq!(text(".ci/run").lines().last(), Some("exec scripts/test.sh"));
    assert!(text("README.md").lines().any(|line| line.starts_with("scripts/test.sh ")));
}

#[test]
fn half_an_environment_is_no_environment_and_what_is_not_run_for_want_of_it_is_said() {
    let folder = apart("scripts/test-clients.sh", &["npm", "cargo"]);
    for file in ["scripts/build/sdks.sh", "tests/clients/package.json"] {
        fs::create_dir_all(folder.path().join(file).parent().unwrap()).unwrap();
        fs::write(folder.path().join(file), text(file)).unwrap();
    }
    fs::write(folder.path().join("tests/clients/some.mjs"), "").unwrap();
    // As where there is no ensurepip: there is an interpreter in what is left behind.
    let half = r#"[ "$2" != venv ] || { mkdir -p "$3/bin" && cp "$0" "$3/bin/python"; }; exit 1"#;
    pretend(folder.path(), "bin/python3", half);
    let (path, list) = (folder.path().join("bin"), folder.path().join("list"));
    let run = |allowed| {
        let environment = [
            ("PATH", path.to_str().unwrap()),
            ("POINTSMAN_TESTS_STRICT", "1"),
            ("POINTSMAN_TESTS_WITHOUT", allowed),
            ("POINTSMAN_TESTS_LEFT_OUT", list.to_str().unwrap()),
        ];
        let _ = fs::remove_file(&list);
        let (code, said) = bash("scripts/test-clients.sh", folder.path(), &environment);
        assert!(!folder.path().join("target/clients/venv").exists(), "{said}");
        (code, fs::read_to_string(&list).unwrap_or_default())
    };
    for _ in 0..2 {
        assert_eq!(run("").0, 1);
        let (code, left_out) = run("python-packages");
        let starts: Vec<_> = left_out.lines().map(|line| line.split(" (").next().unwrap()).collect();
        let expected =
            ["no python-packages: the Python SDKs", "no python-packages: the SDKs of Node by base URL"];
        assert_eq!((code, starts), (0, expected.to_vec()));
    }
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
