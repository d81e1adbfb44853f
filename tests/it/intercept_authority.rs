//! The authority of interception as others see it: what it may not sign, whoever holds its key; when it ends, and who says so.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pointsman::intercept::{Authority, CaError, CaFiles};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, GeneralSubtree, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, NameConstraints,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::intercept::pointsman;
use crate::support::intercept::Setup;
use crate::support::needs::without;
use crate::support::tls::trusting;
use crate::support::{FakeProvider, TestConfig};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn files(folder: &Path) -> CaFiles {
    CaFiles { cert: folder.join("ca.pem"), key: folder.join("ca.key") }
}

/// A leaf for this name, signed with the authority's key by somebody who has stolen it: nothing of our minting is asked.
struct Stolen {
    leaf: rcgen::Certificate,
    key: KeyPair,
}

impl Stolen {
    fn sign(files: &CaFiles, subject: &str, name: &str) -> Self {
        let ca_key = KeyPair::from_pem(&std::fs::read_to_string(&files.key).unwrap()).unwrap();
        let mut issuer = CertificateParams::default();
        issuer.distinguished_name = rcgen::DistinguishedName::new();
        issuer.distinguished_name.push(DnType::CommonName, subject);
        issuer.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().unwrap();
        let leaf = params.signed_by(&key, &Issuer::new(issuer, ca_key)).unwrap();
        Self { leaf, key }
    }

    /// What a client of rustls that trusts the authority says of it.
    async fn verified(&self, ca: &str, name: &str) -> Result<(), String> {
        let chain = vec![self.leaf.der().clone(), CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()];
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let served = tokio::spawn(async move {
            let (socket, _) = listener.accept().await.unwrap();
            acceptor.accept(socket).await.map(drop)
        });
        let socket = TcpStream::connect(address).await.unwrap();
        let done = trusting(ca, name, socket, &[]).await.map(drop).map_err(|error| error.to_string());
        let _ = served.await.unwrap();
        done
    }

    /// The same of OpenSSL; `None` where there is no such program.
    fn verified_by_openssl(&self, folder: &Path) -> Option<Result<(), String>> {
        let leaf = folder.join("leaf.pem");
        std::fs::write(&leaf, self.leaf.pem()).unwrap();
        let output = Command::new("openssl")
            .arg("verify")
            .arg("-CAfile")
            .arg(folder.join("ca.pem"))
            .arg(leaf)
            .output();
        let output = output.ok()?;
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        Some(if output.status.success() { Ok(()) } else { Err(said) })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaf_off_the_list_is_refused_by_clients_whoever_has_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(vec!["api.openai.com".to_owned()]).unwrap();
    authority.save(&files(folder.path()), false).unwrap();
    let subject = authority.subject().unwrap();
    // What is below a name is permitted with it: that is how names are constrained (RFC 5280, 4.2.1.10).
    let names = [
        ("api.openai.com", true),
        ("x.api.openai.com", true),
        ("api.anthropic.com", false),
        ("openai.com", false),
        ("evil-api.openai.com", false),
        ("127.0.0.1", false),
        ("::1", false),
    ];
    for (name, permitted) in names {
        let stolen = Stolen::sign(&files(folder.path()), &subject, name);
        let verified = stolen.verified(authority.pem(), name).await;
        assert_eq!(verified.is_ok(), permitted, "{name}: {verified:?}");
        if let Err(said) = verified {
            assert!(said.contains("NameConstraintViolation"), "{name}: {said}");
        }
        let Some(verified) = stolen.verified_by_openssl(folder.path()) else {
            without("openssl", "what OpenSSL says of a leaf off the list");
            continue;
        };
        assert_eq!(verified.is_ok(), permitted, "{name}: {verified:?}");
        if let Err(said) = verified {
            assert!(
                said.contains("permitted subtree") || said.contains("excluded subtree"),
                "{name}: {said}"
            );
        }
    }
}

#[test]
fn a_key_of_another_user_is_refused() {
    if !rustix::process::geteuid().is_root() {
        return without("root", "the key of another user: only root can give a file away");
    }
    let setup = Setup::new();
    let names = || vec!["localhost".to_owned()];
    assert!(Authority::load(&setup.files, names()).is_ok());
    std::os::unix::fs::chown(&setup.files.key, Some(65_534), None).unwrap();
    let refused = Authority::load(&setup.files, names()).map(drop).unwrap_err().to_string();
    assert!(refused.contains("belongs to user 65534"), "{refused}");
}

#[test]
fn root_is_told_whose_the_key_must_be() {
    let folder = tempfile::tempdir().unwrap();
    for action in ["init", "rotate", "show"] {
        let (code, said, _) = pointsman(folder.path(), &["ca", action]);
        let is_root = rustix::process::geteuid().is_root();
        assert_eq!(
            (code, said.contains("chown THAT_USER")),
            (0, is_root && action != "show"),
            "{action}: {said}"
        );
    }
}

#[test]
fn the_certificate_is_readable_by_all_and_the_key_by_its_owner_whatever_the_mask() {
    let folder = tempfile::tempdir().unwrap();
    // A first call, so that the configuration is there.
    assert_eq!(pointsman(folder.path(), &["ca", "show"]).0, 1);
    let config = folder.path().join("pointsman.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let below = |mask: &str| folder.path().join(mask).join("of");
    for mask in ["077", "000"] {
        let there = format!("{}/ca.", below(mask).display());
        std::fs::write(&config, text.replace(&format!("{}/ca.", folder.path().display()), &there)).unwrap();
        let program = format!("umask {mask}; exec \"$0\" --config \"$1\" ca rotate");
        let mut command = Command::new("sh");
        command.args(["-c", &program, env!("CARGO_BIN_EXE_pointsman")]).arg(&config);
        assert!(command.stdout(Stdio::null()).status().unwrap().success());
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let files = files(&below(mask));
        assert_eq!((mode(&files.cert), mode(&files.key)), (0o644, 0o600), "umask {mask}");
        for made in [below(mask).parent().unwrap(), &below(mask)] {
            assert_eq!(mode(made), 0o755, "umask {mask}: {}", made.display());
        }
    }
}

#[test]
fn what_cannot_be_read_is_not_said_to_be_missing() {
    let denied = |kind: ErrorKind| CaError::File("/ca/ca.key".into(), kind.into()).to_string();
    let [missing, denied] = [ErrorKind::NotFound, ErrorKind::PermissionDenied].map(denied);
    assert!(missing.contains("ca init"), "{missing}");
    assert!(denied.contains("sudo -u") && !denied.contains("ca init"), "{denied}");
}

/// Files of an authority for this host that holds between these times.
fn dated(folder: &Path, host: &str, from: SystemTime, until: SystemTime) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    let since = |at: SystemTime| at.duration_since(UNIX_EPOCH).unwrap();
    params.not_before = rcgen::date_time_ymd(1970, 1, 1) + since(from);
    params.not_after = rcgen::date_time_ymd(1970, 1, 1) + since(until);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName(host.to_owned())],
        excluded_subtrees: vec![GeneralSubtree::IpAddress(CidrSubnet::V4([0; 4], [0; 4]))],
    });
    let files = files(folder);
    std::fs::write(&files.cert, params.self_signed(&key).unwrap().pem()).unwrap();
    let _ = std::fs::remove_file(&files.key);
    std::fs::write(&files.key, key.serialize_pem()).unwrap();
    std::fs::set_permissions(&files.key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authority_at_its_end_stops_the_start_in_words() {
    let setup = Setup::new();
    let now = SystemTime::now();
    let provider = FakeProvider::start().await;
    let start = async || {
        let mut config = TestConfig::new(&provider, &provider);
        setup.switch_on(&mut config, "");
        let text = config.text(&setup.folder.path().join("ledger.db"));
        let secrets = pointsman::config::SecretSource::Map(TestConfig::secrets());
        pointsman::app::InProcess::start(&text, "", secrets)
            .await
            .map(drop)
            .map_err(|error| error.to_string())
    };
    dated(setup.folder.path(), "localhost", now - 400 * DAY, now - 35 * DAY);
    let refused = start().await.unwrap_err();
    assert!(
        refused.contains("ca.pem") && refused.contains("ca rotate") && refused.contains("enabled = false"),
        "{refused}"
    );
    dated(setup.folder.path(), "localhost", now + DAY, now + 400 * DAY);
    assert!(start().await.unwrap_err().contains("holds from"));
    dated(setup.folder.path(), "localhost", now - DAY, now + DAY);
    assert_eq!(start().await, Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_the_authority_is_a_metric_where_there_is_one() {
    let name = "pointsman_intercept_authority_not_after_seconds";
    let setup = Setup::new();
    let world = setup.world("", |_| {}).await;
    let until = setup.authority.validity().until.duration_since(UNIX_EPOCH).unwrap();
    assert_eq!(world.proxy.metric(name).await, Some(until.as_secs() as f64));
    let without = crate::support::proxy::World::start(|_| {}).await;
    assert_eq!(without.proxy.metric(name).await, None, "0 would look like an end long ago");
}

#[test]
fn check_show_and_rotate_say_when_it_ends_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let (now, host) = (SystemTime::now(), "api.openai.com");
    let run = |arguments: &[&str]| {
        let (code, out, err) = pointsman(folder.path(), arguments);
        assert_eq!(code, 0, "{arguments:?}: {err}");
        out
    };
    let (code, _, err) = pointsman(folder.path(), &["ca", "init"]);
    assert_eq!(code, 0, "{err}");
    let config = folder.path().join("pointsman.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("[intercept]\n", "[intercept]\nenabled = true\n")).unwrap();
    let shown: serde_json::Value = serde_json::from_str(&run(&["--json", "ca", "show"])).unwrap();
    assert_eq!((&shown["days_left"], &shown["warning"]), (&364.into(), &serde_json::Value::Null), "{shown}");
    let until = shown["not_after"].as_str().unwrap().to_owned();
    assert!(run(&["ca", "show"]).contains(&format!("to {until}, 364 days")));
    assert!(run(&["check"]).contains(&format!("the authority of interception holds until {until}")));
    dated(folder.path(), host, now - 350 * DAY, now + 10 * DAY + DAY / 2);
    for command in [&["ca", "show"][..], &["check"]] {
        let said = run(command).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains("in 10 days") && said.contains("pointsman ca rotate"), "{command:?}: {said}");
    }
    dated(folder.path(), host, now - 400 * DAY, now - 35 * DAY);
    assert!(run(&["ca", "show"]).contains("no client trusts it any more"));
    assert!(run(&["check"]).contains("no client trusts it any more"));
    assert_eq!(pointsman(folder.path(), &["ca", "install", "--print"]).0, 1, "nobody should trust that one");
    let (code, _, err) = pointsman(folder.path(), &["run", "--", "true"]);
    assert!(code == 1 && err.contains("ca rotate"), "{err}");
    let rotated = run(&["ca", "rotate"]);
    for step in ["install --print", "restart the proxy", "restart programs", "364 days"] {
        assert!(rotated.contains(step), "{step}: {rotated}");
    }
    std::fs::remove_file(files(folder.path()).key).unwrap();
    assert!(run(&["check"]).contains("interception would not start here"));
}
