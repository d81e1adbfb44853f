//! What stands in `conf/deploy`: no engine runs it here, so its files are parsed and held against their schemas, and what they say
//! of each other, of the images and of the configuration is checked.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use pointsman::config::{SecretSource, Settings, from_text};
use saphyr::Yaml;
use serde_json::Value;

use super::demo::{repository, text, volumes_are_there, words, yaml};
use super::layout::source_files;
use crate::support::needs::without;
use crate::support::schema::{Schema, json};

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

/// The files outside `src` that the program holds (`include_str!`, `include_bytes!`).
fn held_by_the_program() -> Vec<PathBuf> {
    let mut held = Vec::new();
    for file in source_files() {
        let text = std::fs::read_to_string(&file).unwrap();
        let named =
            ["include_str!(\"", "include_bytes!(\""].into_iter().flat_map(|call| text.split(call).skip(1));
        let folder = file.parent().unwrap();
        held.extend(named.map(|rest| folder.join(rest.split('"').next().unwrap()).canonicalize().unwrap()));
    }
    assert!(held.len() > 6, "{held:?}");
    held
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
    let copied = |path: &Path| {
        let copies = dockerfile.lines().filter_map(|line| line.strip_prefix("COPY "));
        let mut sources =
            copies.filter_map(|line| line.rsplit_once(' ')).flat_map(|(from, _)| from.split(' '));
        sources.any(|source| path.starts_with(repository().join(source)))
    };
    for held in held_by_the_program() {
        assert!(copied(&held), "the image is built without {}, which the program holds", held.display());
    }
    assert!(dockerfile.contains(&format!("useradd --system --uid {PROXY_UID} ")));
    assert!(dockerfile.lines().any(|line| line == format!("USER {PROXY_UID}")), "not root");
    let unit = unit(&text("conf/deploy/pointsman.service"));
    let said = |section: &str, key: &str| unit[section][key].as_str().unwrap().to_owned();
    assert_eq!(said("Service", "User"), "pointsman");
    assert_eq!(said("Service", "NoNewPrivileges"), "true");
    let start = said("Service", "ExecStart");
    let start: Vec<_> = start.split(' ').collect();
    assert_eq!(start[1..], ["serve", "--config", "/etc/pointsman/pointsman.toml"]);
    assert_eq!(said("Install", "WantedBy"), "multi-user.target");
}

/// A unit as sections of keys and texts.
fn unit(text: &str) -> Value {
    let (mut unit, mut section) = (Value::Object(serde_json::Map::new()), String::new());
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with(['#', ';'])) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            name.clone_into(&mut section);
            unit[&section] = Value::Object(serde_json::Map::new());
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("`{line}` is no assignment"));
        let members = unit[&section].as_object_mut().unwrap();
        assert!(members.insert(key.to_owned(), value.into()).is_none(), "{key} stands there twice");
    }
    unit
}

/// Every file with its schema, and the keys whose members are named by whoever writes the file.
fn checked() -> Vec<(&'static str, Schema, Value, &'static [&'static str])> {
    let schema = |name: &str| Schema::parse(&text(&format!("tests/fixtures/schemas/{name}.json")));
    let of_yaml = |path: &str| json(&yaml(&text(path)));
    let pod = "conf/deploy/kubernetes.yaml";
    let service = "conf/deploy/pointsman.service";
    let composition: &[&str] = &["services", "volumes", "environment", "depends_on"];
    let mut all = vec![
        (pod, schema("kubernetes"), of_yaml(pod), &["labels", "matchLabels", "limits", "requests"][..]),
        (service, schema("systemd"), unit(&text(service)), &[]),
    ];
    for path in ["conf/deploy/compose.yml", "docker-compose.yml"] {
        all.push((path, schema("compose"), of_yaml(path), composition));
    }
    all
}

#[test]
fn the_files_are_what_their_schemas_ask_for() {
    for (path, schema, value, _) in checked() {
        assert_eq!(schema.faults(&value), Vec::<String>::new(), "{path}");
    }
}

/// Calls `each` with every change of one place of a value: what it is about, the key above it, and the whole with the change.
fn changed(
    value: &Value,
    (above, at): (&str, &str),
    whole: &dyn Fn(Value) -> Value,
    each: &mut dyn FnMut(&str, &str, Value),
) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                let renamed = members.iter().map(|(known, member)| {
                    (if known == key { format!("{key}x") } else { known.clone() }, member.clone())
                });
                let at = format!("{at}.{key}");
                each(&format!("{at}, misspelt"), above, whole(Value::Object(renamed.collect())));
                let with = |changed: Value| {
                    let mut members = members.clone();
                    members.insert(key.clone(), changed);
                    whole(Value::Object(members))
                };
                changed(member, (key, &at), &with, each);
            }
        }
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                let with = |changed: Value| {
                    let mut items = items.clone();
                    items[place] = changed;
                    whole(Value::Array(items))
                };
                changed(item, (above, &format!("{at}[{place}]")), &with, each);
            }
        }
        _ => {
            each(&format!("{at}, of another type"), "", whole(serde_json::json!({ "no": ["such", "type"] })))
        }
    }
}

#[test]
fn a_misspelt_key_and_a_value_of_another_type_are_found_wherever_they_stand() {
    for (path, schema, value, free) in checked() {
        let (mut tried, mut passed) = (0, BTreeSet::new());
        changed(&value, ("", ""), &|whole| whole, &mut |what, above, whole| {
            tried += 1;
            if schema.faults(&whole).is_empty() && !free.contains(&above) {
                passed.insert(what.to_owned());
            }
        });
        assert!(tried > 30, "{path}: {tried} changes");
        assert_eq!(passed, BTreeSet::new(), "{path}: of {tried} changes these were not seen");
    }
}

#[test]
fn systemd_itself_knows_every_key_of_the_unit() {
    let verified = |text: &str| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pointsman.service");
        std::fs::write(&file, text.replace("ExecStart=/usr/local/bin/pointsman", "ExecStart=/bin/true"))
            .unwrap();
        let output = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(file).output().ok()?;
        Some(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let text = text("conf/deploy/pointsman.service");
    let Some(said) = verified(&text) else {
        return without("systemd-analyze", "what systemd itself says of the unit");
    };
    assert_eq!(said, "");
    let misspelt = verified(&text.replace("NoNewPrivileges", "NoNewPrivilege")).unwrap();
    assert!(misspelt.contains("NoNewPrivilege"), "{misspelt}");
}

#[test]
fn what_a_schema_says_is_what_is_found() {
    let schema = Schema::parse(&text("tests/fixtures/schemas/compose.json"));
    let faults = |yaml_text: &str| schema.faults(&json(&yaml(yaml_text))).join("\n");
    assert!(faults("services: { a: { imag: x } }").contains(".services.a.imag: there is no such key"));
    assert!(faults("services: { a: { cap_add: [X, X] } }").contains("an item twice"));
    assert!(faults("services: { a: { oom_score_adj: 2000 } }").contains("out of bounds"));
    assert!(faults("services: { a: { depends_on: { b: { condition: sometimes } } } }").contains("none of"));
    assert!(faults("services: { a: { depends_on: { b: {} } } }").contains("\"condition\" is missing"));
    assert!(faults("services: { a: { container_name: '-' } }").contains("is not written as"));
    assert_eq!(faults("services: { a: { image: x, x-own: 1, depends_on: [b] }, b: { image: y } }"), "");
}
