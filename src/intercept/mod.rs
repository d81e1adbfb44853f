//! In front of traffic that will not change its base URL: one listener takes CONNECT, absolute-form requests and TLS, shows a
//! certificate of the local authority for hosts of configured providers, and hands the requests to the ordinary gateway.
//! Everything else is tunnelled unread or refused. This room neither decides nor reads JSON.

mod ca;
mod connect;
mod end;
mod files;
mod opening;
mod own;
mod refusals;
mod settings;
mod tls;
mod tunnel;
mod validity;

pub use ca::Authority;
pub use connect::Doorway;
pub use files::{CaError, CaFiles};
pub use settings::{HomeHost, InterceptSettings, OffList};
pub use validity::Validity;
