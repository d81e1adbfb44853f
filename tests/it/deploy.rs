//! What stands in `conf/deploy`: no engine runs it here, so its files are parsed, and what they say of each other, of the images
//! and of the configuration is checked.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;

use pointsman::config::{SecretSource, Settings, from_text};
use saphyr::Yaml;

use super::demo::{repository, text, volumes_are_there, words, yaml};

/// The user the proxy runs as everywhere, whose own traffic is exempt from redirection.
const PROXY_UID: i64 = 10_001;

fn settings() -> Settings {
    let read = from_text(&text("conf/deploy/intercept.toml"), "", SecretSource::Map(HashMap::new()));
    read.unwrap_or_else(|faults| panic!("{faults}"))
}

fn items<'y>(node: &'y Yaml<'_>) -> &'y [Yaml<'y>] {
    node.as_vec().unwrap()
}

fn word<'y>(node: &'y Yaml<'_>, key: &str) -> &'y str {
    node[key].as_str().unwrap_or_else(|| panic!("{key} is no text"))
}

fn named<'y>(list: &'y Yaml<'_>, name: &str) -> &'y Yaml<'y> {
    let found = items(list).iter().find(|item| word(item, "name") == name);
    found.unwrap_or_else(|| panic!("there is no {name}"))
}

/// Where a container mounts what: path and volume.
fn mounts<'y>(container: &'y Yaml<'_>) -> Vec<(&'y str, &'y str)> {
    let mounts = container.as_mapping_get("volumeMounts").map(items).unwrap_or_default();
    mounts.iter().map(|mount| (word(mount, "mountPath"), word(mount, "name"))).collect()
}

/// A file lies in something that is mounted.
fn is_mounted(mounts: &[(&str, &str)], file: &Path) -> bool {
    mounts.iter().any(|(path, _)| file.starts_with(path))
}

/// The stages of the Dockerfile that an image can be built to.
fn stages() -> Vec<String> {
    let dockerfile = text("scripts/docker/Dockerfile");
    let stage = |line: &str| Some(line.strip_prefix("FROM ")?.split_once(" AS ")?.1.to_owned());
    dockerfile.lines().filter_map(stage).collect()
}

#[test]
fn the_configuration_observes_holds_no_key_and_stays_on_loopback() {
    let settings = settings();
    let intercept = &settings.intercept;
    assert!(intercept.enabled && intercept.observe_only);
    assert_eq!(intercept.names(), ["api.anthropic.com", "api.openai.com"]);
    let listen = settings.server.listen.iter().map(|listen| listen.addr);
    let all: Vec<SocketAddr> = listen.chain([intercept.listen]).chain(settings.server.admin).collect();
    assert!(all.len() >= 3 && all.iter().all(|address| address.ip().is_loopback()), "{all:?}");
}

#[test]
fn the_pod_starts_the_proxy_without_root_before_anything_is_redirected() {
    let text = text("conf/deploy/kubernetes.yaml");
    let deployment = yaml(&text);
    assert_eq!((word(&deployment, "apiVersion"), word(&deployment, "kind")), ("apps/v1", "Deployment"));
    let template = &deployment["spec"]["template"];
    assert_eq!(template["metadata"]["labels"], deployment["spec"]["selector"]["matchLabels"]);
    let pod = &template["spec"];
    let order: Vec<_> = items(&pod["initContainers"]).iter().map(|one| word(one, "name")).collect();
    assert_eq!(order, ["authority", "pointsman", "redirect"]);
    let volumes: Vec<_> = items(&pod["volumes"]).iter().map(|volume| word(volume, "name")).collect();
    let all = items(&pod["initContainers"]).iter().chain(items(&pod["containers"]));
    for (container, (path, volume)) in
        all.flat_map(|one| mounts(one).into_iter().map(move |mount| (one, mount)))
    {
        assert!(volumes.contains(&volume), "{}: {path} is of no volume", word(container, "name"));
    }
    let (settings, proxy) = (settings(), named(&pod["initContainers"], "pointsman"));
    assert_eq!(word(proxy, "restartPolicy"), "Always", "a sidecar");
    for unprivileged in [proxy, named(&pod["initContainers"], "authority")] {
        let context = &unprivileged["securityContext"];
        assert_eq!(context["runAsUser"].as_integer(), Some(PROXY_UID));
        assert_eq!(context["runAsNonRoot"].as_bool(), Some(true));
        assert_eq!(words(&context["capabilities"]["drop"]), ["ALL"]);
        assert!(context["capabilities"].as_mapping_get("add").is_none());
        assert!(is_mounted(&mounts(unprivileged), &settings.intercept.ca.key));
    }
    assert!(is_mounted(&mounts(proxy), &settings.ledger.path));
    let drain = i64::try_from(settings.server.drain_seconds).unwrap();
    assert!(pod["terminationGracePeriodSeconds"].as_integer().unwrap() > drain + 5);
    let probe = *words(&proxy["startupProbe"]["exec"]["command"]).last().unwrap();
    let listen = settings.intercept.listen;
    assert!(probe.contains(&format!("{}/{}", listen.ip(), listen.port())), "{probe}");
}

#[test]
fn the_redirect_exempts_the_proxy_and_only_it_is_privileged() {
    let text_of_pod = text("conf/deploy/kubernetes.yaml");
    let deployment = yaml(&text_of_pod);
    let pod = &deployment["spec"]["template"]["spec"];
    let redirect = named(&pod["initContainers"], "redirect");
    let env = |name| word(named(&redirect["env"], name), "value");
    assert_eq!(env("POINTSMAN_UID"), PROXY_UID.to_string());
    assert_eq!(env("POINTSMAN_PORT"), settings().intercept.listen.port().to_string());
    assert_eq!(words(&redirect["args"]), ["up"]);
    assert_eq!(words(&redirect["securityContext"]["capabilities"]["add"]), ["NET_ADMIN", "NET_RAW"]);
    assert_eq!(redirect["securityContext"].as_mapping_get("privileged"), None);
    assert!(stages().iter().any(|stage| stage == "redirect"));
    let application = named(&pod["containers"], "application");
    assert_ne!(
        application["securityContext"]["runAsUser"].as_integer(),
        Some(PROXY_UID),
        "it would be exempt"
    );
    assert!(!mounts(application).iter().any(|(_, volume)| *volume == "ca"), "the key is the proxy's alone");
    for variable in items(&application["env"]) {
        let (name, file) = (word(variable, "name"), word(variable, "value"));
        assert!(is_mounted(&mounts(application), Path::new(file)), "{name}");
        assert!(text_of_pod.contains(&format!("{file}\n")), "{name}: nobody writes {file}");
    }
}

#[test]
fn the_composition_and_the_pod_say_the_same() {
    let text_of_compose = text("conf/deploy/compose.yml");
    let compose = yaml(&text_of_compose);
    let services = compose["services"].as_mapping().unwrap();
    let names: Vec<_> = services.keys().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(names, ["authority", "pointsman", "redirect", "application"]);
    for (name, service) in services {
        let name = name.as_str().unwrap();
        volumes_are_there(&compose, service, &repository().join("conf/deploy"));
        if let Some(mode) = service.as_mapping_get("network_mode") {
            assert_eq!(mode.as_str(), Some("service:pointsman"), "{name}");
        }
        if let Some(build) = service.as_mapping_get("build") {
            assert!(
                repository().join("conf/deploy").join(word(build, "context")).join("Cargo.toml").exists()
            );
            assert!(repository().join(word(build, "dockerfile")).exists());
            let target = build.as_mapping_get("target").map(|target| target.as_str().unwrap());
            assert!(target.is_none_or(|target| stages().iter().any(|stage| stage == target)), "{name}");
        }
    }
    let (redirect, application) = (&compose["services"]["redirect"], &compose["services"]["application"]);
    assert_eq!(word(&redirect["environment"], "POINTSMAN_UID"), PROXY_UID.to_string());
    let listen = settings().intercept.listen;
    assert_eq!(word(&redirect["environment"], "POINTSMAN_PORT"), listen.port().to_string());
    assert_eq!(word(&application["environment"], "HTTPS_PROXY"), format!("http://{listen}"));
    assert!(!words(&application["volumes"]).iter().any(|volume| volume.starts_with("ca:")), "the key");
    // What makes the authority is written once, and is the same in both.
    let text_of_pod = text("conf/deploy/kubernetes.yaml");
    let pod = yaml(&text_of_pod);
    let authority = named(&pod["spec"]["template"]["spec"]["initContainers"], "authority");
    let made = words(&compose["services"]["authority"]["command"]);
    assert_eq!(words(&authority["command"]).last(), made.last());
}

#[test]
fn the_image_and_the_unit_name_what_is_there() {
    let dockerfile = text("scripts/docker/Dockerfile");
    for line in dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "))
        .filter(|line| !line.starts_with("--"))
    {
        let mut words: Vec<_> = line.split(' ').collect();
        words.pop();
        for source in words {
            assert!(repository().join(source).exists(), "{source} is not there");
        }
    }
    assert!(dockerfile.contains(&format!("useradd --system --uid {PROXY_UID} ")));
    assert!(dockerfile.lines().any(|line| line == format!("USER {PROXY_UID}")), "not root");
    let unit = text("conf/deploy/pointsman.service");
    let mut section = "";
    let mut seen = HashMap::new();
    for line in unit.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name;
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("`{line}` is no assignment"));
        assert!(key.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{line}");
        seen.insert((section, key), value);
    }
    assert_eq!(seen[&("Service", "User")], "pointsman");
    assert_eq!(seen[&("Service", "NoNewPrivileges")], "true");
    let start: Vec<_> = seen[&("Service", "ExecStart")].split(' ').collect();
    assert_eq!(start[1..], ["serve", "--config", "/etc/pointsman/pointsman.toml"]);
    assert_eq!(seen[&("Install", "WantedBy")], "multi-user.target");
}
