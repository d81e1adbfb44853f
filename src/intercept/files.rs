//! The files of an authority: where they are, who may read them, and why there is no authority in them.

use std::fmt;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use super::validity::Validity;

/// Where an authority is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaFiles {
    /// Its certificate, PEM: what clients are told to trust.
    pub cert: PathBuf,
    /// Its private key, PEM, mode 0600.
    pub key: PathBuf,
}

/// Why there is no authority.
#[derive(Debug)]
pub enum CaError {
    /// A file cannot be read or written.
    File(PathBuf, std::io::Error),
    /// Others than the owner may read the key.
    KeyMode(PathBuf, u32),
    /// The key belongs to another user, and this is whom we run as.
    KeyOwner(PathBuf, [u32; 2]),
    /// The certificate holds no more, or not yet.
    NotValid(PathBuf, Validity),
    /// There is an authority already.
    Exists(PathBuf),
    /// The certificate was not made for this key.
    OtherKey(PathBuf),
    /// The certificate does not permit a host of the list.
    NotPermitted(String),
    /// No host is on the list: an authority without names would speak for all.
    NoHosts,
    /// Cryptography failed.
    Crypto(String),
}

impl fmt::Display for CaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, error) => {
                let hint = match error.kind() {
                    ErrorKind::NotFound => {
                        "; `pointsman ca init` makes an authority, as the user the proxy runs as"
                    }
                    ErrorKind::PermissionDenied => {
                        "; this must run as the user whom the files of the authority belong to (sudo -u), and who may write there"
                    }
                    _ => "",
                };
                write!(f, "{}: {error}{hint}", path.display())
            }
            Self::KeyMode(path, mode) => write!(
                f,
                "{}: others may read this key (mode {mode:04o}): chmod 600 it, and `pointsman ca rotate` if they could",
                path.display()
            ),
            Self::KeyOwner(path, [owner, own]) => write!(
                f,
                "{}: this key belongs to user {owner}, who can read it, and this runs as user {own}: chown it, and \
                 `pointsman ca rotate` if that user is not to be trusted",
                path.display()
            ),
            Self::NotValid(path, validity) => {
                let [from, until] = validity.days();
                write!(
                    f,
                    "{}: the authority holds from {from} to {until} only: `pointsman ca rotate` makes a new one, which \
                     clients then have to trust (or switch interception off: [intercept] enabled = false)",
                    path.display()
                )
            }
            Self::Exists(path) => {
                write!(f, "{} exists already: `pointsman ca rotate` replaces it", path.display())
            }
            Self::OtherKey(path) => {
                write!(f, "{} does not belong to the key beside it: `pointsman ca rotate`", path.display())
            }
            Self::NotPermitted(host) => write!(
                f,
                "the authority may not speak for {host}: `pointsman ca rotate`, then have clients trust the new one"
            ),
            Self::NoHosts => f.write_str(
                "no host to intercept: `hosts` of [intercept] and the providers' base URLs name none",
            ),
            Self::Crypto(what) => write!(f, "the authority cannot be used: {what}"),
        }
    }
}

impl std::error::Error for CaError {}

/// Refuses a key that others than its owner may read.
pub(super) fn check_mode(key: &Path) -> Result<(), CaError> {
    let mode = metadata(key)?.permissions().mode() & 0o7777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(CaError::KeyMode(key.to_path_buf(), mode)) }
}

/// Refuses a key whose owner is not the user we run as. Root may read any file, so a key of root's is no more open than another.
pub(super) fn check_owner(key: &Path) -> Result<(), CaError> {
    let (owner, own) = (metadata(key)?.uid(), geteuid().as_raw());
    if is_ours(owner, own) { Ok(()) } else { Err(CaError::KeyOwner(key.to_path_buf(), [owner, own])) }
}

fn metadata(path: &Path) -> Result<fs::Metadata, CaError> {
    fs::metadata(path).map_err(|error| CaError::File(path.to_path_buf(), error))
}

fn is_ours(owner: u32, own: u32) -> bool {
    owner == own || owner == 0
}

/// Replaces a file whole: a reader never sees half a key.
pub(super) fn write(path: &Path, text: &str, mode: u32) -> Result<(), CaError> {
    let failed = |error| CaError::File(path.to_path_buf(), error);
    if let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        make(directory).map_err(failed)?;
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let _ = fs::remove_file(&beside);
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside).map_err(failed)?;
    // The mask of this process may have taken rights away that others need, as to read the certificate.
    file.set_permissions(Permissions::from_mode(mode)).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&beside, path).map_err(failed)
}

/// Makes a directory and those that are missing above it. Others may enter: the certificate is for them too, and what of the key
/// they may not read its own mode keeps.
fn make(directory: &Path) -> std::io::Result<()> {
    if directory.as_os_str().is_empty() || directory.is_dir() {
        return Ok(());
    }
    if let Some(above) = directory.parent() {
        make(above)?;
    }
    fs::create_dir(directory)?;
    fs::set_permissions(directory, Permissions::from_mode(0o755))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_ours_or_roots() {
        for (owner, own, ours) in
            [(1000, 1000, true), (0, 1000, true), (0, 0, true), (1000, 0, false), (1000, 1001, false)]
        {
            assert_eq!(is_ours(owner, own), ours, "{owner} {own}");
        }
    }
}
