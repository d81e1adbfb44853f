//! `pointsman run`: a client that knows nothing of it, its account at the end, and signals.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::needs::{has, without};
use crate::support::tls_provider::{Roots, provider};

/// A program of the standard library alone, with the vendor's address in it.
const CLIENT: &str = r#"
import json, urllib.request
body = json.dumps({"model": "large-1", "messages": [{"role": "user", "content": "What is 17 * 23?"}]}).encode()
request = urllib.request.Request("https://api.vendor.test/v1/chat/completions", body,
                                 {"content-type": "application/json", "authorization": "Bearer sk-canary-own"})
print(json.load(urllib.request.urlopen(request, timeout=20))["choices"][0]["message"]["content"])
"#;

/// A configuration whose one provider's name exists nowhere; it is called at this port of loopback.
fn config(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    let mut text = format!(
        "[server]\nlisten = [\"127.0.0.1:0\"]\nadmin = \"127.0.0.1:0\"\n[ledger]\npath = \"{folder}/ledger.db\"\n\
         [intercept]\nca = {{ cert = \"{folder}/ca.pem\", key = \"{folder}/ca.key\" }}\n\
         [[providers]]\nid = \"vendor\"\ndialect = \"openai\"\nbase_url = \"https://api.vendor.test/v1\"\n\
         addresses = [\"127.0.0.1:{port}\"]\ncredential = \"passthrough\"\n\
         [[policies]]\nname = \"all\"\nmatch = {{ models = [\"*\"] }}\nmode = \"route\"\nbaseline = \"large\"\n\
         candidates = [\"small\", \"large\"]\nlicense = \"prior\"\nmax_quality_loss = 0.5\n"
    );
    for (id, price, quality) in [("small", 0.25, 0.8), ("large", 2.5, 0.9)] {
        text += &format!(
            "[[models]]\nid = \"{id}\"\ntier = \"edge\"\ncontext_tokens = 100000\nmax_output_tokens = 8000\n\
             price = {{ input = {price}, output = {} }}\nquality = {{ default = {quality} }}\n\
             deployments = [{{ provider = \"vendor\", upstream_name = \"{id}-1\" }}]\n",
            price * 4.0
        );
    }
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_unchanged_is_observed_and_its_account_is_printed() {
    if !has("python3", "a client of its standard library by `run`") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let roots = Roots::new();
    let (port, heard) = provider(roots.certificate("api.vendor.test", 2049, true)).await;
    std::fs::write(folder.path().join("pointsman.toml"), config(folder.path(), port)).unwrap();
    std::fs::write(folder.path().join("roots.pem"), &roots.pem).unwrap();
    std::fs::write(folder.path().join("client.py"), CLIENT).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pointsman"));
    command.arg("--config").arg(folder.path().join("pointsman.toml")).args(["run", "--", "python3"]);
    command.arg(folder.path().join("client.py")).env("SSL_CERT_FILE", folder.path().join("roots.pem"));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{err}");
    assert_eq!(out, "hi\n", "the provider's answer");
    assert!(heard.load(std::sync::atomic::Ordering::SeqCst) > 0);
    // One token in at 2.5 and one out at 10 USD a million.
    assert!(err.contains("pointsman: 1 requests, spent $0.000013"), "{err}");
    // The small model's at 0.25 in and 1 USD a million out: one token in, and 0.42 to 2.36 tokens out, each begun one whole.
    let account =
        "1 of them were observed at $0.000013; routed they would have cost between $0.000001 and $0.000003 (";
    assert!(err.contains(account) && err.contains("quality unknown (0 pairs)"), "{err}");
    assert!(!err.contains("sk-canary-own") && !err.contains("17 * 23"), "{err}");
    assert!(!folder.path().join("ca.key").exists(), "an authority of the command's time stays in memory");
}

/// A run of this script, in a group of its own; `before` is done by the shell that becomes the program.
fn running(folder: &Path, before: &str, script: &str) -> (Child, BufReader<ChildStdout>) {
    std::fs::write(folder.join("pointsman.toml"), config(folder, 1)).unwrap();
    let program = format!("{before}; exec \"$0\" --config \"$1\" run -- sh -c \"$2\"");
    let mut command = Command::new("sh");
    command.args(["-c", &program, env!("CARGO_BIN_EXE_pointsman")]);
    command.arg(folder.join("pointsman.toml")).arg(script);
    let mut child = command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    (child, out)
}

/// Waits for a signal, and for no longer than a test may take.
const TOLD: &str = "trap 'echo told; exit 7' SIGNAL; echo ready; for i in $(seq 400); do sleep 0.05; done";

#[test]
fn a_termination_or_a_hangup_ends_the_command_and_the_account_is_still_printed() {
    for (name, signal) in [("TERM", Signal::TERM), ("HUP", Signal::HUP)] {
        let folder = tempfile::tempdir().unwrap();
        let (child, mut out) = running(folder.path(), ":", &TOLD.replace("SIGNAL", name));
        kill_process(Pid::from_child(&child), signal).unwrap();
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        assert_eq!(line, "told\n", "{name}");
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(7), "{name}");
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(err.contains("pointsman: 0 requests, spent $0.000000"), "{name}: {err}");
    }
}

#[test]
fn a_command_that_was_to_outlive_its_terminal_does() {
    if !Path::new("/proc/self/status").exists() {
        return without("proc", "`nohup pointsman run`: whether hang-ups are ignored cannot be seen here");
    }
    let folder = tempfile::tempdir().unwrap();
    let (mut child, mut out) =
        running(folder.path(), "trap '' HUP", "echo ready; grep SigIgn /proc/self/status");
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert!(child.wait().unwrap().success());
    let mask = line.trim().strip_prefix("SigIgn:").unwrap().trim();
    assert_eq!(
        u64::from_str_radix(mask, 16).unwrap() & 1,
        1,
        "the command ignores hang-ups as it was to: {mask}"
    );
}

/// What a run of this script says: standard output and standard error.
fn said(folder: &Path, script: &str, environment: &[(&str, &str)]) -> (Vec<u8>, String) {
    if !folder.join("pointsman.toml").exists() {
        std::fs::write(folder.join("pointsman.toml"), config(folder, 1)).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_pointsman"));
    command.arg("--config").arg(folder.join("pointsman.toml")).args(["run", "--", "sh", "-c", script]);
    let own =
        ["SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"];
    for name in own.into_iter().chain(["SSL_CERT_DIR", "NO_PROXY", "no_proxy"]) {
        command.env_remove(name);
    }
    let output = command.envs(environment.iter().copied()).output().unwrap();
    (output.stdout, String::from_utf8(output.stderr).unwrap())
}

#[test]
fn what_the_caller_has_clients_trust_is_handed_on_with_the_authority_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| {
        let path = folder.path().join(name);
        // Bundles have remarks in any alphabet.
        std::fs::write(&path, [b"# \xe9 \n", name.as_bytes()].concat()).unwrap();
        path.to_string_lossy().into_owned()
    };
    let (node, openssl, requests) = (file("node"), file("openssl"), file("requests"));
    let missing = folder.path().join("missing").to_string_lossy().into_owned();
    let script = "for name in NODE_EXTRA_CA_CERTS SSL_CERT_FILE CURL_CA_BUNDLE REQUESTS_CA_BUNDLE AWS_CA_BUNDLE; do \
                  eval cat \"\\$$name\"; echo ===; done";
    let (out, err) = said(
        folder.path(),
        script,
        &[
            ("NODE_EXTRA_CA_CERTS", &node),
            ("SSL_CERT_FILE", &openssl),
            ("CURL_CA_BUNDLE", &missing),
            ("REQUESTS_CA_BUNDLE", &requests),
        ],
    );
    let out = String::from_utf8_lossy(&out);
    let files: Vec<&str> = out.split("===\n").collect();
    // A client of Amazon's reads what `requests` reads where it is told nothing of its own, and curl what OpenSSL does.
    for (file, own) in files.iter().zip(["node", "openssl", "openssl", "requests", "requests"]) {
        for mark in ["node", "openssl", "requests"] {
            assert_eq!(file.contains(&format!("\n{mark}\n")), mark == own, "{own}: {file}");
        }
        assert_eq!(file.matches("BEGIN CERTIFICATE").count(), 1, "{own}: {file}");
    }
    assert!(err.contains(&format!("CURL_CA_BUNDLE names {missing}, which cannot be read")), "{err}");
    assert_eq!(err.matches("cannot be read").count(), 1, "{err}");
    assert!(!err.contains("SSL_CERT_DIR"), "{err}");
}

#[test]
fn what_openssl_is_to_trust_instead_of_all_others_does_not_replace_the_list_of_clients_that_do_not_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let openssl = folder.path().join("openssl");
    std::fs::write(&openssl, "openssl's own\n").unwrap();
    let script = "for name in SSL_CERT_FILE CURL_CA_BUNDLE REQUESTS_CA_BUNDLE AWS_CA_BUNDLE; do \
                  eval cat \"\\$$name\"; echo ===; done";
    let openssl =
        [("SSL_CERT_FILE", openssl.to_str().unwrap()), ("SSL_CERT_DIR", folder.path().to_str().unwrap())];
    let certificates = |environment: &[(&str, &str)]| -> Vec<(usize, bool)> {
        let (out, err) = said(folder.path(), script, environment);
        assert_eq!(err.contains("curl, requests and botocore go without it"), environment.len() > 1, "{err}");
        let out = String::from_utf8_lossy(&out).into_owned();
        let files = out.split_terminator("===\n");
        files
            .map(|file| (file.matches("BEGIN CERTIFICATE").count(), file.contains("openssl's own")))
            .collect()
    };
    // The system's and the authority; nothing but the latter where there is no system.
    let all = certificates(&[])[0].0;
    assert_eq!(certificates(&openssl), [(1, true), (1, true), (all, true), (all, true)]);
    // What curl is told holds for `requests` too, and what that is told for `botocore`, each alone.
    for (name, expected) in [("CURL_CA_BUNDLE", [all, 1, 1, all]), ("REQUESTS_CA_BUNDLE", [all, all, 1, 1])] {
        let counts: Vec<usize> =
            certificates(&[(name, openssl[0].1)]).into_iter().map(|(count, _)| count).collect();
        assert_eq!(counts, expected, "{name}");
    }
}

#[test]
fn nothing_seen_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let (_, err) = said(folder.path(), "true", &[]);
    assert!(err.contains("0 requests") && err.contains("opened no connection to the proxy"), "{err}");
    assert!(
        err.contains("api.vendor.test")
            && err.contains("Node reads them from version 24 on with NODE_USE_ENV_PROXY=1"),
        "{err}"
    );
    assert!(!err.contains("NO_PROXY names"), "{err}");
    for name in ["NO_PROXY", "no_proxy"] {
        let (_, err) = said(folder.path(), "true", &[(name, "intranet.example,.vendor.test")]);
        assert!(err.contains("NO_PROXY names api.vendor.test: what goes there goes past"), "{name}: {err}");
    }
    if has("python3", "what `run` says of a client that does not trust it") {
        std::fs::write(folder.path().join("client.py"), CLIENT).unwrap();
        let script = format!("env -u SSL_CERT_FILE python3 {}/client.py", folder.path().display());
        let (_, err) = said(folder.path(), &script, &[]);
        assert!(
            err.contains("1 connections to api.vendor.test were given up") && err.contains("SSL_CERT_FILE"),
            "{err}"
        );
        assert!(!err.contains("opened no connection"), "{err}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_of_its_own_run_though_others_write_to_the_same_ledger() {
    if !has("python3", "a client of its standard library by `run`") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let roots = Roots::new();
    let (port, _) = provider(roots.certificate("api.vendor.test", 2049, true)).await;
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("pointsman.toml"), config(folder.path(), port)).unwrap();
    std::fs::write(path("roots.pem"), &roots.pem).unwrap();
    std::fs::write(path("client.py"), CLIENT).unwrap();
    let program = env!("CARGO_BIN_EXE_pointsman");
    // The command of the outer run asks once, and another run inside it asks twice through a proxy of its own.
    let (config, client) = (path("pointsman.toml"), path("client.py"));
    let (config, client) = (config.display(), client.display());
    let inner = format!("{program} --config {config} run -- sh -c 'python3 {client}; python3 {client}'");
    let script = format!("python3 {client} && {inner}");
    let mut command = Command::new(program);
    command.arg("--config").arg(path("pointsman.toml")).args(["run", "--", "sh", "-c", &script]);
    command.env("SSL_CERT_FILE", path("roots.pem"));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{err}");
    let accounts: Vec<&str> = err.lines().filter(|line| line.contains(" requests, spent ")).collect();
    let expected = ["pointsman: 2 requests, spent $0.000025", "pointsman: 1 requests, spent $0.000013"];
    assert_eq!(accounts, expected, "the inner one first: {err}");
    let report = Command::new(program)
        .arg("--config")
        .arg(path("pointsman.toml"))
        .args(["--json", "report", "--by", "tag=run"])
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!(
        (report["all"]["requests"].as_u64(), report["groups"].as_array().unwrap().len()),
        (Some(3), 2)
    );
}
