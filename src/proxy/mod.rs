//! Pingora's hooks and bytes on the wire: a bounded body in, an answer out, errors turned into statuses, the admin
//! listener. This room neither decides nor prices nor parses JSON.

mod admin;
mod auth;
mod body;
mod clocked;
mod edge;
mod framing;
mod frontier;
mod local;
mod passing;
mod paths;
mod reply;
mod service;

pub use admin::{Admin, Control};
pub use clocked::Patience;
pub use edge::Edge;
pub use service::{Gateway, Home, ProxySettings};
