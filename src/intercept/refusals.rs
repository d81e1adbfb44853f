//! Refusals before a connection is anybody's: in TLS's words or in HTTP's, and in the log.

use std::io;

use pingora::protocols::l4::stream::Stream as L4;
use rustix::process::geteuid;
use tokio::io::AsyncWriteExt;

use super::end::End;
use super::opening::Opening;

/// Fatal alerts of TLS.
pub(super) const CERTIFICATE_EXPIRED: u8 = 45;
const ACCESS_DENIED: u8 = 49;
pub(super) const UNRECOGNIZED_NAME: u8 = 112;

/// Refuses a request in clear for a host that is reached over TLS.
pub(super) async fn in_clear(client: &mut L4, host: &str) -> io::Result<End> {
    tracing::warn!(host, "a request in clear for a host that is reached over TLS: refused");
    let why = format!(
        "{host} is reached over TLS and this request came in clear, so nothing of it was sent on: use https://{host}"
    );
    refuse(client, "400 Bad Request", &why).await.map(|()| End::InClear)
}

/// Ends our own connection, so that whoever waits at the far end of the tunnel hears of it.
pub(super) async fn turn_away(client: &mut L4, opening: Option<Opening>) -> io::Result<()> {
    tracing::error!(
        own_uid = geteuid().as_raw(),
        "our own connection was redirected to us: the rules do not exempt this proxy (POINTSMAN_UID or POINTSMAN_CGROUP of \
         scripts/intercept.sh names another), so nothing off the list can be reached"
    );
    match opening {
        Some(Opening::Tls(_)) => alert(client, ACCESS_DENIED).await,
        Some(Opening::Http(..)) => {
            let why =
                "the proxy's own traffic is redirected to the proxy: its user is not exempt (POINTSMAN_UID)";
            refuse(client, "508 Loop Detected", why).await
        }
        Some(Opening::Strange(_)) | None => Ok(()),
    }
}

/// TLS's own refusal, in the clear as everything before keys are agreed on.
pub(super) async fn alert(client: &mut L4, what: u8) -> io::Result<()> {
    client.write_all(&[21, 3, 3, 0, 2, 2, what]).await?;
    client.flush().await
}

/// Refuses in HTTP.
pub(super) async fn refuse(client: &mut L4, status: &str, why: &str) -> io::Result<()> {
    let text = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{why}\n",
        why.len() + 1
    );
    client.write_all(text.as_bytes()).await?;
    client.flush().await
}
