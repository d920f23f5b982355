//! Webhooks against a server that answers as it likes: what is signed, what is sent again, and what is not.

use fonds_model::Timestamp;
use fonds_runtime::RuntimeError;
use fonds_runtime::webhook::{Bounds, Webhook, read_secret};
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// One request as it came over the wire.
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found: Vec<_> = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)).collect();
        assert_eq!(found.len(), 1, "`{name}` stands once among {:?}", self.headers);
        &found[0].1
    }

    fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        let mut one = [0];
        while !bytes.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut one).unwrap();
            bytes.push(one[0]);
        }
        let head = String::from_utf8(bytes).unwrap();
        let mut lines = head.trim_end().lines();
        let line = lines.next().unwrap().to_owned();
        let split =
            |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap();
        let headers: Vec<(String, String)> = lines.map(split).collect();
        let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length")).unwrap();
        let mut body = vec![0; length.1.parse().unwrap()];
        stream.read_exact(&mut body).unwrap();
        Self { line, headers, body }
    }
}

/// A server that gives one answer a connection, in order, and tells what it was asked; then it listens no more.
pub(crate) fn serve(answers: Vec<Vec<u8>>) -> (String, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            // The test may not want to hear it, and whoever asked may have read enough.
            let _ = tell.send(Request::read(&mut stream));
            let _ = stream.write_all(&answer);
        }
    });
    (url, told)
}

pub(crate) fn answer(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).into_bytes()
}

/// HMAC-SHA-256 as RFC 2104 writes it down.
fn hmac(key: &[u8], text: &[u8]) -> String {
    let mut block = [0_u8; 64];
    if key.len() > 64 {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let padded = |pad: u8, rest: &[u8]| {
        let mut bytes: Vec<u8> = block.iter().map(|byte| byte ^ pad).collect();
        bytes.extend_from_slice(rest);
        Sha256::digest(&bytes)
    };
    padded(0x5c, &padded(0x36, text)).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What whoever receives a webhook checks.
pub(crate) fn assert_signed(request: &Request, secret: &[u8]) -> i64 {
    let signature = request.header("Fonds-Signature");
    let (time, code) = signature.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    let mut signed = format!("{time}.").into_bytes();
    signed.extend_from_slice(&request.body);
    assert_eq!(code, hmac(secret, &signed), "the signature is over time and body");
    time.parse().unwrap()
}

fn webhook(url: &str) -> Webhook {
    let clock = std::sync::Arc::new(|| Timestamp(1_700_000_000_123_456));
    let bounds = Bounds {
        attempts: 3,
        attempt: Duration::from_millis(600),
        total: Duration::from_secs(4),
        pause: Duration::from_millis(20),
        answer_bytes: 100,
    };
    Webhook::new(url, SECRET.to_vec(), clock).unwrap().within(bounds)
}

fn why(error: &RuntimeError) -> (u32, &str) {
    match error {
        RuntimeError::Webhook { attempts, why, .. } => (*attempts, why),
        other => panic!("{other}"),
    }
}

#[test]
fn the_independent_hmac_is_that_of_rfc_4231() {
    let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    assert_eq!(hmac(b"Jefe", b"what do ya want for nothing?"), expected);
    let long = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54";
    assert_eq!(hmac(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First"), long);
}

#[test]
fn a_webhook_is_signed_over_time_and_body_and_names_its_delivery() {
    let (url, told) = serve(vec![answer("200 OK", "thanks")]);
    let answered = webhook(&url).post(b"{\"waiting\":3}").unwrap();
    assert_eq!((answered.status, answered.body.as_slice(), answered.is_cut), (200, b"thanks".as_slice(), false));
    let request = told.recv().unwrap();
    assert_eq!(request.line, "POST /hook HTTP/1.1");
    assert_eq!(request.body, b"{\"waiting\":3}");
    assert_eq!(request.header("Content-Type"), "application/json");
    assert_eq!(assert_signed(&request, SECRET), 1_700_000_000);
    let digest: String = Sha256::digest(b"{\"waiting\":3}").iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(request.header("Fonds-Delivery"), digest);
}

#[test]
fn a_busy_system_is_told_again_and_can_see_that_it_is_the_same() {
    let (url, told) = serve(vec![answer("503 Busy", ""), answer("429 Slowly", ""), answer("204 Done", "")]);
    let answered = webhook(&url).post(b"{}").unwrap();
    assert_eq!((answered.status, answered.attempts), (204, 3));
    let requests: Vec<Request> = told.iter().collect();
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|request| request.header("Fonds-Delivery") == requests[0].header("Fonds-Delivery")));
    assert!(requests.iter().all(|request| assert_signed(request, SECRET) == 1_700_000_000));
}

#[test]
fn a_connection_that_breaks_off_is_tried_again_and_attempts_are_counted() {
    let (url, _) = serve(vec![b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort".to_vec(), answer("200 OK", "")]);
    assert_eq!(webhook(&url).post(b"{}").unwrap().attempts, 2);
    let (url, told) =
        serve(vec![answer("500 Oh", ""), answer("500 Oh", ""), answer("500 Oh", ""), answer("200 OK", "")]);
    let error = webhook(&url).post(b"{}").unwrap_err();
    assert_eq!(why(&error), (3, "it answered 500"));
    assert_eq!(told.try_iter().count(), 3, "no more than the bound");
}

#[test]
fn a_refusal_is_not_argued_with() {
    let (url, told) = serve(vec![answer("403 No", ""), answer("200 OK", "")]);
    assert_eq!(why(&webhook(&url).post(b"{}").unwrap_err()), (1, "it answered 403"));
    assert_eq!(told.try_iter().count(), 1);
}

#[test]
fn a_redirect_is_not_followed() {
    let (elsewhere, asked) = serve(vec![answer("200 OK", "")]);
    let moved =
        format!("HTTP/1.1 307 Moved\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let (url, _) = serve(vec![moved.into_bytes()]);
    let error = webhook(&url).post(b"{}").unwrap_err();
    assert_eq!(why(&error), (1, "it answered 307, and redirects are not followed"));
    assert_eq!(asked.try_iter().count(), 0, "nobody else hears of it");
}

#[test]
fn an_answer_that_does_not_end_is_cut() {
    let (url, _) = serve(vec![answer("200 OK", &"x".repeat(1 << 20))]);
    let answered = webhook(&url).post(b"{}").unwrap();
    assert_eq!((answered.body.len(), answered.is_cut), (100, true));
    let (url, _) = serve(vec![answer("200 OK", &"x".repeat(100))]);
    let answered = webhook(&url).post(b"{}").unwrap();
    assert_eq!((answered.body.len(), answered.is_cut), (100, false));
}

#[test]
fn a_system_that_says_nothing_does_not_hold_anybody_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let began = Instant::now();
    let error = webhook(&format!("http://{}/", silent.local_addr().unwrap())).post(b"{}").unwrap_err();
    assert_eq!(why(&error).0, 3);
    assert!(why(&error).1.contains("timeout"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn a_system_that_answers_a_letter_at_a_time_does_not_either() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            std::thread::spawn(move || {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n");
                while stream.write_all(b"x").is_ok() {
                    std::thread::sleep(Duration::from_millis(50));
                }
            });
        }
    });
    let began = Instant::now();
    let error = webhook(&url).post(b"{}").unwrap_err();
    assert!(why(&error).1.contains("broke off"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn an_address_that_others_can_read_along_with_is_refused() {
    let clock: fonds_runtime::Clock = std::sync::Arc::new(|| Timestamp(0));
    let made =
        |url: &str, secret: &[u8]| Webhook::new(url, secret.to_vec(), clock.clone()).map_err(|error| error.to_string());
    for good in ["https://records.example/hook?x=1", "http://localhost:80/", "http://127.0.0.9/", "http://[::1]:8/"] {
        assert!(made(good, SECRET).is_ok(), "{good}");
    }
    for bad in [
        "http://records.example/",
        "ftp://x/",
        "records.example",
        "/hook",
        "",
        "https://me:secret@records.example/",
        "http://127.0.0.1.example/",
        "https:///x",
        "http://localhost.example/",
        "https://records.example/\r\nX: y",
    ] {
        assert!(made(bad, SECRET).is_err(), "{bad:?}");
    }
    assert!(made("https://records.example/", b"short").unwrap_err().contains("16 to 4096 bytes"));
    let shown = format!("{:?}", made("https://records.example/T0/path-is-secret", SECRET).unwrap());
    assert!(!shown.contains("0123") && !shown.contains("path"), "{shown}");
}

#[test]
fn a_secret_that_anybody_may_read_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret");
    std::fs::write(&path, [SECRET, b"\n"].concat()).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(read_secret(&path).unwrap_err().to_string().contains("chmod 600"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(read_secret(&path).unwrap(), SECRET);
}
