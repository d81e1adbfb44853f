//! What the tests stand on: a scriptable provider, clients that speak bytes, and the text of configurations.
//! Nothing here knows how the proxy works inside; nothing leaves loopback; every wait has an end.

pub mod answers;
pub mod client;
pub mod config;
pub mod errors;
pub mod fake_provider;
pub mod fixtures;
pub mod h2_client;
pub mod http;
pub mod intercept;
pub mod needs;
pub mod ports;
pub mod proxy;
pub mod schema;
pub mod script;
pub mod source;
pub mod tls;
pub mod tls_provider;

pub use answers::{FINISH_TEXT, USAGE_INPUT, USAGE_OUTPUT};
pub use client::{Answer, Client, Request};
pub use config::TestConfig;
pub use fake_provider::{FakeProvider, Seen};
pub use script::{End, Script, Stream, Whole};

/// A wait no test should ever reach: longer than any clock a test configures.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

/// Runs a future, and fails the test when it takes longer than [`PATIENCE`].
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: nothing happened for {PATIENCE:?}"),
    }
}
