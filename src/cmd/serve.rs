//! `pointsman serve`: run the proxy.

use std::path::Path;
use std::process::ExitCode;

use crate::app;

/// Runs until stopped; the exit code when it could not start.
pub fn run(config: &Path, upgrade: bool) -> ExitCode {
    match app::serve(config, upgrade) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
