//! `pointsman run`: a client that knows nothing of it, its account at the end, and signals.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

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
fn config(folder: &std::path::Path, port: u16) -> String {
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

fn has_python() -> bool {
    let found =
        Command::new("python3").arg("--version").stdout(Stdio::null()).status().is_ok_and(|it| it.success());
    if !found {
        eprintln!("SKIPPED: no python3");
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_unchanged_is_observed_and_its_account_is_printed() {
    if !has_python() {
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

#[test]
fn a_termination_ends_the_command_and_the_account_is_still_printed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("pointsman.toml"), config(folder.path(), 1)).unwrap();
    let script = "trap 'echo told; exit 7' TERM; echo ready; while :; do sleep 0.05; done";
    let mut command = Command::new(env!("CARGO_BIN_EXE_pointsman"));
    command.arg("--config").arg(folder.path().join("pointsman.toml")).args(["run", "--", "sh", "-c", script]);
    let mut child = command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    assert_eq!(line, "ready\n");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    assert_eq!(line, "ready\ntold\n");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(7));
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.contains("pointsman: 0 requests, spent $0.000000"), "{err}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_of_its_own_run_though_others_write_to_the_same_ledger() {
    if !has_python() {
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
