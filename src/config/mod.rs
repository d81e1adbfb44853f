//! The configuration: one TOML text in, every room's own settings and the snapshot out.
//!
//! What the user wrote is read by small readers over the spanned tree ([`tree`]), one file per section, and turned into
//! types that cannot be wrong; checks that need several sections stand in [`checks`]. Unknown keys are refused and all
//! faults are reported at once, each with its place and with what would work. This room decides nothing about a
//! request and no room reads it: `app` and `cmd` call [`load`] and hand the settings on.
//! Paths in a configuration are relative to the working directory.

mod checks;
mod clients;
mod compound;
mod fault;
mod intercept;
mod ledger;
mod models;
mod names;
mod origin;
mod policies;
mod predictor;
mod prices;
mod profile;
mod providers;
mod secret_source;
mod server;
mod tree;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use toml::de::DeTable;

use crate::catalog::{Snapshot, SnapshotParts, SnapshotVersion};
use crate::intercept::InterceptSettings;
use crate::ledger::LedgerSettings;

pub use fault::{Fault, Faults};
pub use secret_source::SecretSource;
pub use server::{Listen, ServerSettings, TlsFiles};

use names::Names;
use predictor::Ties;
use tree::{Report, Table};

/// Everything a configuration says, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Listeners and bounds.
    pub server: ServerSettings,
    /// Where records go.
    pub ledger: LedgerSettings,
    /// Interception; switched off unless asked for.
    pub intercept: InterceptSettings,
    /// What requests are decided by.
    pub snapshot: Arc<Snapshot>,
}

/// Reads and checks a configuration file, and the profile it names.
pub fn load(path: &Path, secrets: SecretSource) -> Result<Settings, Faults> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Faults::whole_file(format!("cannot be read: {error}")).in_file(file.clone()))?;
    from_text(&text, "", secrets).map_err(|faults| faults.in_file(file))
}

/// Reads and checks a configuration text. A profile text that is not empty stands in for the file that
/// `[routing] profile` names.
pub fn from_text(text: &str, profile: &str, secrets: SecretSource) -> Result<Settings, Faults> {
    let document = parse(text)?;
    let report = Report::new(text);
    let context = Context { names: Names::of(document.get_ref()), secrets: &secrets };
    let read = read(Table::root(&report, document.get_ref()), &context, Sources { text, profile });
    if !report.is_clean() {
        return Err(Faults { file: None, list: report.into_faults() });
    }
    let snapshot = Arc::new(Snapshot::new(read.parts));
    Ok(Settings { server: read.server, ledger: read.ledger, intercept: read.intercept, snapshot })
}

/// What every section's reader may look at.
struct Context<'r> {
    names: Names<'r>,
    secrets: &'r SecretSource,
}

/// The texts a snapshot is made from.
struct Sources<'r> {
    text: &'r str,
    profile: &'r str,
}

/// What was read; trustworthy only while the report is clean.
struct Read {
    server: ServerSettings,
    ledger: LedgerSettings,
    intercept: InterceptSettings,
    parts: SnapshotParts,
}

/// The tree, or every fault of syntax: a tree with holes would only breed false faults.
fn parse(text: &str) -> Result<toml::Spanned<DeTable<'_>>, Faults> {
    let (document, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(document);
    }
    let report = Report::new(text);
    for error in errors {
        report.add(error.span().map_or(0, |span| span.start), "", error.message());
    }
    Err(Faults { file: None, list: report.into_faults() })
}

fn read(root: Table<'_>, context: &Context<'_>, sources: Sources<'_>) -> Read {
    let (server, server_marks) = server::read(&root, context);
    let ledger = ledger::read(&root);
    let (providers, base_urls) = providers::read(&root, context);
    let (models, deployments) = models::read(&root, context, &providers);
    let intercept = intercept::read(&root, &providers, !context.names.clients.is_empty());
    let policies = policies::read(&root, context, &models);
    let clients = clients::read(&root, context);
    let session_max_spend = clients::session_max_spend(&root);
    let defaults = server::default_providers(&root, context, &providers);
    let routing = root.get("routing").and_then(|node| node.table());
    let named = |key| routing.as_ref().and_then(|table| table.get(key));
    let profile = profile::read(named("profile"), &root, context, sources.profile);
    let ties = Ties { models: &models, deployments: &deployments, policies: &policies };
    let learned = predictor::read(named("predictor"), &root, context, &ties);
    if let Some(table) = &routing {
        table.refuse_others();
    }
    root.refuse_others();
    checks::across(
        &root,
        &checks::Sections {
            server: &server,
            marks: &server_marks,
            providers: &providers,
            base_urls: &base_urls,
            any_client: !context.names.clients.is_empty(),
        },
    );
    let predictor = learned.as_ref().map_or("", |learned| &learned.predictor.version);
    let parts = SnapshotParts {
        version: SnapshotVersion::of(&[sources.text, &profile.text, predictor]),
        source: Arc::from(sources.text),
        profile: Arc::from(profile.text),
        providers,
        models,
        deployments,
        policies,
        clients,
        session_max_spend,
        defaults,
        evidence: profile.evidence,
        learned,
    };
    Read { server, ledger, intercept, parts }
}
