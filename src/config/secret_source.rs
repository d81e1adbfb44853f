//! Where the values behind `env:NAME` and `file:PATH` come from. A value is never part of a message.

use std::collections::HashMap;
use std::fmt;

use crate::types::Secret;

/// Where secret references are looked up.
#[derive(Clone)]
pub enum SecretSource {
    /// The process environment and the file system: a proxy that serves.
    Environment,
    /// Given values by variable name, and the file system: tests.
    Map(HashMap<String, String>),
    /// Every reference is a placeholder and no file is read: replaying decisions, which needs no secret.
    Dummy,
    /// Every reference is a placeholder, and what is no secret is read: deciding as the proxy would, without its keys.
    Keyless,
}

impl SecretSource {
    /// Whether files that the configuration names are looked at.
    pub(super) fn reads_files(&self) -> bool {
        match self {
            Self::Environment | Self::Map(_) | Self::Keyless => true,
            Self::Dummy => false,
        }
    }

    /// Whether the certificates of listeners are looked at: only a proxy that serves needs them.
    pub(super) fn serves(&self) -> bool {
        match self {
            Self::Environment => true,
            Self::Map(_) | Self::Dummy | Self::Keyless => false,
        }
    }

    /// The secret behind a reference, or what is wrong and what would work.
    pub(super) fn resolve(&self, reference: &str) -> Result<Secret, String> {
        if let Some(name) = reference.strip_prefix("env:") {
            return self.variable(name);
        }
        if let Some(path) = reference.strip_prefix("file:") {
            return self.file(path);
        }
        // The text may be the secret itself, so it is not repeated.
        Err("a secret is never written here: use `env:NAME` or `file:PATH`".to_owned())
    }

    fn variable(&self, name: &str) -> Result<Secret, String> {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || !name.bytes().all(is_name) {
            return Err("`env:` needs the name of a variable: letters, digits and `_`".to_owned());
        }
        let value = match self {
            Self::Environment => std::env::var(name).ok(),
            Self::Map(values) => values.get(name).cloned(),
            Self::Dummy | Self::Keyless => return Ok(placeholder("env", name)),
        };
        let value = value.ok_or_else(|| format!("the environment variable {name} is not set: set it"))?;
        usable(&value, &format!("the environment variable {name}"))
    }

    fn file(&self, path: &str) -> Result<Secret, String> {
        if path.is_empty() {
            return Err("`file:` needs a path".to_owned());
        }
        if matches!(self, Self::Dummy | Self::Keyless) {
            return Ok(placeholder("file", path));
        }
        let value =
            std::fs::read_to_string(path).map_err(|error| format!("{path} cannot be read: {error}"))?;
        usable(value.trim_end_matches(['\r', '\n']), path)
    }
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Environment => "Environment",
            Self::Map(_) => "Map(..)",
            Self::Dummy => "Dummy",
            Self::Keyless => "Keyless",
        })
    }
}

/// Distinct for distinct references, so that keys which differ still differ.
fn placeholder(kind: &str, name: &str) -> Secret {
    Secret::new(format!("placeholder-{kind}-{name}"))
}

/// A secret travels in a header, so it must be able to.
fn usable(value: &str, whence: &str) -> Result<Secret, String> {
    if value.is_empty() {
        return Err(format!("{whence} is empty: put the secret there"));
    }
    if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!(
            "{whence} holds blanks or characters that no header can carry: keep the secret alone in it"
        ));
    }
    Ok(Secret::new(value))
}
