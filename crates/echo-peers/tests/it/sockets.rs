//! Neighbours at the other end of a socket: real ones, and some that behave badly.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::Router;
use echo_peers::{Peer, RemoteDirectory, Served, Service, ServiceToken, router};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

pub fn token() -> ServiceToken {
    ServiceToken::new("what-all-processes-of-this-Echo-know").unwrap()
}

/// A process that serves its areas to its neighbours.
pub struct Neighbour {
    pub address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Neighbour {
    pub async fn start(served: Served) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), served).await
    }

    pub async fn start_at(address: SocketAddr, served: Served) -> Self {
        Self::serve(address, router(served, &token())).await
    }

    pub async fn serve(address: SocketAddr, app: Router) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(async move {
            let until = async { drop(stopped.await) };
            axum::serve(listener, app).with_graceful_shutdown(until).await.unwrap();
        });
        Self { address, stop, serving }
    }

    /// Ends when its connections are closed.
    pub async fn stop(self) -> SocketAddr {
        let _ = self.stop.send(());
        self.serving.await.unwrap();
        self.address
    }

    pub fn peer(&self, service: Service) -> Arc<Peer> {
        peer(service, self.address)
    }
}

pub fn peer(service: Service, address: SocketAddr) -> Arc<Peer> {
    Arc::new(Peer::new(service, &format!("http://{address}"), &token()).unwrap())
}

/// What an odd neighbour does with a request.
#[derive(Clone)]
pub enum Deed {
    /// Says this, byte for byte, and goes on listening.
    Say(String),
    /// Says this, and goes away.
    SayAndGo(String),
    /// Says nothing, for longer than anybody waits.
    Hang,
}

impl Deed {
    pub fn ok(body: &str) -> Self {
        Self::status("200 OK", body)
    }

    pub fn status(status: &str, body: &str) -> Self {
        Self::Say(format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
    }
}

/// A neighbour that does as it is told, and keeps what it was asked.
pub struct Odd {
    pub address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Odd {
    /// `deed` says what to do with the first request, the second, and so on, over whatever connection they come.
    pub async fn start(deed: impl Fn(usize) -> Deed + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let (deed, asked) = (Arc::new(deed), heads.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (deed, asked) = (deed.clone(), asked.clone());
                tokio::spawn(async move { converse(stream, &*deed, &asked).await });
            }
        });
        Self { address, heads }
    }

    pub fn asked(&self) -> usize {
        self.heads.lock().unwrap().len()
    }

    /// The head of the last request.
    pub fn last_head(&self) -> String {
        self.heads.lock().unwrap().last().cloned().unwrap()
    }

    pub fn directory(&self) -> RemoteDirectory {
        RemoteDirectory(peer(Service::Users, self.address))
    }
}

async fn converse(mut stream: TcpStream, deed: &(dyn Fn(usize) -> Deed + Send + Sync), asked: &Mutex<Vec<String>>) {
    while let Some(head) = read_request(&mut stream).await {
        let place = {
            let mut asked = asked.lock().unwrap();
            asked.push(head);
            asked.len() - 1
        };
        match deed(place) {
            Deed::Say(text) => stream.write_all(text.as_bytes()).await.unwrap(),
            Deed::SayAndGo(text) => {
                stream.write_all(text.as_bytes()).await.unwrap();
                return;
            }
            Deed::Hang => tokio::time::sleep(Duration::from_secs(600)).await,
        }
    }
}

/// Its head; the body is read, too.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(char::from(stream.read_u8().await.ok()?));
    }
    let field = |line: &str| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok();
    let length: usize = head.lines().find_map(field).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(head)
}
