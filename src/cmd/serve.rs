//! `pointsman serve`: run the proxy.

use std::path::Path;

use crate::app;

/// Runs until stopped; the exit code when it could not start.
pub fn run(config: &Path, upgrade: bool) -> i32 {
    match app::serve(config, upgrade) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{error}");
            1
        }
    }
}
