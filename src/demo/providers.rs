//! Simulated providers: an HTTP/1 server that speaks OpenAI's and Anthropic's dialects, whole and streamed, as slow as
//! its tier pretends to be and as long-winded as the recorded answers. Knows prompts only to count tokens: it never
//! says whether an answer is right.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};
use xxhash_rust::xxh3::xxh3_64;

use super::answer::{Answer, PIECES, anthropic_error, openai_error};
use super::question::{Asked, read_question};
use super::sample::{SHELVES, Sample};
use crate::types::Dialect;

/// Most connections served at once; more wait.
const CONNECTIONS: usize = 1024;
/// Largest body read.
const MAX_BODY: usize = 32 << 20;

/// A running server; it stops when this is dropped.
#[derive(Debug)]
pub struct Provider {
    /// Where it listens.
    pub addr: SocketAddr,
    server: JoinHandle<()>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// What a provider knows.
#[derive(Debug)]
pub struct Knowledge {
    sample: Arc<Sample>,
    rows: HashMap<u64, usize>,
}

impl Knowledge {
    /// Indexes the prompts that are served.
    pub fn of(sample: Arc<Sample>) -> Self {
        let rows = sample.test.iter().enumerate();
        let rows = rows.map(|(at, row)| (xxh3_64(row.prompt.as_bytes()), at)).collect();
        Self { sample, rows }
    }

    /// What a model answers: as long as recorded where the prompt is known, else by the prompt's length.
    fn answer(&self, model: usize, asked: &Asked) -> Answer {
        let id = xxh3_64(asked.text.as_bytes()).wrapping_add(model as u64);
        let recorded = self.rows.get(&xxh3_64(asked.text.as_bytes()));
        let (input_tokens, wanted) = match recorded.map(|at| self.sample.test[*at].outcomes[model]) {
            Some(recorded) => (recorded.input_tokens, recorded.output_tokens),
            None => (asked.bytes.div_ceil(4), 40 + id % 160),
        };
        let output_tokens = wanted.min(asked.max_tokens.unwrap_or(u64::MAX));
        let name = self.sample.models[model].name.clone();
        Answer { model: name, id, input_tokens, output_tokens, cut: output_tokens < wanted }
    }
}

impl Provider {
    /// Listens and answers for these models, by position in the sample.
    pub async fn start(listen: SocketAddr, models: &[usize], knowledge: Arc<Knowledge>) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let addr = listener.local_addr()?;
        let site = Arc::new(Site { models: models.to_vec(), knowledge });
        Ok(Self { addr, server: tokio::spawn(accept(listener, site)) })
    }

    /// Serves until the server itself ends, which it never does.
    pub async fn wait(mut self) {
        // An error here means that the server was aborted or panicked: either way it is over.
        let _ = (&mut self.server).await;
    }
}

/// An address that refuses every connection: the port is taken, and nobody listens.
#[derive(Debug)]
pub struct Refusing {
    /// The address.
    pub addr: SocketAddr,
    _socket: TcpSocket,
}

impl Refusing {
    /// Takes a port of loopback.
    pub fn start() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        Ok(Self { addr: socket.local_addr()?, _socket: socket })
    }
}

struct Site {
    models: Vec<usize>,
    knowledge: Arc<Knowledge>,
}

async fn accept(listener: TcpListener, site: Arc<Site>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    while let Ok(place) = places.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let site = site.clone();
                tokio::spawn(async move {
                    converse(stream, site).await;
                    drop(place);
                });
            }
            // Out of descriptors, most likely: others may be closed meanwhile.
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn converse(stream: TcpStream, site: Arc<Site>) {
    // Events are small, and each must leave when it is written.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let site = site.clone();
        async move { Ok::<_, Infallible>(respond(&site, request).await) }
    });
    // A client that goes away in the middle is no news to a simulation.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

type Body = Either<Full<Bytes>, Events>;

/// A streamed body: what a task sends, until it stops.
struct Events(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

async fn respond(site: &Site, request: Request<Incoming>) -> Response<Body> {
    let dialect = match request.headers().contains_key("anthropic-version") {
        true => Dialect::Anthropic,
        false => Dialect::OpenAi,
    };
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    match (method, path.as_str()) {
        (Method::GET, "/v1/models") => whole(StatusCode::OK, &models(site)),
        (Method::GET, "/healthz") => whole(StatusCode::OK, &json!({ "status": "ok" })),
        (Method::POST, "/v1/chat/completions") => converse_once(site, Dialect::OpenAi, request).await,
        (Method::POST, "/v1/messages") => converse_once(site, Dialect::Anthropic, request).await,
        _ => refuse(dialect, StatusCode::NOT_FOUND, &format!("nothing is simulated at {path}")),
    }
}

async fn converse_once(site: &Site, dialect: Dialect, request: Request<Incoming>) -> Response<Body> {
    let body = match Limited::new(request.into_body(), MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return refuse(dialect, StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let asked = match read_question(&body) {
        Ok(asked) => asked,
        Err(error) => return refuse(dialect, StatusCode::BAD_REQUEST, &error),
    };
    let known = site.knowledge.sample.model_named(&asked.model).filter(|model| site.models.contains(model));
    let Some(model) = known else {
        let message = format!("The model `{}` does not exist", asked.model);
        return refuse(dialect, StatusCode::NOT_FOUND, &message);
    };
    let answer = site.knowledge.answer(model, &asked);
    let pace = Pace::of(model);
    if asked.stream {
        return streamed(dialect, answer, pace, asked.include_usage);
    }
    sleep(pace.after(answer.output_tokens)).await;
    match dialect {
        Dialect::Anthropic => whole(StatusCode::OK, &answer.anthropic()),
        Dialect::OpenAi | Dialect::Gemini => whole(StatusCode::OK, &answer.openai()),
    }
}

/// How fast a model pretends to be.
#[derive(Clone, Copy)]
struct Pace {
    ttft: Duration,
    per_token: Duration,
}

impl Pace {
    fn of(model: usize) -> Self {
        let shelf = SHELVES[model];
        Self {
            ttft: Duration::from_millis(u64::from(shelf.ttft_ms)),
            per_token: Duration::from_micros(u64::from(shelf.per_token_us)),
        }
    }

    fn after(self, tokens: u64) -> Duration {
        self.ttft + self.per_token * u32::try_from(tokens).unwrap_or(u32::MAX)
    }
}

fn streamed(dialect: Dialect, answer: Answer, pace: Pace, with_usage: bool) -> Response<Body> {
    let (events, body) = mpsc::channel(4);
    tokio::spawn(async move {
        // The reader went away: there is nobody left to tell.
        let _ = tell(dialect, &answer, pace, with_usage, events).await;
    });
    let mut response = Response::new(Either::Right(Events(body)));
    let headers = response.headers_mut();
    headers.insert("content-type", http::HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert("cache-control", http::HeaderValue::from_static("no-cache"));
    response
}

async fn tell(
    dialect: Dialect,
    answer: &Answer,
    pace: Pace,
    with_usage: bool,
    events: mpsc::Sender<Bytes>,
) -> Result<(), mpsc::error::SendError<Bytes>> {
    let start = Instant::now();
    let anthropic = dialect == Dialect::Anthropic;
    sleep_until(start + pace.ttft).await;
    let opening = if anthropic { answer.anthropic_opening() } else { answer.openai_opening(with_usage) };
    events.send(opening).await?;
    for at in 0..PIECES {
        sleep_until(start + pace.after(answer.tokens_before(at + 1))).await;
        let piece = if anthropic { answer.anthropic_piece(at) } else { answer.openai_piece(at, with_usage) };
        events.send(piece).await?;
    }
    let closing = if anthropic { answer.anthropic_closing() } else { answer.openai_closing(with_usage) };
    events.send(closing).await
}

fn models(site: &Site) -> Value {
    let names = site.models.iter().map(|model| &site.knowledge.sample.models[*model].name);
    let list: Vec<_> = names
        .map(|name| {
            json!({ "id": name, "object": "model", "type": "model", "display_name": name, "owned_by": "simulation" })
        })
        .collect();
    json!({ "object": "list", "data": list, "has_more": false })
}

fn whole(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::new(Bytes::from(body.to_string()))));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    response
}

fn refuse(dialect: Dialect, status: StatusCode, message: &str) -> Response<Body> {
    let missing = status == StatusCode::NOT_FOUND;
    let body = match dialect {
        Dialect::Anthropic => {
            anthropic_error(if missing { "not_found_error" } else { "invalid_request_error" }, message)
        }
        Dialect::OpenAi | Dialect::Gemini => openai_error(
            "invalid_request_error",
            if missing { "model_not_found" } else { "invalid" },
            message,
        ),
    };
    whole(status, &body)
}
