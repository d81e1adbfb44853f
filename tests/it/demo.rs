//! The demo as a user starts it, and the composition that goes with it. No engine runs the composition here: its files
//! are parsed, and what they say of each other is checked.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pointsman::config::{SecretSource, from_text};
use pointsman::telemetry::Metrics;
use saphyr::{LoadableYamlNode, Yaml};
use serde_json::Value;

pub(super) fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub(super) fn text(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The one document of a YAML text.
pub(super) fn yaml(text: &str) -> Yaml<'_> {
    let mut documents = Yaml::load_from_str(text).unwrap();
    assert_eq!(documents.len(), 1);
    documents.remove(0)
}

pub(super) fn words<'y>(node: &'y Yaml<'_>) -> Vec<&'y str> {
    node.as_vec().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
}

/// What a service of a composition in this folder mounts is a file beside it or a volume.
pub(super) fn volumes_are_there(compose: &Yaml<'_>, service: &Yaml<'_>, folder: &Path) {
    for volume in service.as_mapping_get("volumes").map(words).unwrap_or_default() {
        let source = volume.split(':').next().unwrap();
        let known = match source.strip_prefix("./") {
            Some(path) => folder.join(path).exists(),
            None => compose["volumes"].as_mapping_get(source).is_some(),
        };
        assert!(known, "{source} is not there");
    }
}

fn demo(arguments: &[&str]) -> (Value, PathBuf) {
    let folder = tempfile::tempdir().unwrap().keep();
    let output = Command::new(env!("CARGO_BIN_EXE_pointsman"))
        .args(arguments)
        .env("TMPDIR", &folder)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    (serde_json::from_slice(&output.stdout).unwrap(), folder)
}

#[test]
fn the_demo_routes_falls_back_and_refuses_as_it_says() {
    let (summary, folder) = demo(&["demo", "--json", "--limit", "40"]);
    assert_eq!(summary["test_rows"], 40);
    assert_eq!(summary["probes"]["no_route"]["as_meant"], true, "{}", summary["probes"]);
    assert_eq!(summary["probes"]["fallback"]["as_meant"], true, "{}", summary["probes"]);
    assert_eq!(summary["costs_agree"], summary["costs_compared"]);
    assert!(summary["costs_compared"].as_u64().unwrap() > 20);
    let observations = summary["observations"].as_array().unwrap();
    let distinct = |key: &str| observations.iter().map(|one| one[key].to_string()).collect::<BTreeSet<_>>();
    assert!(distinct("model").len() >= 2, "everything went to one model");
    assert_eq!(distinct("dialect").len(), 2);
    assert!(observations.iter().all(|one| !one["task"].as_str().unwrap().is_empty()));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_composition_names_only_files_that_are_there() {
    let text = text("docker-compose.yml");
    let compose = yaml(&text);
    let services = compose["services"].as_mapping().unwrap();
    let names: Vec<_> = services.keys().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(names, ["providers", "pointsman", "prometheus", "grafana"]);
    for (name, service) in services {
        let name = name.as_str().unwrap();
        volumes_are_there(&compose, service, &repository());
        for port in service.as_mapping_get("ports").map(words).unwrap_or_default() {
            assert!(port.starts_with("127.0.0.1:"), "{name}: {port} is open to others");
        }
        for other in service.as_mapping_get("depends_on").map(words).unwrap_or_default() {
            assert!(names.contains(&other), "{name} waits for {other}");
        }
    }
    let dockerfile = compose["services"]["pointsman"]["build"]["dockerfile"].as_str().unwrap();
    assert!(repository().join(dockerfile).exists());
}

#[test]
fn the_composed_proxy_prometheus_and_grafana_fit_together() {
    let text_of_compose = text("docker-compose.yml");
    let compose = yaml(&text_of_compose);
    let token = compose["services"]["pointsman"]["environment"]["POINTSMAN_ADMIN_TOKEN"].as_str().unwrap();
    let secrets = HashMap::from([("POINTSMAN_ADMIN_TOKEN".to_owned(), token.to_owned())]);
    let settings = from_text(&text("conf/compose/pointsman.toml"), "", SecretSource::Map(secrets));
    let settings = settings.unwrap_or_else(|faults| panic!("{faults}"));
    let text_of_prometheus = text("conf/compose/prometheus.yml");
    let prometheus = yaml(&text_of_prometheus);
    let job = &prometheus["scrape_configs"][0];
    assert_eq!(job["authorization"]["credentials"].as_str(), Some(token));
    let target = words(&job["static_configs"][0]["targets"])[0];
    assert_eq!(target, format!("pointsman:{}", settings.server.admin.unwrap().port()));
    let text_of_source = text("conf/compose/grafana/datasources/prometheus.yml");
    assert_eq!(yaml(&text_of_source)["datasources"][0]["uid"].as_str(), Some("prometheus"));
    let text_of_provider = text("conf/compose/grafana/dashboards/provider.yml");
    let folder = yaml(&text_of_provider)["providers"][0]["options"]["path"].as_str().unwrap().to_owned();
    assert_eq!(folder, "/etc/grafana/provisioning/dashboards");
}

#[test]
fn the_dashboard_asks_for_metrics_that_exist() {
    let source = fs::read_to_string(repository().join("src/telemetry/metrics.rs")).unwrap()
        + &Metrics::new().unwrap().render(&[("m", 0)], &[]);
    let dashboard: Value =
        serde_json::from_str(&text("conf/compose/grafana/dashboards/pointsman.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert!(panels.len() > 10);
    for target in panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap()) {
        let asked = target["expr"].as_str().unwrap();
        let names = asked.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let metrics = names.filter(|name| name.starts_with("pointsman_") || name.starts_with("gen_ai_"));
        for metric in metrics {
            assert!(source.contains(metric), "{asked}: {metric} is not published");
        }
    }
}
