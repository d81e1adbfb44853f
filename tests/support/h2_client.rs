//! One request over HTTP/2, with the same request and answer types as the HTTP/1 client.

use bytes::{Bytes, BytesMut};
use h2::client::SendRequest;
use tokio::io::{AsyncRead, AsyncWrite};

use super::client::{Answer, Request};
use super::soon;

/// An HTTP/2 connection; its driver runs until the handle is dropped and the peer lets go.
pub struct H2Client {
    sender: SendRequest<Bytes>,
}

impl H2Client {
    /// Speaks HTTP/2 over an established connection.
    pub async fn over<T: AsyncRead + AsyncWrite + Unpin + Send + 'static>(io: T) -> Self {
        let (sender, connection) = soon("the h2 preface", h2::client::handshake(io)).await.unwrap();
        tokio::spawn(connection);
        Self { sender }
    }

    /// Sends a request and reads its answer.
    pub async fn exchange(&self, request: &Request) -> Answer {
        let mut sender = soon("room for an h2 stream", self.sender.clone().ready()).await.unwrap();
        let (response, mut body) = sender.send_request(head(request), false).unwrap();
        send_body(&mut body, request.body.clone()).await;
        let response = soon("an h2 answer", response).await.unwrap();
        let (parts, mut stream) = response.into_parts();
        let headers = parts.headers.iter();
        let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        let (mut whole, mut complete) = (BytesMut::new(), true);
        while let Some(piece) = soon("h2 data", stream.data()).await {
            let Ok(piece) = piece else {
                complete = false;
                break;
            };
            stream.flow_control().release_capacity(piece.len()).unwrap();
            whole.extend_from_slice(&piece);
        }
        let (status, headers) = (parts.status.as_u16(), headers.collect());
        Answer { status, headers, body: whole.freeze(), complete, interim: Vec::new() }
    }
}

fn head(request: &Request) -> http::Request<()> {
    let uri = format!("https://localhost{}", request.target);
    let mut head = http::Request::builder().method(request.method.as_str()).uri(uri);
    for (name, value) in &request.headers {
        head = head.header(name.to_ascii_lowercase(), value);
    }
    head.body(()).unwrap()
}

/// Sends as the peer's window opens; stops when the peer has answered without wanting the rest.
async fn send_body(stream: &mut h2::SendStream<Bytes>, mut body: Bytes) {
    while !body.is_empty() {
        stream.reserve_capacity(body.len());
        let open = soon("an h2 window", std::future::poll_fn(|cx| stream.poll_capacity(cx))).await;
        let Some(Ok(open)) = open else { return };
        let piece = body.split_to(open.min(body.len()));
        if stream.send_data(piece, body.is_empty()).is_err() {
            return;
        }
    }
    stream.send_data(Bytes::new(), true).ok();
}
