//! Names and positions. A name (`ModelId`) is what people write; a position (`ModelIx`) is where the snapshot holds it,
//! valid for that snapshot only.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! name {
    ($(#[$doc:meta])* $id:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $id(pub Arc<str>);

        impl $id {
            /// The name as written in the configuration.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $id {
            fn from(name: &str) -> Self {
                Self(Arc::from(name))
            }
        }

        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A provider's name in the configuration.
    ProviderId
);
name!(
    /// A model's name in the configuration.
    ModelId
);
name!(
    /// `model@provider`, numbered when a model has several deployments at one provider.
    DeploymentId
);
name!(
    /// A client's name in the configuration: who pays.
    ClientId
);
name!(
    /// A policy's name in the configuration.
    PolicyId
);

macro_rules! position {
    ($(#[$doc:meta])* $ix:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $ix(pub u16);

        impl $ix {
            /// The position as an index.
            pub fn at(self) -> usize {
                usize::from(self.0)
            }
        }
    };
}

position!(
    /// Position in `Snapshot::providers`.
    ProviderIx
);
position!(
    /// Position in `Snapshot::models`.
    ModelIx
);
position!(
    /// Position in `Snapshot::deployments`.
    DeploymentIx
);
position!(
    /// Position in `Snapshot::policies`.
    PolicyIx
);
position!(
    /// Position in `Snapshot::clients`.
    ClientIx
);

/// Identity of one request: 48 bits of wall-clock milliseconds, then 80 random bits; sorts by time.
/// Written as `pm-` and 26 digits of Crockford's base 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u128);

impl RequestId {
    /// Time and randomness are arguments, so that tests and replays are deterministic.
    pub fn new(unix_ms: u64, random: u128) -> Self {
        Self((u128::from(unix_ms) << 80) | (random & ((1 << 80) - 1)))
    }

    /// The id as it is written, in ASCII.
    pub fn text(self) -> [u8; 29] {
        let mut text = *b"pm-00000000000000000000000000";
        let mut rest = self.0;
        for digit in text[3..].iter_mut().rev() {
            *digit = BASE32[rest as usize & 31];
            rest >>= 5;
        }
        text
    }

    /// Wall-clock milliseconds since 1970 at which the request arrived.
    pub fn unix_ms(self) -> u64 {
        (self.0 >> 80) as u64
    }
}

const BASE32: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl FromStr for RequestId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix("pm-").unwrap_or(text);
        if digits.len() != 26 {
            return Err(format!("`{text}` is not a request id: `pm-` and 26 digits are expected"));
        }
        digits
            .bytes()
            .try_fold(0_u128, |sum, byte| {
                let value = BASE32.iter().position(|digit| *digit == byte)?;
                Some((sum << 5) | value as u128)
            })
            .map(Self)
            .ok_or_else(|| format!("`{text}` is not a request id: it holds a digit outside base 32"))
    }
}

impl Serialize for RequestId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_survives_its_text() {
        let id = RequestId::new(1_790_000_000_000, 0x0123_4567_89ab_cdef_0123);
        assert_eq!(id.to_string().len(), 29);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.unix_ms(), 1_790_000_000_000);
        assert!("pm-nonsense".parse::<RequestId>().is_err());
    }
}
