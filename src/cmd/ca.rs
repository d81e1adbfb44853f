//! `ca`: the local authority of interception. `init` makes it, `show` says what it may do, `rotate` replaces it, and
//! `install` prints how clients come to trust it; nothing is ever installed by itself.

use std::path::Path;
use std::time::SystemTime;

use clap::{Args, Subcommand};
use rustix::process::geteuid;

use crate::config::{self, SecretSource};
use crate::intercept::{Authority, InterceptSettings};

/// Arguments of `ca`.
#[derive(Args, Debug)]
pub struct CaArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Make the authority; refuses when there is one
    Init,
    /// Show the authority and the hosts it may speak for
    Show,
    /// Make a new authority in the place of the old one
    Rotate,
    /// Print what to do so that clients trust it
    Install {
        /// Print only; there is no other way
        #[arg(long, required = true)]
        print: bool,
    },
}

/// Runs the command: the text to print, or why it failed.
pub fn run(path: &Path, arguments: &CaArgs, json: bool) -> Result<String, String> {
    let settings =
        config::load(path, SecretSource::Environment).map_err(|faults| faults.to_string())?.intercept;
    let text = |error: crate::intercept::CaError| error.to_string();
    let make = |replace| {
        let authority = Authority::new(settings.names())?;
        authority.save(&settings.ca, replace)?;
        Ok(authority)
    };
    let authority = match arguments.action {
        Action::Init => make(false).map_err(text)?,
        Action::Rotate => make(true).map_err(text)?,
        // One that does not hold any more is shown all the same: that is what is to be seen of it.
        Action::Show => Authority::read(&settings.ca, settings.names()).map_err(text)?,
        Action::Install { .. } => Authority::read(&settings.ca, settings.names())
            .and_then(|authority| authority.holding_now(&settings.ca))
            .map_err(text)?,
    };
    let subject = authority.subject().map_err(text)?;
    if matches!(arguments.action, Action::Install { .. }) {
        return Ok(install(&settings, &subject));
    }
    let (validity, now) = (authority.validity(), SystemTime::now());
    let ([from, until], days_left) = (validity.days(), validity.days_left(now));
    let warning = validity.warning(now);
    if json {
        let value = serde_json::json!({
            "subject": subject, "certificate": settings.ca.cert, "key": settings.ca.key, "hosts": authority.names(),
            "not_before": from.to_string(), "not_after": until.to_string(), "days_left": days_left, "warning": warning,
        });
        return Ok(value.to_string());
    }
    let mut lines = format!(
        "{subject}\ncertificate  {}\nkey          {} (0600: keep it on this machine, out of backups and images)\n\
         speaks for   {}\nholds        {from} to {until}, {days_left} days from now\n",
        settings.ca.cert.display(),
        settings.ca.key.display(),
        authority.names().join(", ")
    );
    if let Some(warning) = warning {
        lines += &format!("warning      {warning}\n");
    }
    let is_made = matches!(arguments.action, Action::Init | Action::Rotate);
    if is_made && geteuid().is_root() {
        let [cert, key] = [&settings.ca.cert, &settings.ca.key].map(|path| path.display());
        lines += &format!(
            "owner        root: where the proxy runs as another user, chown THAT_USER {cert} {key}\n"
        );
    }
    match arguments.action {
        Action::Init => lines += "next         pointsman ca install --print\n",
        Action::Rotate => lines += AFTER_ROTATION,
        Action::Show | Action::Install { .. } => {}
    }
    Ok(lines)
}

/// Until all of it is done some clients trust an authority that is not in use.
const AFTER_ROTATION: &str = "\
next         1. have clients trust this one: pointsman ca install --print (in every store and bundle that had the old one)
             2. restart the proxy (`serve`): it goes on with the old authority until then, a reload does not change it; the
                key must belong to the user it runs as
             3. restart programs that read their trust at their start: Node, Java, Python, whatever holds a bundle open
             4. take the old one out of system stores; its key was replaced here, copies of it are yours to destroy
             `pointsman run` needs none of this; pods and compositions make their own authority when their volume is new
";

/// What to do, system by system and runtime by runtime.
fn install(settings: &InterceptSettings, subject: &str) -> String {
    let cert = std::path::absolute(&settings.ca.cert).unwrap_or_else(|_| settings.ca.cert.clone());
    let (cert, listen) = (cert.display(), settings.listen);
    format!(
        "# One program, without touching the system (the least that works; `pointsman run -- COMMAND` does it for you)\n\
         export HTTPS_PROXY=http://{listen}\n\
         export NODE_EXTRA_CA_CERTS={cert} NODE_USE_ENV_PROXY=1     # Node.js 24 or newer for the proxy\n\
         export SSL_CERT_FILE=BUNDLE REQUESTS_CA_BUNDLE=BUNDLE     # Python, curl, OpenSSL, Go on Linux\n\
         # These two replace the system's list: BUNDLE is that list with the authority behind it, as\n\
         cat /etc/ssl/certs/ca-certificates.crt {cert} > BUNDLE\n\
         \n\
         # Java\n\
         keytool -importcert -noprompt -alias pointsman -file {cert} -keystore \"$JAVA_HOME/lib/security/cacerts\" \
         -storepass changeit\n\
         # and: -Dhttps.proxyHost={} -Dhttps.proxyPort={}\n\
         \n\
         # The whole system: Debian, Ubuntu\n\
         sudo install -m 644 {cert} /usr/local/share/ca-certificates/pointsman.crt && sudo update-ca-certificates\n\
         # Fedora, RHEL\n\
         sudo install -m 644 {cert} /etc/pki/ca-trust/source/anchors/pointsman.pem && sudo update-ca-trust\n\
         # macOS (also what Go reads there)\n\
         sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain {cert}\n\
         # Windows\n\
         certutil -addstore -f Root {cert}\n\
         \n\
         # Trusted as \"{subject}\", for {} only. Clients that pin a certificate cannot be intercepted.",
        listen.ip(),
        listen.port(),
        settings.names().join(", ")
    )
}
