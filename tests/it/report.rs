//! The command line over a ledger that a running proxy wrote: the ways to serve, as a plot.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::client::chat_body;
use crate::support::proxy::World;
use crate::support::{Request, TestConfig};

fn report(arguments: &[&str], config: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pointsman"));
    command.arg("report").args(arguments).arg("--config").arg(config).envs(TestConfig::secrets());
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ways_to_serve_are_plotted() {
    let world = World::start(|_| {}).await;
    for limit in ["0", "0", "0.85"] {
        let request = Request::chat(chat_body("auto")).with("x-pointsman-min-quality", limit);
        assert_eq!(world.proxy.exchange(&request).await.status, 200);
    }
    let text = world.proxy.text.clone();
    let directory = world.proxy.stop().await;
    let config = directory.path().join("pointsman.toml");
    std::fs::write(&config, text).unwrap();
    let file = directory.path().join("ways.svg");
    let arguments = ["--plot", file.to_str().unwrap()];
    let output = report(&arguments, &config);
    assert!(output.status.success() && said(&output).contains("ways.svg"), "{}", said(&output));
    let plot = std::fs::read_to_string(&file).unwrap();
    for part in [
        "Ways to serve 3 requests",
        "cost, USD",
        "expected quality",
        "routed",
        "baseline: large",
        "random mix",
    ] {
        assert!(plot.contains(part), "`{part}` is missing:\n{plot}");
        assert!(part.contains([',', '3']) || said(&output).contains(part), "the table says so too: {part}");
    }
    assert_eq!(plot.matches("<circle").count(), 5, "four ways and one in the legend");
    let json = report(&["--json", "--plot", file.to_str().unwrap()], &config);
    assert!(serde_json::from_slice::<serde_json::Value>(&json.stdout).is_ok(), "{}", said(&json));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_plotted_leaves_no_file() {
    let world = World::start(|_| {}).await;
    let observed = world.proxy.exchange(&Request::chat(chat_body("large-1"))).await;
    assert_eq!(observed.status, 200);
    let text = world.proxy.text.clone();
    let directory = world.proxy.stop().await;
    let config = directory.path().join("pointsman.toml");
    std::fs::write(&config, text).unwrap();
    let file = directory.path().join("ways.svg");
    let output = report(&["--plot", file.to_str().unwrap()], &config);
    assert!(!output.status.success() && said(&output).contains("nothing to compare"), "{}", said(&output));
    assert!(!file.exists());
}
