//! Signed messages to other people's systems over HTTP: sent again where that may help, bounded in time and in size.
//!
//! Each carries `Fonds-Signature: t=SECONDS,v1=HEX`, where HEX is HMAC-SHA-256 under the shared secret of the seconds since
//! 1970 as text, a full stop, and the body's bytes. Whoever receives it computes the same, compares in constant time, and
//! refuses a time more than some minutes off. `Fonds-Delivery` is the same for the same body: what is sent twice, since an
//! answer was lost, can be told from what is new.

use crate::RuntimeError;
use fonds_log::Clock;
use hmac::{Hmac, Mac};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use ureq::http::Uri;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// The header with time and signature.
pub const SIGNATURE: &str = "Fonds-Signature";

/// The header that is the same whenever the same body is sent.
pub const DELIVERY: &str = "Fonds-Delivery";

/// A secret is at least so long.
const SECRET_BYTES_MIN: usize = 16;

/// A secret is at most so long.
const SECRET_BYTES_MAX: usize = 4_096;

/// How long and how often a message is sent, and how much of an answer is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// It is sent so often at most.
    pub attempts: u32,
    /// One attempt takes no longer.
    pub attempt: Duration,
    /// All of it takes no longer, waiting included.
    pub total: Duration,
    /// It waits so long after the first attempt that failed, and twice as long after each that follows.
    pub pause: Duration,
    /// So much of an answer is read.
    pub answer_bytes: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            attempts: 4,
            attempt: Duration::from_secs(15),
            total: Duration::from_secs(60),
            pause: Duration::from_millis(500),
            answer_bytes: 64 << 10,
        }
    }
}

/// Where signed messages go.
pub struct Webhook {
    url: Uri,
    secret: Vec<u8>,
    clock: Clock,
    bounds: Bounds,
}

/// What the other system answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookAnswer {
    /// The HTTP status: 200 to 299.
    pub status: u16,
    /// What it said, up to the bound.
    pub body: Vec<u8>,
    /// It said more.
    pub is_cut: bool,
    /// So many attempts were needed.
    pub attempts: u32,
}

/// Why one attempt failed.
struct Missed {
    why: String,
    is_passing: bool,
}

impl Webhook {
    /// A webhook, told apart from what is no address for one.
    ///
    /// # Errors
    /// [`RuntimeError::Invalid`] when the address is not `https` (`http` is for this machine alone) or has a password in
    /// it, or the secret is too short or too long.
    pub fn new(url: &str, secret: Vec<u8>, clock: Clock) -> Result<Self, RuntimeError> {
        let wrong = |why: &str| RuntimeError::Invalid(format!("the webhook's address cannot be used: {why}"));
        let url: Uri = url.parse().map_err(|_| wrong("write https://HOST/PATH"))?;
        let authority = url.authority().ok_or_else(|| wrong("write https://HOST/PATH"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("leave name and password out, what is sent is signed"));
        }
        match url.scheme_str() {
            Some("https") => {}
            Some("http") if is_this_machine(authority.host()) => {}
            _ => return Err(wrong("it must begin with https://, so that nobody reads along")),
        }
        if !(SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&secret.len()) {
            let why = format!("a webhook's secret has {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes");
            return Err(RuntimeError::Invalid(format!("{why}: make one with `openssl rand -hex 32`")));
        }
        Ok(Self { url, secret, clock, bounds: Bounds::default() })
    }

    /// The same within other bounds.
    #[must_use]
    pub fn within(self, bounds: Bounds) -> Self {
        Self { bounds, ..self }
    }

    /// The system that it goes to, without the path, which may be a secret of its own.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host().unwrap_or_default()
    }

    /// What tells this address from others, and does not give it away.
    #[must_use]
    pub fn receiver(&self) -> String {
        let digest = hex(&Sha256::digest(self.url.to_string().as_bytes()));
        format!("{} {}", self.host(), digest.get(..16).unwrap_or_default())
    }

    /// Sends a JSON document; again, with growing pauses, while the other system cannot be reached or is busy.
    ///
    /// When this returns Ok, the other system has answered 200 to 299. Redirects are not followed: what is signed for one
    /// system is not for another.
    ///
    /// # Errors
    /// [`RuntimeError::Webhook`] when it was refused, or could not be delivered within the bounds. It may have arrived all
    /// the same.
    pub fn post(&self, body: &[u8]) -> Result<WebhookAnswer, RuntimeError> {
        let began = Instant::now();
        let tls = self.tls()?;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let left = self.bounds.total.saturating_sub(began.elapsed());
            let missed = match self.attempt(body, tls.clone(), left.min(self.bounds.attempt)) {
                Ok(answer) => return Ok(WebhookAnswer { attempts, ..answer }),
                Err(missed) => missed,
            };
            let pause = self.bounds.pause.saturating_mul(1 << (attempts - 1).min(16));
            let is_late = began.elapsed() + pause >= self.bounds.total;
            if !missed.is_passing || attempts >= self.bounds.attempts || is_late {
                let host = self.host().to_owned();
                return Err(RuntimeError::Webhook { host, attempts, why: missed.why });
            }
            tracing::debug!(host = self.host(), why = missed.why, "the webhook was not delivered, and is sent again");
            std::thread::sleep(pause);
        }
    }

    fn attempt(&self, body: &[u8], tls: Option<TlsConfig>, time: Duration) -> Result<WebhookAnswer, Missed> {
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent("fonds")
            .max_idle_connections(0)
            .timeout_global(Some(time));
        if let Some(tls) = tls {
            config = config.https_only(true).tls_config(tls);
        } else {
            // It goes to this machine, and past no proxy.
            config = config.proxy(None);
        }
        let seconds = (self.clock)().0.div_euclid(1_000_000);
        let sent = ureq::Agent::new_with_config(config.build())
            .post(self.url.clone())
            .header("Content-Type", "application/json")
            .header(SIGNATURE, signature(&self.secret, seconds, body))
            .header(DELIVERY, hex(&Sha256::digest(body)))
            .send(body);
        let mut answer = sent.map_err(|error| Missed { is_passing: is_passing(&error), why: error.to_string() })?;
        let status = answer.status().as_u16();
        let mut said = Vec::new();
        let read = answer.body_mut().as_reader().take(self.bounds.answer_bytes + 1).read_to_end(&mut said);
        match status {
            200..=299 => {}
            300..=399 => {
                let why = format!("it answered {status}, and redirects are not followed");
                return Err(Missed { why, is_passing: false });
            }
            _ => {
                let is_passing = matches!(status, 408 | 425 | 429 | 500..=599);
                return Err(Missed { why: format!("it answered {status}"), is_passing });
            }
        }
        read.map_err(|error| Missed { why: format!("its answer broke off: {error}"), is_passing: true })?;
        let is_cut = said.len() as u64 > self.bounds.answer_bytes;
        if is_cut {
            said.pop();
        }
        Ok(WebhookAnswer { status, body: said, is_cut, attempts: 1 })
    }

    /// The system's own roots of trust, where it goes over TLS.
    fn tls(&self) -> Result<Option<TlsConfig>, RuntimeError> {
        if self.url.scheme_str() != Some("https") {
            return Ok(None);
        }
        let found = rustls_native_certs::load_native_certs();
        let roots: Vec<Certificate<'static>> =
            found.certs.iter().map(|root| Certificate::from_der(root.as_ref()).to_owned()).collect();
        if roots.is_empty() {
            let why = "this system has no trusted certificates: install `ca-certificates`, or set SSL_CERT_FILE";
            return Err(RuntimeError::Webhook { host: self.host().to_owned(), attempts: 0, why: why.to_owned() });
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(provider)
            .root_certs(RootCerts::new_with_certs(&roots));
        Ok(Some(config.build()))
    }
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Webhook").field("host", &self.host()).finish_non_exhaustive()
    }
}

/// Reads a secret that is shared with another system; white space around it does not count.
///
/// # Errors
/// When the file cannot be read, or all users of this machine may read it.
pub fn read_secret(path: &Path) -> Result<Vec<u8>, RuntimeError> {
    use std::os::unix::fs::PermissionsExt;
    let wrong = |error| RuntimeError::reading(path, error);
    let file = std::fs::File::open(path).map_err(wrong)?;
    if file.metadata().map_err(wrong)?.permissions().mode() & 0o007 != 0 {
        let why = format!("anybody here may use the secret `{0}`: `chmod 600 {0}`", path.display());
        return Err(RuntimeError::Denied(why));
    }
    let mut bytes = Vec::new();
    file.take(SECRET_BYTES_MAX as u64 + 64).read_to_end(&mut bytes).map_err(wrong)?;
    Ok(bytes.trim_ascii().to_vec())
}

/// The value of `Fonds-Signature` for a body that is sent at a time, in seconds since 1970.
#[must_use]
pub fn signature(secret: &[u8], seconds: i64, body: &[u8]) -> String {
    // HMAC takes keys of any length (RFC 2104), so that this never fails.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(seconds.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    format!("t={seconds},v1={}", hex(&mac.finalize().into_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing into a text does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Whether a host is this machine, where nobody reads along.
fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether the same may go well in a moment.
fn is_passing(error: &ureq::Error) -> bool {
    use ureq::Error;
    matches!(
        error,
        Error::Io(_) | Error::Timeout(_) | Error::HostNotFound | Error::ConnectionFailed | Error::BodyStalled
    )
}
