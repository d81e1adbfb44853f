//! Rows that are more than a failing provider and one client: reloads, bounds, clients that leave.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pointsman::config::{self, SecretSource};
use pointsman::ledger::{Ledger, Reader};
use pointsman::pipeline::{Engine, Inbound, PoolSettings};
use pointsman::strategy::{Gone, Head, Leg, Reply};
use pointsman::types::{Dialect, Operation, RequestId};
use tokio::task::JoinSet;

use super::fault::{Breach, Fault};
use super::way::Way;
use crate::support::client::chat_body;
use crate::support::proxy::{World, trail};
use crate::support::source::code_only;
use crate::support::{Client, FakeProvider, Request, Script, TestConfig, errors};

/// A check of its own; it panics or says what is wrong.
pub type Check = fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// A client that left must be let go of within this; `cancel` measures the 100 ms of the promise on its own.
const AT_ONCE: Duration = Duration::from_secs(2);

/// Clocks that no machine is slow enough for: whoever is asked first is still at it when the last one has been asked.
const PATIENT: [u32; 4] = [5000, 15_000, 15_000, 15_000];

/// A world with models for every client.
async fn world(change: impl FnOnce(&mut TestConfig)) -> World {
    World::start(|config| {
        config.every_client = true;
        change(config);
    })
    .await
}

/// A ledger that cannot be written: another process holds its lock, as a full disk would refuse.
fn lock(world: &World) -> rusqlite::Connection {
    let other = rusqlite::Connection::open(&world.proxy.ledger).unwrap();
    other.busy_timeout(Duration::from_secs(5)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    other
}

pub async fn ledger_required() -> Result<(), String> {
    let world = world(|config| config.swap("mode = \"best_effort\"", "mode = \"required\"")).await;
    let first = world.proxy.exchange(&Way::ALL[0].ask()).await;
    world.proxy.entry_of(&first).await;
    let other = lock(&world);
    // In flight when it happens: finishes, and is kept.
    let kept = world.proxy.exchange(&Way::ALL[0].ask()).await;
    assert_eq!(kept.status, 200);
    world.proxy.until_metric("pointsman_ledger_healthy", 0.0).await;
    let calls = world.small.seen().len();
    for way in Way::ALL {
        let answer = world.proxy.exchange(&way.ask()).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{}", way.name());
        assert_eq!(errors::of_path(way.target(), &answer, &way.name()), "ledger_unavailable");
    }
    assert_eq!(world.small.seen().len(), calls, "nothing of what was refused reached a provider");
    assert_eq!(world.proxy.exchange(&Request::bare("GET", "/readyz")).await.status, 503);
    other.execute_batch("ROLLBACK").unwrap();
    world.proxy.until_metric("pointsman_ledger_healthy", 1.0).await;
    world.proxy.entry_of(&kept).await;
    for way in Way::ALL {
        assert_eq!(world.proxy.exchange(&way.ask()).await.status, 200, "{}", way.name());
    }
    Ok(())
}

pub async fn ledger_best_effort() -> Result<(), String> {
    let world = world(|_| {}).await;
    let first = world.proxy.exchange(&Way::ALL[0].ask()).await;
    world.proxy.entry_of(&first).await;
    let other = lock(&world);
    let mut served = vec![world.proxy.exchange(&Way::ALL[0].ask()).await];
    world.proxy.until_metric("pointsman_ledger_healthy", 0.0).await;
    for way in Way::ALL {
        served.push(world.proxy.exchange(&way.ask()).await);
    }
    other.execute_batch("ROLLBACK").unwrap();
    for answer in &served {
        assert_eq!(answer.status, 200);
        world.proxy.entry_of(answer).await;
    }
    assert_eq!(world.proxy.metric("pointsman_ledger_lost").await, Some(0.0));
    Ok(())
}

pub async fn profile() -> Result<(), String> {
    let directory = tempfile::tempdir().unwrap();
    let (gone, corrupt) = (directory.path().join("gone.json"), directory.path().join("corrupt.json"));
    std::fs::write(&corrupt, "{\"evidence\": [").unwrap();
    let world = world(|_| {}).await;
    let before = world.proxy.exchange(&Way::ALL[0].ask()).await;
    for path in [gone, corrupt] {
        let text = format!("[routing]\nprofile = {path:?}\n\n{}", world.proxy.text);
        let secrets = pointsman::config::SecretSource::Map(TestConfig::secrets());
        if pointsman::config::from_text(&text, "", secrets).is_ok() {
            return Err(format!("{} was taken", path.display()));
        }
        let fault = world.proxy.reload(&text).expect_err("a reload with a bad profile is refused");
        assert!(fault.contains("profile"), "{fault}");
        let after = world.proxy.exchange(&Way::ALL[0].ask()).await;
        assert_eq!(after.status, 200);
        assert_eq!(after.header("x-pointsman-snapshot"), before.header("x-pointsman-snapshot"));
    }
    Ok(())
}

pub async fn bad_reload() -> Result<(), String> {
    let world = world(|_| {}).await;
    let text = world.proxy.text.replace("max_quality_loss = 0.5", "max_quality_los = 0.5");
    let line = text.lines().position(|line| line.starts_with("max_quality_los ")).unwrap() + 1;
    let fault = world.proxy.reload(&text).expect_err("an unknown key is refused");
    assert!(fault.contains("max_quality_los") && fault.contains(&line.to_string()), "{fault}");
    for way in Way::ALL {
        assert_eq!(world.proxy.exchange(&way.ask()).await.status, 200, "{}", way.name());
    }
    Ok(())
}

pub async fn reload_under_load() -> Result<(), String> {
    let world = world(|_| {}).await;
    let addr = world.proxy.data;
    let mut clients = JoinSet::new();
    for way in Way::ALL {
        clients.spawn(async move {
            let mut client = Client::connect(addr).await;
            let mut answers = Vec::new();
            for _ in 0..15 {
                answers.push(client.exchange(&way.ask()).await);
            }
            answers
        });
    }
    let mut versions = Vec::new();
    for round in 0..10 {
        versions.push(world.proxy.reload(&format!("{}\n# round {round}\n", world.proxy.text))?);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    while let Some(answers) = clients.join_next().await {
        for answer in answers.unwrap() {
            assert_eq!((answer.status, answer.complete), (200, true));
            let entry = world.proxy.entry_of(&answer).await;
            assert_eq!(answer.header("x-pointsman-snapshot"), Some(entry.snapshot.as_str()));
        }
    }
    Ok(())
}

/// Wall time may name a request, read a date in an answer, tell the age of prices, and begin the periods of clients' ceilings, which
/// no clock that goes back begins a second time; nothing else here.
pub async fn monotonic() -> Result<(), String> {
    let allowed =
        ["src/proxy/service.rs", "src/strategy/answer.rs", "src/proxy/admin.rs", "src/pipeline/spend.rs"];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for room in ["strategy", "upstream", "pipeline", "proxy", "session", "routing"] {
        for file in files(&root.join("src").join(room)) {
            let name = file.strip_prefix(root).unwrap().display().to_string();
            let code = code_only(&std::fs::read_to_string(&file).unwrap());
            if code.contains("SystemTime") && !allowed.contains(&name.as_str()) {
                found.push(name);
            }
        }
    }
    if found.is_empty() { Ok(()) } else { Err(format!("the wall clock is read in {found:?}")) }
}

fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

pub async fn client_leaves() -> Result<(), String> {
    for way in Way::ALL {
        let world = world(|_| {}).await;
        let fault = if way.stream { Fault::Midway(Breach::Silence) } else { Fault::Hang };
        world.small.always(fault.script(way));
        let mut client = Client::connect(world.proxy.data).await;
        client.request(&way.ask()).await;
        if way.stream {
            client.head().await;
            client.event().await.unwrap();
        }
        let seen = world.small.nth(0).await;
        let left = Instant::now();
        drop(client);
        let took = seen.closed().await - left;
        assert!(took < AT_ONCE, "{}: let go of after {took:?}", way.name());
        let entry = world.proxy.only_entry().await;
        let name = way.name();
        assert_eq!(trail(&entry), [(way.model('s').to_owned(), "client_gone")], "{name}");
        assert_eq!(entry.outcome.as_str(), "client_gone", "{name}");
        assert!(entry.attempts[0].maybe_billed && entry.cost.is_some_and(|cost| cost.0 > 0), "{name}");
    }
    Ok(())
}

pub async fn half_closed() -> Result<(), String> {
    for way in Way::ALL {
        let world = world(|_| {}).await;
        world.small.always(Script::HangBeforeHeaders);
        let mut client = Client::connect(world.proxy.data).await;
        client.request(&way.ask()).await;
        let seen = world.small.nth(0).await;
        let left = Instant::now();
        client.finish_sending().await;
        let took = seen.closed().await - left;
        assert!(took < AT_ONCE, "{}: let go of after {took:?}", way.name());
        assert_eq!(world.proxy.only_entry().await.outcome.as_str(), "client_gone", "{}", way.name());
    }
    Ok(())
}

pub async fn half_close_allowed() -> Result<(), String> {
    for way in Way::ALL {
        let world = world(|config| config.swap("[server]", "[server]\nhalf_close = true")).await;
        world.small.always(Script::After(Duration::from_millis(150), Box::new(Script::Right)));
        let mut client = Client::connect(world.proxy.data).await;
        client.request(&way.ask()).await;
        client.finish_sending().await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.complete), (200, true), "{}", way.name());
    }
    Ok(())
}

pub async fn bodies_beyond_memory() -> Result<(), String> {
    let world = world(|config| {
        config.clocks_ms = PATIENT;
        config.max_body_bytes = 1 << 20;
        config.swap("[server]", "[server]\nbody_budget_bytes = 1048576");
    })
    .await;
    world.small.always(Script::HangBeforeHeaders);
    let filler = "x".repeat(900 << 10);
    let large = |way: Way| {
        let mut request = way.ask();
        let body = String::from_utf8(request.body.to_vec()).unwrap().replace("Be brief.", &filler);
        request.body = body.into();
        request
    };
    let mut holding = Client::connect(world.proxy.data).await;
    holding.request(&large(Way::ALL[0])).await;
    world.small.nth(0).await;
    for way in Way::ALL {
        let answer = world.proxy.exchange(&large(way)).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{}", way.name());
        assert_eq!(errors::of_path(way.target(), &answer, &way.name()), "overloaded");
    }
    assert_eq!(world.small.seen().len(), 1, "nothing of what was shed reached a provider");
    Ok(())
}

/// A client's side that panics when the answer begins, in the middle of everything.
struct Panics;

impl Reply for Panics {
    async fn head(&mut self, _: Head, _: &[Leg]) -> Result<(), Gone> {
        panic!("on purpose")
    }

    async fn body(&mut self, _: bytes::Bytes, _: bool) -> Result<(), Gone> {
        Ok(())
    }

    async fn gone(&mut self) {
        std::future::pending().await
    }

    fn abort(&mut self) {}
}

pub async fn panic() -> Result<(), String> {
    let (small, large) = (FakeProvider::start().await, FakeProvider::start().await);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let text = TestConfig::new(&small, &large).text(&path);
    let settings = config::from_text(&text, "", SecretSource::Map(TestConfig::secrets())).unwrap();
    let (ledger, writer) = Ledger::open(&settings.ledger).unwrap();
    writer.spawn().unwrap();
    let pool =
        PoolSettings { connections: 8, threads: 2, max_answer_bytes: 1 << 20, answer_budget_bytes: 1 << 20 };
    let engine = Arc::new(Engine::new(settings.snapshot.clone(), (ledger, path.clone()), pool).unwrap());
    let unix_ms =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
    let inbound = |number: u128| Inbound {
        loaded: engine.loaded(),
        id: RequestId::new(unix_ms, number),
        arrived: tokio::time::Instant::now(),
        body_time: Duration::ZERO,
        dialect: Dialect::OpenAi,
        operation: Operation::ChatCompletions,
        path: "/v1/chat/completions".to_owned(),
        headers: http::HeaderMap::new(),
        body: chat_body("auto").into(),
        client: None,
        intercepted: None,
        came_by: None,
        tenant: 0,
        credential_is_providers: false,
    };
    let (running, asked) = (engine.clone(), inbound(1));
    let task = tokio::spawn(async move { running.handle(asked, &mut Panics).await.is_ok() });
    assert!(task.await.unwrap_err().is_panic(), "the panic ends its request");
    assert_eq!(engine.metrics.panics.get(), 1);
    let flushing = engine.ledger.clone();
    assert!(tokio::task::spawn_blocking(move || flushing.flush()).await.unwrap());
    let entry = Reader::open(&path).unwrap().request(RequestId::new(unix_ms, 1)).unwrap().unwrap();
    assert_eq!((entry.outcome.as_str(), entry.attempts.len()), ("own_error", 1));
    Ok(())
}

pub async fn too_many_requests() -> Result<(), String> {
    let world = world(|config| {
        config.clocks_ms = PATIENT;
        config.swap("[server]\n", "[server]\nmax_in_flight = 1\n");
    })
    .await;
    world.small.next(Script::HangBeforeHeaders);
    let mut holding = Client::connect(world.proxy.data).await;
    holding.request(&Way::ALL[0].ask()).await;
    world.small.nth(0).await;
    for way in Way::ALL {
        let answer = world.proxy.exchange(&way.ask()).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{}", way.name());
        assert_eq!(errors::of_path(way.target(), &answer, &way.name()), "overloaded");
    }
    drop(holding);
    world.proxy.until_metric("pointsman_requests_in_flight", 0.0).await;
    assert_eq!(world.proxy.exchange(&Way::ALL[0].ask()).await.status, 200);
    Ok(())
}
