//! A configuration is right, or every fault is found at its place.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use super::{Faults, SecretSource, Settings, from_text, load};
use crate::catalog::{AuthScheme, Credential, License, Mode};
use crate::ledger::LedgerMode;
use crate::types::{Day, Dialect, FailureClass, PricePerMillion, TaskClass};

mod plan_tests;
mod service_tests;
mod spend_tests;
mod step_tests;

/// Small and right. The tests break one line of it.
const RIGHT: &str = r#"[server]
listen = ["127.0.0.1:8080"]
admin = "127.0.0.1:8081"

[[clients]]
id = "app"
key = "env:APP_KEY"

[[providers]]
id = "openai"
dialect = "openai"
base_url = "https://api.openai.com/v1"
auth = "bearer"
credential = "env:OPENAI_KEY"

[[models]]
id = "small"
tier = "edge"
context_tokens = 128000
max_output_tokens = 16000
capabilities = ["vision", "-sampling"]
price = { input = 0.15, output = 0.60 }
quality = { default = 0.7 }
deployments = [{ provider = "openai", upstream_name = "gpt-4o-mini" }]

[[models]]
id = "large"
tier = "frontier"
context_tokens = 128000
max_output_tokens = 16000
deployments = [{ provider = "openai" }]

[[policies]]
name = "default"
match = { models = ["auto"] }
mode = "route"
baseline = "large"
candidates = ["small", "large"]
fallback = ["large"]

[ledger]
path = "test.db"
"#;

fn secrets() -> SecretSource {
    let values =
        [("APP_KEY", "pk-app-canary"), ("OPENAI_KEY", "sk-openai-canary"), ("OTHER_KEY", "pk-app-canary")];
    let values = values.into_iter().chain([("EMPTY_KEY", ""), ("BROKEN_KEY", "sk-broken\nsecret")]);
    SecretSource::Map(
        values.map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<HashMap<_, _>>(),
    )
}

fn read(text: &str) -> Result<Settings, Faults> {
    from_text(text, "", secrets())
}

/// `RIGHT` with one piece replaced, which must stand in it once.
fn broken(piece: &str, instead: &str) -> String {
    assert_eq!(RIGHT.matches(piece).count(), 1, "`{piece}` must stand in the text once");
    RIGHT.replace(piece, instead)
}

/// The key at fault, and its line: that of a piece of the broken text.
fn check(piece: &str, instead: &str, key: &str, at: &str) -> String {
    let text = broken(piece, instead);
    let place = text.find(at).unwrap_or_else(|| panic!("`{at}` is not in the broken text"));
    let line = text[..place].lines().count().max(1) + usize::from(text[..place].ends_with('\n'));
    let faults = read(&text).err().unwrap_or_else(|| panic!("`{instead}` was accepted"));
    let found: Vec<_> = faults.list.iter().map(|fault| (fault.key.as_str(), fault.line as usize)).collect();
    assert_eq!(found, [(key, line)], "`{instead}`: {faults}");
    assert!(!faults.to_string().contains("-canary"), "a secret is shown: {faults}");
    faults.list[0].message.clone()
}

#[test]
fn a_right_configuration_becomes_settings() {
    let settings = read(RIGHT).unwrap();
    let snapshot = &settings.snapshot;
    assert_eq!(settings.server.listen[0].addr.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.server.max_body_bytes, 33_554_432);
    assert_eq!((settings.ledger.mode, settings.ledger.retention_days), (LedgerMode::BestEffort, 30));
    let provider = &snapshot.providers[0];
    assert_eq!((provider.dialect, provider.auth), (Dialect::OpenAi, AuthScheme::Bearer));
    assert!(
        matches!(&provider.credential, Credential::Held(secret) if secret.expose() == "sk-openai-canary")
    );
    assert_eq!(provider.clocks.first_byte, Duration::from_secs(30));
    assert_eq!(snapshot.defaults.openai.map(|ix| ix.at()), Some(0));
    let small = &snapshot.models[0];
    let declared: Vec<_> = small.capabilities.words().collect();
    assert_eq!(
        declared,
        ["tools", "json_object", "vision", "n"],
        "declared, assumed, and without `-sampling`"
    );
    assert_eq!(small.prices.on(Day(0)).map(|price| price.output), PricePerMillion::from_usd(0.6));
    assert!((small.quality.for_task(TaskClass::Math, small.tier) - 0.7).abs() < 1e-9);
    let large = &snapshot.models[1];
    assert!(large.prices.latest().is_none(), "no price is unpriced");
    let assumed: Vec<_> = large.capabilities.words().collect();
    assert_eq!(assumed, ["tools", "json_object", "n", "sampling"]);
    let deployment = snapshot.deployment(large.deployments[0]);
    assert_eq!((deployment.id.as_str(), &*deployment.upstream_name), ("large@openai", "large"));
    let policy = &snapshot.policies[0];
    assert_eq!((policy.mode, policy.license), (Mode::Route, License::Paired));
    assert!(
        policy.on.contains(&FailureClass::ContextLength) && !policy.on.contains(&FailureClass::ContentFilter)
    );
    assert!(snapshot.clients.identify(b"pk-app-canary").is_some());
    assert!(snapshot.clients.identify(b"pk-app").is_none());
}

#[test]
fn faults_of_the_server_are_found() {
    let listen = "listen = [\"127.0.0.1:8080\"]";
    let row = |instead: &str, key| check(listen, instead, key, instead);
    row("listen = [\"localhost\"]", "server.listen[0]");
    row("listen = []", "server.listen");
    row("listen = \"127.0.0.1:8080\"", "server.listen");
    row("listen = [7]", "server.listen[0]");
    row("listen = [\"127.0.0.1:1\", \"127.0.0.1:1\"]", "server.listen[1]");
    row("listen = [{ addr = \"127.0.0.1:1\", tls = { cert = \"a\" } }]", "server.listen[0].tls.key");
    row("listen = [{ tsl = 1, addr = \"127.0.0.1:1\" }]", "server.listen[0].tsl");
    row("max_body_bytes = -1", "server.max_body_bytes");
    row("half_close = \"no\"", "server.half_close");
    row("default_provider = { openai = \"opnai\" }", "server.default_provider.openai");
    row("default_provider = { anthropic = \"openai\" }", "server.default_provider.anthropic");
    row("admin_token = \"topsecret-canary\"", "server.admin_token");
    let near = row("max_body_byte = 1", "server.max_body_byte");
    assert!(near.contains("did you mean `max_body_bytes`"), "{near}");
    let admin = "admin = \"127.0.0.1:8081\"";
    check(admin, "admin = \"0.0.0.0:8081\"", "server.admin", "admin = ");
    check(admin, "admin = \"127.0.0.1:8080\"", "server.admin", "admin = ");
}

#[test]
fn faults_of_clients_are_found() {
    let key = "key = \"env:APP_KEY\"";
    let row = |instead: &str, name| check(key, instead, name, instead.lines().last().unwrap());
    assert!(row("key = \"env:MISSING\"", "clients[0].key").contains("MISSING is not set"));
    row("key = \"pk-app-canary\"", "clients[0].key");
    row("key = \"env:EMPTY_KEY\"", "clients[0].key");
    row("key = \"env:BROKEN_KEY\"", "clients[0].key");
    row("key = \"file:/nonexistent/key\"", "clients[0].key");
    row("key = \"env:APP_KEY\"\npolicies = [\"defualt\"]", "clients[0].policies[0]");
    row("key = \"env:APP_KEY\"\ntags = { team = \"a b\" }", "clients[0].tags.team");
    row("key = \"env:APP_KEY\"\n[[clients]]\nid = \"two\"\nkey = \"env:OTHER_KEY\"", "clients[1].key");
    row("key = \"env:APP_KEY\"\n[[clients]]\nkey = \"env:OPENAI_KEY\"\nid = \"app\" # 2", "clients[1].id");
    check(key, "", "clients[0].key", "[[clients]]");
    check("id = \"app\"", "id = \"my app\"", "clients[0].id", "id = \"my app\"");
}

#[test]
fn faults_of_providers_are_found() {
    let url = "base_url = \"https://api.openai.com/v1\"";
    let row =
        |value: &str| check(url, &format!("base_url = \"{value}\""), "providers[0].base_url", "base_url");
    row("api.openai.com/v1");
    row("ftp://api.openai.com");
    row("https:///v1");
    row("https://:443/v1");
    row("https://user:word@api.openai.com");
    row("https://api.openai.com:0/v1");
    row("https://api.openai.com/v1?key=1");
    row("http://models.internal/v1");
    row("http://localhost:8080/v1");
    row("https://[::1/v1");
    check(url, "", "providers[0].base_url", "[[providers]]");
    check("dialect = \"openai\"", "dialect = \"opanai\"", "providers[0].dialect", "dialect");
    check("auth = \"bearer\"", "auth = \"none\"", "providers[0].credential", "credential");
    check("auth = \"bearer\"", "retries = 99", "providers[0].retries", "retries");
    check("auth = \"bearer\"", "addresses = [\"api.openai.com\"]", "providers[0].addresses[0]", "addresses");
    check("auth = \"bearer\"", "timeouts = { connct_ms = 5 }", "providers[0].timeouts.connct_ms", "timeouts");
    let credential = "credential = \"env:OPENAI_KEY\"";
    check(credential, "credential = \"sk-canary\"", "providers[0].credential", "credential");
    check(credential, "", "providers[0].credential", "[[providers]]");
    let anthropic = "[[providers]]\nid = \"a\"\ndialect = \"anthropic\"\nbase_url = \"https://a.com/v1/\"\ncredential = \
                     \"none\"\n[ledger]";
    check("[ledger]", anthropic, "providers[1].base_url", "base_url = \"https://a.com/v1/\"");
    let twice = "[[providers]]\nid = \"openai\" # again\ndialect = \"openai\"\nbase_url = \"https://b.com\"\ncredential = \
                 \"none\"\n[ledger]";
    check("[ledger]", twice, "providers[1].id", "id = \"openai\" # again");
}

#[test]
fn faults_of_models_are_found() {
    let auto = "[[models]]\nid = \"auto\"\ntier = \"edge\"\ncontext_tokens = 9\nmax_output_tokens = 9\n\
                deployments = [{ provider = \"openai\" }]\n[ledger]";
    check("[ledger]", auto, "models[2].id", "id = \"auto\"");
    let window = "id = \"small\"\ncontext_tokens = 8 #";
    check(
        "id = \"small\"\ntier = \"edge\"\ncontext_tokens = 128000",
        &format!("{window}\ntier = \"edge\""),
        "models[0].max_output_tokens",
        "max_output_tokens",
    );
    check("tier = \"edge\"", "tier = \"egde\"", "models[0].tier", "tier = \"egde\"");
    check("tier = \"edge\"", "", "models[0].tier", "[[models]]");
    check(
        "[\"vision\", \"-sampling\"]",
        "[\"vision\", \"-samplign\"]",
        "models[0].capabilities[1]",
        "capabilities",
    );
    let price = "price = { input = 0.15, output = 0.60 }";
    let row = |value: &str, key: &str| check(price, &format!("price = {value}"), key, "price = ");
    row("{ input = -1, output = 1 }", "models[0].price.input");
    row("{ input = 1 }", "models[0].price.output");
    row("{ input = nan, output = 1 }", "models[0].price.input");
    row("{ input = 1, output = 1, valid_from = \"soon\" }", "models[0].price.valid_from");
    row("{ input = 1, output = 1, valid_from = \"2026-02-30\" }", "models[0].price.valid_from");
    row("[{ input = 1, output = 1 }, { input = 2, output = 2 }]", "models[0].price[1]");
    row("{ input = 1, output = 1, cached = 1 }", "models[0].price.cached");
    check("{ default = 0.7 }", "{ default = 1.7 }", "models[0].quality.default", "quality");
    check("{ default = 0.7 }", "{ maths = 0.7 }", "models[0].quality.maths", "quality");
    let deployments = "[{ provider = \"openai\", upstream_name = \"gpt-4o-mini\" }]";
    let row = |value: &str, key: &str| check(deployments, value, key, value);
    row("[]", "models[0].deployments");
    row("[{ provider = \"opnai\" }]", "models[0].deployments[0].provider");
    row("[{ provider = \"openai\", endpoints = [\"10.0.0.7\"] }]", "models[0].deployments[0].endpoints[0]");
    row("[{ provider = \"openai\", upstream_name = \"\" }]", "models[0].deployments[0].upstream_name");
}

#[test]
fn faults_of_policies_are_found() {
    check("baseline = \"large\"", "baseline = \"lagre\"", "policies[0].baseline", "baseline");
    assert!(check("baseline = \"large\"", "", "policies[0].baseline", "[[policies]]").contains("\"auto\""));
    check("[\"small\", \"large\"]", "[\"small\", \"huge\"]", "policies[0].candidates[1]", "candidates");
    check(
        "fallback = [\"large\"]",
        "fallback = [\"large\", \"large\"]",
        "policies[0].fallback[1]",
        "fallback",
    );
    let row = |value: &str, key: &str| check("mode = \"route\"", value, key, value);
    assert!(row("mode = \"rout\"", "policies[0].mode").contains("did you mean `route`"));
    row("canary_share = 1.5", "policies[0].canary_share");
    row("max_cost_usd = -0.1", "policies[0].max_cost_usd");
    row("deadline_ms = 0", "policies[0].deadline_ms");
    row("on = [\"conect\"]", "policies[0].on[0]");
    row("on = [\"bad_request\"]", "policies[0].on[0]");
    row("on = [\"auth\"]", "policies[0].on");
    row("plans = [\"cascades\"]", "policies[0].plans[0]");
    row("on_stream_break = \"continue\"", "policies[0].on_stream_break");
    row("sessions = { tool_loops = \"any\" }", "policies[0].sessions.tool_loops");
    row("sessions = { max_switch_usd = -1 }", "policies[0].sessions.max_switch_usd");
    row("sessions = { steps = 1 }", "policies[0].sessions.steps");
    row("sessions = { horizon_turns = 1000 }", "policies[0].sessions.horizon_turns");
    row("holdout = -0.1", "policies[0].holdout");
    row("ttft_ms = 10\ndeadline_ms = 5", "policies[0].ttft_ms");
    let row = |value: &str, key: &str| check("match = { models = [\"auto\"] }", value, key, value);
    row("match = { models = [] }", "policies[0].match.models");
    row("match = { models = [\"g*t\"] }", "policies[0].match.models[0]");
    row("match = { models = [\"gpt\"], clients = [\"ap\"] }", "policies[0].match.clients[0]");
    row("match = { models = [\"gpt\"], paths = [\"v1\"] }", "policies[0].match.paths[0]");
    row("match = { models = [\"gpt\"], headers = { \"a b\" = \"c\" } }", "policies[0].match.headers.a b");
    check("match = { models = [\"auto\"] }", "", "policies[0].match", "[[policies]]");
}

#[test]
fn faults_of_the_rest_are_found() {
    check("path = \"test.db\"", "mode = \"always\"", "ledger.mode", "mode = \"always\"");
    check("path = \"test.db\"", "retention_day = 3", "ledger.retention_day", "retention_day");
    check("[ledger]", "[routing]\nprofile = \"/nonexistent.json\"\n[ledger]", "routing.profile", "profile");
    check("[ledger]", "[routing]\npredictor = \"/none.pred\"\n[ledger]", "routing.predictor", "predictor");
    check("[ledger]", "[leger]", "leger", "[leger]");
    check("[ledger]", "[providers2]", "providers2", "[providers2]");
    check("[ledger]", "[ledger", "", "[ledger");
    check("tier = \"edge\"", "tier = \"edge\"\ntier = \"edge\" # again", "", "tier = \"edge\" # again");
}

#[test]
fn our_credential_is_not_sent_unencrypted_to_replicas() {
    let text = broken("https://api.openai.com/v1", "http://localhost:9000/v1");
    let replicas = "upstream_name = \"gpt-4o-mini\", endpoints = [\"127.0.0.1:9001\", \"10.0.0.7:9001\"]";
    let text = text.replace("upstream_name = \"gpt-4o-mini\"", replicas);
    let faults = read(&text).unwrap_err();
    assert_eq!(
        (faults.list.len(), faults.list[0].key.as_str()),
        (1, "models[0].deployments[0].endpoints[1]")
    );
    assert!(read(&text.replace("env:OPENAI_KEY", "passthrough")).is_ok());
}

#[test]
fn an_open_listener_does_not_lend_out_our_credential() {
    let client = "[[clients]]\nid = \"app\"\nkey = \"env:APP_KEY\"\n";
    let open = broken(client, "").replace("127.0.0.1:8080", "0.0.0.0:8080");
    let faults = read(&open).unwrap_err();
    assert_eq!(
        (faults.list.len(), faults.list[0].key.as_str(), faults.list[0].line),
        (1, "server.listen[0]", 2)
    );
    assert!(read(&open.replace("env:OPENAI_KEY", "passthrough")).is_ok());
    assert!(read(&broken(client, "")).is_ok(), "on loopback a held credential needs no client");
}

#[test]
fn all_faults_are_reported_at_once_in_the_order_of_the_file() {
    let text = RIGHT
        .replace("dialect = \"openai\"", "dialekt = \"openai\"")
        .replace("env:OPENAI_KEY", "env:NOT_SET")
        .replace("tier = \"edge\"", "tier = 3")
        .replace("input = 0.15", "input = \"cheap\"")
        .replace("baseline = \"large\"", "baseline = \"larg\"")
        .replace("path = \"test.db\"", "path = 1");
    let faults = read(&text).unwrap_err();
    let keys: Vec<_> = faults.list.iter().map(|fault| (fault.line, fault.key.as_str())).collect();
    let expected = [
        (9, "providers[0].dialect"),
        (11, "providers[0].dialekt"),
        (14, "providers[0].credential"),
        (18, "models[0].tier"),
        (22, "models[0].price.input"),
        (37, "policies[0].baseline"),
        (42, "ledger.path"),
    ];
    assert_eq!(keys, expected, "{faults}");
    let shown = faults.in_file("conf/x.toml".to_owned()).to_string();
    assert_eq!(shown.lines().count(), 7, "{shown}");
    assert!(shown.contains(
        "conf/x.toml:11:1 providers[0].dialekt: this key is not known here; did you mean `dialect`?"
    ));
}

#[test]
fn a_file_that_cannot_be_read_is_one_fault() {
    let faults = load(Path::new("/nonexistent/x.toml"), SecretSource::Dummy).unwrap_err();
    assert!(faults.to_string().starts_with("/nonexistent/x.toml: cannot be read"), "{faults}");
}

#[test]
fn every_example_loads() {
    let names = ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "BACKUP_API_KEY", "SEARCH_KEY", "SUPPORT_KEY"];
    let names = names.into_iter().chain(["POINTSMAN_ADMIN_TOKEN"]);
    let values: HashMap<_, _> = names.map(|name| (name.to_owned(), format!("value-of-{name}"))).collect();
    for name in ["pointsman", "sidecar", "edge", "self-hosted"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("conf/{name}.toml"));
        let given =
            load(&path, SecretSource::Map(values.clone())).unwrap_or_else(|faults| panic!("{faults}"));
        let dummy = load(&path, SecretSource::Dummy).unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!(
            given.snapshot.version, dummy.snapshot.version,
            "{name}: secrets are not part of the version"
        );
    }
}

#[test]
fn the_default_works_without_any_key() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/pointsman.toml");
    let settings = load(&path, SecretSource::Map(HashMap::new())).unwrap();
    let snapshot = &settings.snapshot;
    assert!(snapshot.providers.iter().all(|one| matches!(one.credential, Credential::Passthrough)));
    assert!(snapshot.policies.iter().all(|one| one.mode == Mode::Observe && one.baseline.is_some()));
    assert!(settings.server.listen.iter().all(|listen| listen.addr.ip().is_loopback()));
}

/// The default file shows every key of `[server]` with its default.
#[test]
fn the_default_file_shows_the_defaults() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/pointsman.toml");
    let shown = load(&path, SecretSource::Dummy).unwrap().server;
    assert_eq!(format!("{shown:?}"), format!("{:?}", super::ServerSettings::default()));
}

#[test]
fn replay_needs_neither_secrets_nor_files() {
    let text = broken("[ledger]", "[routing]\nprofile = \"/nonexistent.json\"\n[ledger]");
    let profile = r#"{"evidence":[{"baseline":"large","model":"small","task":"math","level":"paired","pairs":40,
        "mean_quality":0.8,"mean_loss":0.0,"loss_upper":0.01}]}"#;
    let settings = from_text(&text, profile, SecretSource::Dummy).unwrap();
    let cell = settings.snapshot.evidence.get(&"large".into(), &"small".into(), TaskClass::Math);
    assert_eq!(cell.map(|evidence| evidence.pairs), Some(40));
    assert_eq!(&*settings.snapshot.profile, profile);
    assert_ne!(
        settings.snapshot.version,
        from_text(&text, "", SecretSource::Dummy).unwrap().snapshot.version
    );
}

#[test]
fn an_impossible_profile_is_refused() {
    let unlabelled = |of: &str| {
        let figures = r#""level":"paired","pairs":40,"mean_loss":0.01,"loss_upper":0.02"#;
        format!(r#"{{"evidence":[{{"baseline":"large","model":"{of}","task":"math",{figures}}}]}}"#)
    };
    assert!(from_text(RIGHT, &unlabelled("cascade(small & b | large)"), SecretSource::Dummy).is_ok());
    let faults = from_text(RIGHT, &unlabelled("small"), SecretSource::Dummy).unwrap_err();
    assert!(faults.list[0].message.contains("lacks its mean_quality"), "{faults}");
    for profile in ["[]", "{\"evidence\":[{}]}", "{\"evidence\":[],\"more\":1}"] {
        let faults = from_text(RIGHT, profile, SecretSource::Dummy).unwrap_err();
        assert_eq!(faults.list[0].key, "routing.profile", "{faults}");
    }
}

#[test]
fn prices_take_effect_on_their_days() {
    let list = "[{ input = 2, output = 2, valid_from = 2026-01-01 }, { input = 1, output = 1 }]";
    let settings = read(&broken("{ input = 0.15, output = 0.60 }", list)).unwrap();
    let prices = &settings.snapshot.models[0].prices;
    let input = |day| prices.on(Day(day)).map(|price| price.input.0 / 1_000_000_000);
    assert_eq!((input(20_453), input(20_454)), (Some(1), Some(2)), "2026-01-01 is day 20454");
}

#[test]
fn deployments_at_one_provider_are_numbered() {
    let several = "[{ provider = \"openai\", upstream_name = \"a\" }, { provider = \"openai\", upstream_name = \"b\" }]";
    let text = broken("[{ provider = \"openai\", upstream_name = \"gpt-4o-mini\" }]", several);
    let settings = read(&text).unwrap();
    let ids: Vec<_> = settings.snapshot.deployments.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, ["small@openai#1", "small@openai#2", "large@openai"]);
}

#[test]
fn a_key_file_is_read_without_its_line_end() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "pk-from-file\n").unwrap();
    let text = broken("env:APP_KEY", &format!("file:{}", file.path().display()));
    assert!(read(&text).unwrap().snapshot.clients.identify(b"pk-from-file").is_some());
}

#[test]
fn a_listener_that_serves_has_its_certificates() {
    let tls = "{ addr = \"127.0.0.1:8080\", tls = { cert = \"/nonexistent\", key = \"/nonexistent\" } }";
    let text = broken("\"127.0.0.1:8080\"", tls).replace("env:OPENAI_KEY", "none");
    let text = text.replace("[[clients]]\nid = \"app\"\nkey = \"env:APP_KEY\"\n", "");
    assert!(read(&text).is_ok());
    let faults = from_text(&text, "", SecretSource::Environment).unwrap_err();
    let keys: Vec<_> = faults.list.iter().map(|fault| fault.key.as_str()).collect();
    assert_eq!(keys, ["server.listen[0].tls.cert", "server.listen[0].tls.key"]);
}

#[test]
fn a_predictor_is_tied_to_the_models_it_knows() {
    let learned = |text: &str| {
        let settings = read(text).unwrap();
        settings.snapshot.learned.as_ref().map(|found| (found.own.clone(), found.tiers.clone()))
    };
    let plain = broken("path = \"test.db\"", "path = \"test.db\"");
    assert_eq!(learned(&plain.replace("[ledger]", "[routing]\npredictor = \"none\"\n[ledger]")), None);
    let known =
        plain.replacen("tier = \"edge\"", "tier = \"edge\"\nlearned_as = \"gpt-4o-mini-2024-07-18\"", 1);
    let (own, tiers) = learned(&known).unwrap();
    assert!(own[0].is_some() && own[1].is_none() && tiers[1].is_some(), "{own:?} {tiers:?}");
    // What the configuration believes stands before what is known of a tier.
    let believed =
        known.replacen("tier = \"frontier\"", "tier = \"frontier\"\nquality = { default = 0.9 }", 1);
    assert_eq!(learned(&believed).unwrap().1[1], None);
}

#[test]
fn a_damaged_predictor_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.pred");
    let mut bytes = std::fs::read("conf/default.pred").unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let text = broken("[ledger]", &format!("[routing]\npredictor = \"{}\"\n[ledger]", path.display()));
    let faults = read(&text).unwrap_err();
    assert_eq!((faults.list.len(), faults.list[0].key.as_str()), (1, "routing.predictor"));
    assert!(faults.to_string().contains("checksum"), "{faults}");
    bytes[middle] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    assert!(read(&text).is_ok());
}

#[test]
fn interception_is_off_unless_asked_for_and_never_open_to_all() {
    let with = |lines: &str| format!("[intercept]\n{lines}\n[ledger]");
    let settings = read(&broken("[ledger]", &with("hosts = [\"API.openai.com\"]"))).unwrap().intercept;
    assert!(!settings.enabled && settings.observe_only && settings.listen.ip().is_loopback());
    assert_eq!(settings.names(), ["api.openai.com"]);
    let row = |lines: &str, key| check("[ledger]", &with(lines), key, lines.lines().last().unwrap());
    assert!(row("hosts = [\"openai.com\"]", "intercept.hosts[0]").contains("only those are ever decrypted"));
    row("off_list = \"tunel\"", "intercept.off_list");
    row("mode = \"routed\"", "intercept.mode");
    row("listen = \"8443\"", "intercept.listen");
    row("ca = { cert = \"\" }", "intercept.ca.cert");
    row("ca = { crt = \"x\" }", "intercept.ca.crt");
    row("host = []", "intercept.host");
    let open = broken("[ledger]", &with("enabled = true\nlisten = \"0.0.0.0:8443\""));
    let faults = read(&open).unwrap_err();
    assert!(faults.list.iter().any(|fault| fault.key == "intercept.off_list"), "{faults}");
    let refusing = open.replace("enabled = true", "enabled = true\noff_list = \"refuse\"");
    let no_clients = read(&refusing).err().map(|faults| faults.to_string()).unwrap_or_default();
    assert!(!no_clients.contains("intercept.off_list"), "{no_clients}");
}
