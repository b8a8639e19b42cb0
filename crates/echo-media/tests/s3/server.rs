//! A real server that speaks like S3, and a way to it that can be closed.

use std::{
    net::TcpListener,
    path::Path,
    process::{ChildStdin, Command, Stdio},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use echo_media::{Patience, S3Access, S3Options};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A key that the server lets in, and its secret.
pub(crate) const KEY: (&str, &str) = ("echo", "secret");

/// The one server of this process. A shell ends it when this process's end closes the pipe between them.
struct Server {
    address: String,
    _until_closed: ChildStdin,
}

/// A bucket of its own on the server of this process.
pub(crate) async fn bucket() -> S3Options {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    static SERVER: OnceLock<Server> = OnceLock::new();
    let Server { address, .. } = SERVER.get_or_init(start);
    let bucket = format!("echo-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let deadline = Instant::now() + Duration::from_secs(60);
    while reqwest::Client::new().put(format!("{address}/{bucket}")).send().await.is_err() {
        assert!(Instant::now() < deadline, "no S3 server at {address}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    S3Options {
        bucket,
        endpoint: Some(address.clone()),
        region: "us-east-1".to_owned(),
        access: S3Access::Key { id: KEY.0.to_owned(), secret: KEY.1.to_owned() },
        patience: Patience::ECHO,
    }
}

/// What the server itself says at an address, to who has a key.
pub(crate) async fn look(address: String) -> reqwest::Response {
    let key = "AWS4-HMAC-SHA256 Credential=echo/20260101/us-east-1/s3/aws4_request";
    let response = reqwest::Client::new().get(address).header("authorization", key).send().await.unwrap();
    response.error_for_status().unwrap()
}

fn start() -> Server {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let moto = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/venv-s3/bin/moto_server");
    assert!(moto.exists(), "{} is not there; scripts/test installs it", moto.display());
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", r#"trap '' INT HUP; "$0" -H 127.0.0.1 -p "$1" >&2 & read -r _; kill -9 $!; wait"#]);
    shell.arg(moto).arg(port.to_string()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let until_closed = shell.spawn().unwrap().stdin.take().unwrap();
    Server { address: format!("http://127.0.0.1:{port}"), _until_closed: until_closed }
}

/// What happens to who comes by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Open,
    /// Connections end at once.
    Closed,
    /// Nothing is ever answered.
    Silent,
    /// Every request is answered with a fault of the server's.
    Broken,
    /// Every request is refused.
    Forbidden,
}

/// A way to the server, what it is like, and who came by it last.
#[derive(Clone)]
pub(crate) struct Passage(Arc<Mutex<Traffic>>);

struct Traffic {
    way: Way,
    /// So many requests still meet a fault.
    faults: u32,
    /// How the last request began.
    last: String,
}

impl Passage {
    pub(crate) fn set(&self, way: Way) {
        let mut traffic = self.0.lock().unwrap();
        (traffic.way, traffic.faults) = (way, 0);
    }

    /// So many connections meet a fault of the server's.
    pub(crate) fn fail_next(&self, count: u32) {
        let mut traffic = self.0.lock().unwrap();
        (traffic.way, traffic.faults) = (Way::Open, count);
    }

    /// What the last request said under this name.
    pub(crate) fn last_header(&self, name: &str) -> Option<String> {
        let traffic = self.0.lock().unwrap();
        let headers = traffic.last.lines().filter_map(|line| line.split_once(": "));
        headers.filter(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next()
    }

    fn next(&self, request: &[u8]) -> Way {
        let mut traffic = self.0.lock().unwrap();
        traffic.last = String::from_utf8_lossy(request).into_owned();
        if traffic.faults > 0 {
            traffic.faults -= 1;
            return Way::Broken;
        }
        traffic.way
    }
}

/// Another address of the server, on a thread of its own until the process ends.
pub(crate) fn way_to_server(options: &S3Options) -> (Passage, String) {
    let server = options.endpoint.as_deref().unwrap().strip_prefix("http://").unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let passage = Passage(Arc::new(Mutex::new(Traffic { way: Way::Open, faults: 0, last: String::new() })));
    let ours = passage.clone();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            listener.set_nonblocking(true).unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, server.clone(), ours.clone()));
            }
        });
    });
    (passage, address)
}

/// Reads requests as they come, so that what the way is like counts for each, also on a connection that was kept.
async fn pass(mut client: TcpStream, server: String, passage: Passage) {
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let (mut sent, mut answered) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    let mut at_start = true;
    let mut way = Way::Open;
    loop {
        tokio::select! {
            read = client.read(&mut sent) => {
                let Ok(count @ 1..) = read else { return };
                if at_start {
                    way = passage.next(&sent[..count]);
                    at_start = false;
                }
                match way {
                    Way::Open => { let _ = server.write_all(&sent[..count]).await; }
                    Way::Closed => return,
                    Way::Silent => {}
                    Way::Broken => return refuse(client, "503 Service Unavailable").await,
                    Way::Forbidden => return refuse(client, "403 Forbidden").await,
                }
            }
            read = server.read(&mut answered) => {
                let Ok(count @ 1..) = read else { return };
                at_start = true;
                if client.write_all(&answered[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn refuse(mut client: TcpStream, status: &str) {
    let reply = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let _ = client.write_all(reply.as_bytes()).await;
    // What is still being sent is read, or the reply would be lost with it.
    let mut rest = vec![0; 64 << 10];
    while let Ok(1..) = client.read(&mut rest).await {}
}
