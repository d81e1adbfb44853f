//! A plain HTTP client, as an application would be one: it asks, reads the answer and the decision headers, and times
//! both. It uses nothing of the proxy's own code, so what it reports is what any client sees.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::types::Dialect;

/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// One question.
#[derive(Clone, Debug)]
pub struct Question<'q> {
    /// The dialect it is asked in.
    pub dialect: Dialect,
    /// Whether the answer shall be streamed.
    pub stream: bool,
    /// The model asked for.
    pub model: &'q str,
    /// The prompt.
    pub prompt: &'q str,
    /// The conversation it belongs to.
    pub session: &'q str,
    /// One limit of the caller's, as header name and value.
    pub limit: Option<(&'static str, &'q str)>,
}

/// One answer, as far as the demo looks at it.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// What the proxy says about its decision.
    pub facts: Facts,
    /// Input and output tokens.
    pub usage: Option<(u64, u64)>,
    /// The error's message.
    pub error: Option<String>,
    /// Until the first byte of the answer's body.
    pub first_byte: Duration,
    /// Until its last byte.
    pub total: Duration,
}

/// Decision headers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// The proxy's name of the request.
    pub id: String,
    /// The model that served.
    pub model: String,
    /// How it was served.
    pub path: String,
    /// Why.
    pub reason: String,
    /// The task class, when it was asked to explain.
    pub task: String,
    /// The complexity, when it was asked to explain.
    pub complexity: Option<f64>,
    /// What it cost; estimated for a stream, whose headers leave before its end.
    pub cost_usd: Option<f64>,
    /// The trail of attempts, as written.
    pub attempts: String,
    /// What the proxy added.
    pub overhead_us: Option<f64>,
}

impl Facts {
    /// Reads the headers of an answer.
    pub fn of(headers: &HeaderMap) -> Self {
        let text = |name: &str| {
            headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        let number = |name: &str| text(name).parse::<f64>().ok().filter(|value| value.is_finite());
        Self {
            id: text("x-pointsman-id"),
            model: text("x-pointsman-model"),
            path: text("x-pointsman-path"),
            reason: text("x-pointsman-reason"),
            task: text("x-pointsman-task"),
            complexity: number("x-pointsman-complexity"),
            cost_usd: number("x-pointsman-cost-usd").or_else(|| number("x-pointsman-cost-estimate-usd")),
            attempts: text("x-pointsman-attempts"),
            overhead_us: number("x-pointsman-overhead-us"),
        }
    }
}

/// Why there is no answer at all.
#[derive(Debug)]
pub struct ClientError(String);

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ClientError {}

fn failed(what: &str, error: impl fmt::Display) -> ClientError {
    ClientError(format!("{what}: {error}"))
}

/// A client with one kept-alive connection.
#[derive(Debug)]
pub struct Client {
    addr: SocketAddr,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    /// A client of this address; it connects when it first asks.
    pub fn new(addr: SocketAddr) -> Self {
        Self { addr, connection: None }
    }

    /// Asks and reads the answer to its end.
    pub async fn ask(&mut self, question: &Question<'_>) -> Result<Answer, ClientError> {
        let request = request(self.addr, question)?;
        let answered = tokio::time::timeout(PATIENCE, self.exchange(request, question)).await;
        answered.unwrap_or_else(|_| {
            self.connection = None;
            Err(ClientError(format!("no answer within {} s", PATIENCE.as_secs())))
        })
    }

    async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        question: &Question<'_>,
    ) -> Result<Answer, ClientError> {
        let mut connection = match self.connection.take().filter(|connection| !connection.is_closed()) {
            Some(connection) => connection,
            None => connect(self.addr).await?,
        };
        connection.ready().await.map_err(|error| failed("connection", error))?;
        let start = Instant::now();
        let response = connection.send_request(request).await.map_err(|error| failed("request", error))?;
        let answer = read_answer(response, question.stream, start).await?;
        self.connection = Some(connection);
        Ok(answer)
    }
}

async fn connect(addr: SocketAddr) -> Result<SendRequest<Full<Bytes>>, ClientError> {
    let stream = TcpStream::connect(addr).await.map_err(|error| failed("connect", error))?;
    let _ = stream.set_nodelay(true);
    let (connection, driver) =
        handshake(TokioIo::new(stream)).await.map_err(|error| failed("handshake", error))?;
    tokio::spawn(async move {
        // What breaks here is reported by the request that waits for it.
        let _ = driver.await;
    });
    Ok(connection)
}

fn request(addr: SocketAddr, question: &Question<'_>) -> Result<Request<Full<Bytes>>, ClientError> {
    let anthropic = question.dialect == Dialect::Anthropic;
    let path = if anthropic { "/v1/messages" } else { "/v1/chat/completions" };
    let mut request = Request::post(path)
        .header("host", addr.to_string())
        .header("content-type", "application/json")
        .header("x-pointsman-explain", "1")
        .header("x-pointsman-session", question.session);
    request = match anthropic {
        true => request.header("x-api-key", "demo").header("anthropic-version", "2023-06-01"),
        false => request.header("authorization", "Bearer demo"),
    };
    if let Some((name, value)) = question.limit {
        request = request.header(name, value);
    }
    request.body(Full::new(body(question))).map_err(|error| failed("request", error))
}

fn body(question: &Question<'_>) -> Bytes {
    let mut body = json!({
        "model": question.model,
        "messages": [{ "role": "user", "content": question.prompt }],
    });
    if question.stream {
        body["stream"] = json!(true);
    }
    match question.dialect {
        Dialect::Anthropic => body["max_tokens"] = json!(8192),
        Dialect::OpenAi | Dialect::Gemini if question.stream => {
            body["stream_options"] = json!({ "include_usage": true });
        }
        Dialect::OpenAi | Dialect::Gemini => {}
    }
    body.to_string().into()
}

async fn read_answer(
    response: Response<Incoming>,
    stream: bool,
    start: Instant,
) -> Result<Answer, ClientError> {
    let (head, mut body) = response.into_parts();
    let mut bytes = Vec::new();
    let mut first_byte = None;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| failed("answer", error))?;
        if let Some(data) = frame.data_ref() {
            first_byte.get_or_insert_with(|| start.elapsed());
            bytes.extend_from_slice(data);
        }
    }
    let total = start.elapsed();
    let values = if stream { events(&bytes) } else { serde_json::from_slice(&bytes).into_iter().collect() };
    Ok(Answer {
        status: head.status.as_u16(),
        facts: Facts::of(&head.headers),
        usage: usage(&values),
        error: values.iter().find_map(|value| value["error"]["message"].as_str()).map(str::to_owned),
        first_byte: first_byte.unwrap_or(total),
        total,
    })
}

/// The JSON of every event; an error that came instead of a stream is one value.
fn events(bytes: &[u8]) -> Vec<Value> {
    let text = String::from_utf8_lossy(bytes);
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let events: Vec<Value> = data.filter_map(|json| serde_json::from_str(json).ok()).collect();
    if events.is_empty() { serde_json::from_slice(bytes).into_iter().collect() } else { events }
}

/// Input and output tokens, wherever the dialect puts them; the last word counts.
fn usage(values: &[Value]) -> Option<(u64, u64)> {
    let (mut input, mut output) = (None, None);
    for value in values {
        for usage in [&value["usage"], &value["message"]["usage"]] {
            let one_of = |names: [&str; 2]| names.iter().find_map(|name| usage[name].as_u64());
            input = one_of(["prompt_tokens", "input_tokens"]).or(input);
            output = one_of(["completion_tokens", "output_tokens"]).or(output);
        }
    }
    input.zip(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_found_in_both_dialects() {
        let openai = events(b"data: {\"usage\":null}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\ndata: [DONE]\n\n");
        assert_eq!(usage(&openai), Some((3, 4)));
        let anthropic = events(b"event: message_start\ndata: {\"message\":{\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\nevent: message_delta\ndata: {\"usage\":{\"output_tokens\":9}}\n\n");
        assert_eq!(usage(&anthropic), Some((3, 9)));
        assert_eq!(usage(&events(b"{\"error\":{\"message\":\"no\"}}")), None);
    }

    #[test]
    fn decision_headers_are_read_and_missing_ones_are_empty() {
        let mut headers = HeaderMap::new();
        headers.insert("x-pointsman-model", "small".parse().unwrap());
        headers.insert("x-pointsman-cost-estimate-usd", "0.000123".parse().unwrap());
        headers.insert("x-pointsman-overhead-us", "41".parse().unwrap());
        let facts = Facts::of(&headers);
        assert_eq!(
            (facts.model.as_str(), facts.cost_usd, facts.overhead_us),
            ("small", Some(0.000123), Some(41.0))
        );
        assert_eq!(Facts::of(&HeaderMap::new()), Facts::default());
    }
}
