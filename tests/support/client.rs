//! A client that sends exactly the bytes it is told to and shows exactly what came back, with the instant at which
//! each event arrived. It knows no dialect and forgives nothing.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;

use super::http::{Framing, Head, Wire};
use super::soon;

/// Anything a client can speak over.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// One request, not yet bytes.
#[derive(Clone, Debug)]
pub struct Request {
    /// Method.
    pub method: String,
    /// Target as it stands in the request line.
    pub target: String,
    /// Headers in order, without framing.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Bytes,
    /// Size of chunks; `None`: a content length.
    pub chunks_of: Option<usize>,
}

impl Request {
    /// Any request with a JSON body.
    pub fn post(target: &str, body: impl Into<Bytes>) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self {
            method: "POST".to_owned(),
            target: target.to_owned(),
            headers,
            body: body.into(),
            chunks_of: None,
        }
    }

    /// A request without a body.
    pub fn bare(method: &str, target: &str) -> Self {
        let (method, target) = (method.to_owned(), target.to_owned());
        Self { method, target, headers: Vec::new(), body: Bytes::new(), chunks_of: None }
    }

    /// OpenAI chat.
    pub fn chat(body: impl Into<Bytes>) -> Self {
        Self::post("/v1/chat/completions", body).with("authorization", "Bearer CALLER-KEY")
    }

    /// Anthropic messages.
    pub fn messages(body: impl Into<Bytes>) -> Self {
        Self::post("/v1/messages", body)
            .with("x-api-key", "CALLER-KEY")
            .with("anthropic-version", "2023-06-01")
    }

    /// OpenAI responses.
    pub fn responses(body: impl Into<Bytes>) -> Self {
        Self::post("/v1/responses", body).with("authorization", "Bearer CALLER-KEY")
    }

    /// Gemini; the target names the model and whether the answer is streamed.
    pub fn gemini(target: &str, body: impl Into<Bytes>) -> Self {
        Self::post(target, body).with("x-goog-api-key", "CALLER-KEY")
    }

    /// The same with one more header.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same in chunks of this size.
    pub fn chunked(mut self, size: usize) -> Self {
        self.chunks_of = Some(size);
        self
    }

    /// The head, blank line included.
    pub fn head_bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nhost: localhost\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        match self.chunks_of {
            Some(_) => head.push_str("transfer-encoding: chunked\r\n"),
            None if self.body.is_empty() && self.method != "POST" => {}
            None => head.push_str(&format!("content-length: {}\r\n", self.body.len())),
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    /// The body as it goes over the wire.
    pub fn body_bytes(&self) -> Bytes {
        let Some(size) = self.chunks_of else { return self.body.clone() };
        let mut framed = BytesMut::new();
        for chunk in self.body.chunks(size) {
            framed.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            framed.extend_from_slice(chunk);
            framed.extend_from_slice(b"\r\n");
        }
        framed.extend_from_slice(b"0\r\n\r\n");
        framed.freeze()
    }
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Headers in order.
    pub headers: Vec<(String, String)>,
    /// The body without its framing; what arrived of it when it was cut.
    pub body: Bytes,
    /// Whether the body ended as its framing promised.
    pub complete: bool,
    /// Status codes of interim answers before it.
    pub interim: Vec<u16>,
}

impl Answer {
    /// The first header with this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the answer is UTF-8")
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|fault| panic!("{fault} in {:?}", self.body))
    }

    /// The events of a stream, blank lines stripped.
    pub fn events(&self) -> Vec<&str> {
        self.text().split("\n\n").filter(|event| !event.is_empty()).collect()
    }
}

/// One event of a stream, and when it was whole.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its text without the blank line.
    pub text: String,
    /// When its last byte was read.
    pub at: Instant,
}

/// One connection.
pub struct Client {
    wire: Wire<ReadHalf<Box<dyn Io>>>,
    out: WriteHalf<Box<dyn Io>>,
    method: String,
    framing: Framing,
    partial: BytesMut,
}

impl Client {
    /// Over plain TCP.
    pub async fn connect(addr: SocketAddr) -> Self {
        let socket = soon("to connect", TcpStream::connect(addr)).await.unwrap();
        socket.set_nodelay(true).unwrap();
        Self::over(Box::new(socket))
    }

    /// Over anything.
    pub fn over(io: Box<dyn Io>) -> Self {
        let (read, out) = tokio::io::split(io);
        let (method, framing, partial) = ("GET".to_owned(), Framing::Length(0), BytesMut::new());
        Self { wire: Wire::new(read), out, method, framing, partial }
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        soon("to send", self.out.write_all(bytes)).await?;
        self.out.flush().await
    }

    /// Closes the sending side only.
    pub async fn finish_sending(&mut self) {
        self.out.shutdown().await.ok();
    }

    /// Sends a request whole.
    pub async fn request(&mut self, request: &Request) {
        self.method.clone_from(&request.method);
        self.send(&request.head_bytes()).await.unwrap();
        self.send(&request.body_bytes()).await.ok(); // an early refusal may have closed the connection
    }

    /// The next head of any kind, interim ones included; its body is read by `event` or `rest`.
    pub async fn head(&mut self) -> Head {
        let head = soon("an answer's head", self.wire.head()).await.unwrap();
        let head = head.expect("the connection was closed without an answer");
        self.framing = head.answer_framing(&self.method);
        self.partial.clear();
        head
    }

    /// The whole answer to the request sent last.
    pub async fn answer(&mut self) -> Answer {
        let mut interim = Vec::new();
        loop {
            let head = self.head().await;
            let status = head.word(1).parse().expect("a status code");
            if (100..200).contains(&status) && status != 101 {
                interim.push(status);
                continue;
            }
            let (body, complete) = self.rest().await;
            return Answer { status, headers: head.headers, body, complete, interim };
        }
    }

    /// Sends a request and reads its answer.
    pub async fn exchange(&mut self, request: &Request) -> Answer {
        self.request(request).await;
        self.answer().await
    }

    /// The next event of a stream whose head was read; `None` at a clean end, an error at any other.
    pub async fn event(&mut self) -> io::Result<Option<Event>> {
        loop {
            if let Some(end) = memchr::memmem::find(&self.partial, b"\n\n") {
                let text = String::from_utf8_lossy(&self.partial.split_to(end + 2)[..end]).into_owned();
                return Ok(Some(Event { text, at: Instant::now() }));
            }
            match soon("an event", self.wire.piece(&mut self.framing)).await? {
                Some(piece) => self.partial.extend_from_slice(&piece),
                None => return Ok(None),
            }
        }
    }

    /// What is left of a body, and whether it ended as promised.
    pub async fn rest(&mut self) -> (Bytes, bool) {
        let mut body = self.partial.split();
        loop {
            match soon("the rest of a body", self.wire.piece(&mut self.framing)).await {
                Ok(Some(piece)) => body.extend_from_slice(&piece),
                Ok(None) => return (body.freeze(), true),
                Err(_) => return (body.freeze(), false),
            }
        }
    }

    /// Whether the peer closes now without sending anything more.
    pub async fn is_closed(&mut self) -> bool {
        matches!(soon("the peer to close", self.wire.peek()).await, Ok(None) | Err(_))
    }
}

/// One request on a connection of its own.
pub async fn exchange(addr: SocketAddr, request: &Request) -> Answer {
    Client::connect(addr).await.exchange(request).await
}

/// Body of an OpenAI chat request.
pub fn chat_body(model: &str) -> String {
    format!(
        "{{\"model\":\"{model}\",\"messages\":[{{\"role\":\"system\",\"content\":\"Be brief.\"}},\
         {{\"role\":\"user\",\"content\":\"Say hello in French, Zoë ☂.\"}}],\"max_tokens\":64}}"
    )
}

/// Body of an OpenAI chat request that asks for a stream.
pub fn chat_stream_body(model: &str) -> String {
    chat_body(model).replace("\"max_tokens\":64", "\"max_tokens\":64,\"stream\":true")
}

/// Body of an Anthropic messages request.
pub fn messages_body(model: &str) -> String {
    format!(
        "{{\"model\":\"{model}\",\"max_tokens\":64,\"system\":\"Be brief.\",\
         \"messages\":[{{\"role\":\"user\",\"content\":\"Say hello in French, Zoë ☂.\"}}]}}"
    )
}

/// Body of an Anthropic messages request that asks for a stream.
pub fn messages_stream_body(model: &str) -> String {
    messages_body(model).replace("\"max_tokens\":64", "\"max_tokens\":64,\"stream\":true")
}

/// Body of an OpenAI responses request.
pub fn responses_body(model: &str) -> String {
    format!(
        "{{\"model\":\"{model}\",\"instructions\":\"Be brief.\",\"input\":[{{\"role\":\"user\",\
         \"content\":\"Say hello in French, Zoë ☂.\"}}],\"max_output_tokens\":64,\"store\":false}}"
    )
}

/// Body of an OpenAI responses request that asks for a stream.
pub fn responses_stream_body(model: &str) -> String {
    responses_body(model).replace("\"store\":false", "\"store\":false,\"stream\":true")
}

/// Body of a Gemini request.
pub fn gemini_body() -> String {
    "{\"systemInstruction\":{\"parts\":[{\"text\":\"Be brief.\"}]},\"contents\":[{\"role\":\"user\",\
     \"parts\":[{\"text\":\"Say hello in French, Zoë ☂.\"}]}],\"generationConfig\":{\"maxOutputTokens\":64}}"
        .to_owned()
}
