//! The certificates a command is told to trust: what its caller had it trust, and the authority of interception.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

/// Where systems keep the certificates they trust. Clients that are told of one more file by `SSL_CERT_FILE` read no other.
const SYSTEM_ROOTS: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/etc/openssl@3/cert.pem",
];

/// What Node trusts besides its own list.
const NODE: &str = "NODE_EXTRA_CA_CERTS";

/// Variables that stand for the whole list of a client, each with those that its clients read where it is not set. Where none
/// is, they have a list of their own, for which the system's stands.
const BUNDLES: [(&str, &[&str]); 4] = [
    ("SSL_CERT_FILE", &[]),
    ("CURL_CA_BUNDLE", &["SSL_CERT_FILE"]),
    ("REQUESTS_CA_BUNDLE", &["CURL_CA_BUNDLE"]),
    ("AWS_CA_BUNDLE", &["REQUESTS_CA_BUNDLE"]),
];

/// Every variable by which a command is told.
pub(super) const VARIABLES: [&str; 5] =
    [NODE, "SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE"];

/// The variables that clients of several runtimes read, each naming a file of the folder: the certificates of the caller's own
/// file under that name, or else the system's, with the authority behind them.
pub(super) fn variables(folder: &Folder, authority: &str) -> Result<Vec<(&'static str, String)>, String> {
    let given: Vec<(&str, Vec<u8>)> =
        VARIABLES.iter().filter_map(|name| Some((*name, given(name)?))).collect();
    let of = |name: &str| given.iter().find(|(known, _)| *known == name).map(|(_, bytes)| bytes.as_slice());
    if std::env::var_os("SSL_CERT_DIR").is_some_and(|folders| !folders.is_empty()) {
        eprintln!(
            "pointsman: what SSL_CERT_DIR names is handed on to clients that read it beside SSL_CERT_FILE (OpenSSL, Go); curl, \
             requests and botocore go without it"
        );
    }
    let system = SYSTEM_ROOTS.iter().find_map(|path| fs::read(path).ok()).unwrap_or_default();
    let mut set = vec![(NODE, folder.write(NODE, &[of(NODE).unwrap_or_default(), authority.as_bytes()])?)];
    for (name, others) in BUNDLES {
        let own = std::iter::once(&name).chain(others).find_map(|name| of(name));
        // Clients that do not read SSL_CERT_FILE do not have it replace their list; what it names is added, lest they miss it.
        let (roots, more) = own.map_or((&*system, of("SSL_CERT_FILE").unwrap_or_default()), |own| (own, &[]));
        if roots.is_empty() {
            eprintln!(
                "pointsman: no root certificates found ({name}): hosts off the list will not be trusted by what reads it"
            );
        }
        set.push((name, folder.write(name, &[roots, more, authority.as_bytes()])?));
    }
    Ok(set)
}

/// The file that the caller has set this variable to; one that cannot be read is said.
fn given(name: &str) -> Option<Vec<u8>> {
    let path = std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from)?;
    fs::read(&path)
        .map_err(|error| {
            eprintln!(
                "pointsman: {name} names {}, which cannot be read as a file ({error}): the command goes without it",
                path.display()
            );
        })
        .ok()
}

/// A folder of the command's time, readable by its owner only.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("pointsman-run-{:016x}", rand::random::<u64>()));
        let made = fs::DirBuilder::new().mode(0o700).create(&path);
        made.map(|()| Self(path.clone())).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// A file of these parts, each on lines of its own.
    fn write(&self, name: &str, parts: &[&[u8]]) -> Result<String, String> {
        let path = self.0.join(name).with_extension("pem");
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let written = file.and_then(|mut file| file.write_all(&parts.join(&b'\n')));
        written.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path.to_string_lossy().into_owned())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
