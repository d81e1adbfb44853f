//! The local certificate authority: made on this machine, constrained by name to the hosts of configured providers, its key
//! readable by its owner only. It mints a short-lived certificate per host on first use and keeps it; a host that is not on
//! the list gets none, here as much as in the eyes of a client that checks name constraints.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use pingora::tls::sign::{CertifiedKey, SigningKey};
use pingora::tls::{CertificateDer, CryptoProvider, PrivateKeyDer};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, NameConstraints, SerialNumber,
};

use super::files::{CaError, CaFiles, check_mode, check_owner, write};
use super::validity::Validity;

/// How long a host's certificate is valid.
const LEAF_LIFE: Duration = Duration::from_secs(48 * 3600);
/// A certificate is minted anew when it has less than this left.
const LEAF_RENEW: Duration = Duration::from_secs(12 * 3600);
/// Clocks of clients may be behind.
const SKEW: Duration = Duration::from_secs(3600);
/// How long the authority is valid.
const CA_LIFE: Duration = Duration::from_secs(365 * 24 * 3600);

/// A host's certificate.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// With its key, as TLS takes it.
    pub certificate: Arc<CertifiedKey>,
    /// Minted for this call rather than kept from before.
    pub new: bool,
    until: SystemTime,
}

/// An authority that can mint.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
    validity: Validity,
    /// The closed list, lower case; as many leaves as it has names are kept.
    names: Vec<String>,
    leaf_key: KeyPair,
    signing: Arc<dyn SigningKey>,
    leaves: Mutex<HashMap<String, Leaf>>,
}

impl Authority {
    /// A new authority for these names, in memory only.
    pub fn new(names: Vec<String>) -> Result<Self, CaError> {
        let now = SystemTime::now();
        Self::holding(names, Validity { from: now - SKEW, until: now + CA_LIFE })
    }

    fn holding(names: Vec<String>, validity: Validity) -> Result<Self, CaError> {
        let key = KeyPair::generate().map_err(crypto)?;
        let mut params = authority_params(&key, &names)?;
        params.not_before = rcgen::date_time_ymd(1970, 1, 1) + since_epoch(validity.from);
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + since_epoch(validity.until);
        let certificate = params.self_signed(&key).map_err(crypto)?;
        Self::of(key, (certificate.der().clone(), certificate.pem()), names)
    }

    /// The authority in these files, for these names, ready to mint: as `read`, and refuses a key that is another user's, and
    /// an authority that does not hold today.
    pub fn load(files: &CaFiles, names: Vec<String>) -> Result<Self, CaError> {
        check_owner(&files.key)?;
        Self::read(files, names)?.holding_now(files)
    }

    /// The authority in these files, whoever it belongs to and whether it holds today or not. Refuses a key that others than
    /// its owner may read, and a certificate that was made for another key or does not permit one of the names.
    pub fn read(files: &CaFiles, names: Vec<String>) -> Result<Self, CaError> {
        check_mode(&files.key)?;
        let read =
            |path: &Path| fs::read_to_string(path).map_err(|error| CaError::File(path.to_path_buf(), error));
        let (pem, key) = (read(&files.cert)?, read(&files.key)?);
        let key = KeyPair::from_pem(&key).map_err(crypto)?;
        let (cert, private) = (files.cert.to_string_lossy(), files.key.to_string_lossy());
        let loaded = pingora::tls::load_certs_and_key_files(&cert, &private);
        let certificates = loaded.ok().flatten().map(|(certificates, _)| certificates);
        let Some(certificate) = certificates.and_then(|list| list.into_iter().next()) else {
            return Err(CaError::Crypto(format!("{cert} holds no certificate")));
        };
        if memchr::memmem::find(&certificate, key.public_key_raw()).is_none() {
            return Err(CaError::OtherKey(files.cert.clone()));
        }
        let refused = names.iter().find(|name| !permits(&certificate, name));
        match refused {
            Some(name) => Err(CaError::NotPermitted(name.clone())),
            None => Self::of(key, (certificate, pem), names),
        }
    }

    fn of(
        key: KeyPair,
        (certificate, pem): (CertificateDer<'static>, String),
        names: Vec<String>,
    ) -> Result<Self, CaError> {
        pingora::tls::install_default_crypto_provider();
        let issuer = Issuer::new(authority_params(&key, &names)?, key);
        let leaf_key = KeyPair::generate().map_err(crypto)?;
        let der = PrivateKeyDer::try_from(leaf_key.serialize_der()).map_err(crypto)?;
        let provider = CryptoProvider::get_default()
            .ok_or_else(|| CaError::Crypto("no cryptography is installed".to_owned()))?;
        let signing = provider.key_provider.load_private_key(der).map_err(crypto)?;
        let validity = Validity::of(&certificate)
            .ok_or_else(|| CaError::Crypto("its certificate has no dates that can be read".to_owned()))?;
        Ok(Self { issuer, certificate, pem, validity, names, leaf_key, signing, leaves: Mutex::default() })
    }

    /// Itself, if it holds today.
    pub fn holding_now(self, files: &CaFiles) -> Result<Self, CaError> {
        match self.validity.holds(SystemTime::now()) {
            true => Ok(self),
            false => Err(CaError::NotValid(files.cert.clone(), self.validity)),
        }
    }

    /// The certificate of the authority, PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The names it mints for.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// When it holds.
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// How the certificate is called in a store of trusted ones.
    pub fn subject(&self) -> Result<String, CaError> {
        common_name(self.issuer.key())
    }

    /// Writes the files; `replace` says whether there may be some already. The key is written first and never readable by
    /// others.
    pub fn save(&self, files: &CaFiles, replace: bool) -> Result<(), CaError> {
        if !replace && let Some(path) = [&files.key, &files.cert].into_iter().find(|path| path.exists()) {
            return Err(CaError::Exists(path.clone()));
        }
        write(&files.key, &self.issuer.key().serialize_pem(), 0o600)?;
        write(&files.cert, &self.pem, 0o644)
    }

    /// The certificate for a host, minted when there is none or it is about to expire; `None` for a host off the list, and
    /// when the authority itself does not hold.
    pub fn mint(&self, host: &str) -> Option<Leaf> {
        self.mint_at(host, SystemTime::now())
    }

    fn mint_at(&self, host: &str, now: SystemTime) -> Option<Leaf> {
        if !self.validity.holds(now) || !self.names.iter().any(|name| name == host) {
            return None;
        }
        let mut leaves = self.leaves.lock();
        // One that ends with the authority is the last there can be.
        let lasts = |leaf: &&Leaf| leaf.until > now + LEAF_RENEW || leaf.until == self.validity.until;
        if let Some(leaf) = leaves.get(host).filter(lasts) {
            return Some(leaf.clone());
        }
        let minted = self.sign(host, now).map_err(|error| tracing::error!(host, %error, "no certificate"));
        let leaf = minted.ok()?;
        leaves.insert(host.to_owned(), Leaf { new: false, ..leaf.clone() });
        Some(leaf)
    }

    fn sign(&self, host: &str, now: SystemTime) -> Result<Leaf, CaError> {
        let mut params = CertificateParams::new(vec![host.to_owned()]).map_err(crypto)?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, host);
        // Left out it would follow from the key, which the leaves share; clients refuse a serial number seen before.
        params.serial_number = Some(SerialNumber::from_slice(&serial()));
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // Behind the end of the authority nobody trusts what it signed, whatever is written there.
        let until = (now + LEAF_LIFE).min(self.validity.until);
        params.not_before =
            rcgen::date_time_ymd(1970, 1, 1) + since_epoch((now - SKEW).max(self.validity.from));
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + since_epoch(until);
        let leaf = params.signed_by(&self.leaf_key, &self.issuer).map_err(crypto)?;
        let chain = vec![leaf.der().clone(), self.certificate.clone()];
        let certificate = Arc::new(CertifiedKey::new(chain, self.signing.clone()));
        Ok(Leaf { certificate, new: true, until })
    }
}

/// Everything about the authority but its key and its dates; the subject follows from the key, so that an issuer can be made again.
fn authority_params(key: &KeyPair, names: &[String]) -> Result<CertificateParams, CaError> {
    if names.is_empty() {
        return Err(CaError::NoHosts);
    }
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name(key)?);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let permitted_subtrees = names.iter().map(|name| GeneralSubtree::DnsName(name.clone())).collect();
    // A kind of name without a constraint would be free (RFC 5280, 4.2.1.10): no address is ever spoken for.
    let addresses = [CidrSubnet::V4([0; 4], [0; 4]), CidrSubnet::V6([0; 16], [0; 16])];
    let excluded_subtrees = addresses.map(GeneralSubtree::IpAddress).into();
    params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees });
    Ok(params)
}

fn common_name(key: &KeyPair) -> Result<String, CaError> {
    let id = CertificateParams::default().key_identifier(key);
    let id = id.iter().take(4).map(|byte| format!("{byte:02x}")).collect::<String>();
    Ok(format!("Pointsman local CA {id}"))
}

/// Whether a certificate's name constraints hold this name: a dNSName is its tag, its length, its text. An authority of ours
/// has no other names in it.
fn permits(certificate: &[u8], name: &str) -> bool {
    let Ok(length) = u8::try_from(name.len()) else { return false };
    let mut entry = vec![0x82, length];
    entry.extend_from_slice(name.as_bytes());
    memchr::memmem::find(certificate, &entry).is_some()
}

/// A positive number, as X.509 wants it.
fn serial() -> [u8; 16] {
    let mut serial: [u8; 16] = rand::random();
    serial[0] = (serial[0] & 0x7f) | 0x40;
    serial
}

fn since_epoch(at: SystemTime) -> Duration {
    at.duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn crypto(error: impl fmt::Display) -> CaError {
    CaError::Crypto(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_leaf_is_minted_for_the_list_only_and_kept() {
        let authority = Authority::new(names(&["api.openai.com"])).unwrap();
        let first = authority.mint("api.openai.com").unwrap();
        let again = authority.mint("api.openai.com").unwrap();
        assert!(first.new && !again.new && Arc::ptr_eq(&first.certificate, &again.certificate), "kept");
        for host in ["", "openai.com", "x.api.openai.com", "api.openai.com.", "API.OPENAI.COM", "127.0.0.1"] {
            assert!(authority.mint(host).is_none(), "{host}");
        }
        assert_eq!(authority.leaves.lock().len(), 1);
        assert!(matches!(Authority::new(Vec::new()), Err(CaError::NoHosts)));
    }

    #[test]
    fn files_come_back_and_bad_ones_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let files = CaFiles { cert: folder.path().join("ca.pem"), key: folder.path().join("ca.key") };
        let list = names(&["api.openai.com"]);
        assert!(matches!(Authority::load(&files, list.clone()), Err(CaError::File(..))));
        let made = Authority::new(list.clone()).unwrap();
        made.save(&files, false).unwrap();
        assert!(matches!(made.save(&files, false), Err(CaError::Exists(_))));
        let mode = fs::metadata(&files.key).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        let loaded = Authority::load(&files, list.clone()).unwrap();
        assert_eq!((loaded.pem(), loaded.subject().unwrap()), (made.pem(), made.subject().unwrap()));
        let more = Authority::load(&files, names(&["api.openai.com", "api.anthropic.com"]));
        assert!(matches!(more, Err(CaError::NotPermitted(host)) if host == "api.anthropic.com"));
        for mode in [0o640, 0o604, 0o666] {
            fs::set_permissions(&files.key, fs::Permissions::from_mode(mode)).unwrap();
            let refused = Authority::load(&files, list.clone());
            assert!(matches!(refused, Err(CaError::KeyMode(_, found)) if found == mode), "{mode:o}");
        }
        Authority::new(list.clone()).unwrap().save(&files, true).unwrap();
        fs::write(&files.cert, made.pem()).unwrap();
        assert!(matches!(Authority::load(&files, list), Err(CaError::OtherKey(_))));
    }

    #[test]
    fn no_leaf_outlives_its_authority_and_none_is_minted_behind_its_end() {
        let whole_seconds = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        let validity = Validity { from: whole_seconds, until: whole_seconds + hours(100) };
        let authority = Authority::holding(names(&["api.openai.com"]), validity).unwrap();
        assert_eq!(authority.validity(), validity, "the dates are read back");
        let mint = |at| authority.mint_at("api.openai.com", whole_seconds + hours(at));
        let dates = |leaf: &Leaf| Validity::of(&leaf.certificate.cert[0]).unwrap();
        let first = mint(0).unwrap();
        assert_eq!(dates(&first), Validity { from: whole_seconds, until: whole_seconds + hours(48) });
        assert!(!mint(35).unwrap().new && mint(37).unwrap().new, "renewed before it ends");
        let last = mint(80).unwrap();
        assert_eq!(dates(&last).until, validity.until, "it would last for 128 hours");
        for at in [89, 99] {
            let kept = mint(at).unwrap();
            assert!(
                !kept.new && Arc::ptr_eq(&kept.certificate, &last.certificate),
                "nothing better can be minted"
            );
        }
        assert!(mint(100).is_none() && mint(1000).is_none());
        assert!(authority.mint_at("api.openai.com", whole_seconds - hours(1)).is_none());
    }

    #[test]
    fn an_authority_that_does_not_hold_is_shown_and_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let files = CaFiles { cert: folder.path().join("ca.pem"), key: folder.path().join("ca.key") };
        let (now, day) = (SystemTime::now(), Duration::from_secs(24 * 3600));
        for (from, until) in [(now - 30 * day, now - day), (now + day, now + 30 * day)] {
            let made = Authority::holding(names(&["api.openai.com"]), Validity { from, until }).unwrap();
            made.save(&files, true).unwrap();
            assert_eq!(
                Authority::read(&files, names(&["api.openai.com"])).unwrap().validity(),
                made.validity()
            );
            let refused = Authority::load(&files, names(&["api.openai.com"])).map(drop).unwrap_err();
            assert!(
                matches!(&refused, CaError::NotValid(_, found) if *found == made.validity()),
                "{refused}"
            );
            assert!(refused.to_string().contains("`pointsman ca rotate`"), "{refused}");
        }
    }
}
