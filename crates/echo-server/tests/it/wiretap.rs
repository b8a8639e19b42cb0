//! Between `echod` and its MongoDB: hands on every byte, and notes what each command reads or writes.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use mongodb::bson::{Bson, Document};
use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinSet,
};

use crate::places_named::{Place, places};

/// Listens until it goes out of scope.
pub struct Wiretap {
    /// Where it stands in for the MongoDB.
    pub address: String,
    heard: Heard,
    _serving: JoinSet<()>,
}

type Heard = Arc<Mutex<BTreeSet<Place>>>;

const OP_MSG: i32 = 2013;
/// The driver says this once per connection, before it knows what the server understands.
const OP_QUERY: i32 = 2004;
/// The length, two ids and the kind.
const HEADER: usize = 16;

impl Wiretap {
    /// Before the MongoDB at `mongodb://…`, which has one host.
    pub async fn before(address: &str) -> Self {
        let authority = address.strip_prefix("mongodb://").unwrap().split('/').next().unwrap();
        let server = authority.rsplit('@').next().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = address.replacen(&server, &listener.local_addr().unwrap().to_string(), 1);
        let (heard, mut serving) = (Heard::default(), JoinSet::new());
        serving.spawn(serve(listener, server, heard.clone()));
        Self { address, heard, _serving: serving }
    }

    /// Everything so far.
    pub fn heard(&self) -> BTreeSet<Place> {
        self.heard.lock().unwrap().clone()
    }
}

async fn serve(listener: TcpListener, server: String, heard: Heard) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let (from_client, to_client) = client.into_split();
        let Ok(server) = TcpStream::connect(&server).await else { continue };
        let (from_server, to_server) = server.into_split();
        connections.spawn(listen(from_client, to_server, heard.clone()));
        connections.spawn(hand_on(from_server, to_client));
    }
}

async fn hand_on(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    // Whoever hangs up ends it.
    let _ = io::copy(&mut from, &mut to).await;
}

/// Until either hangs up.
async fn listen(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, heard: Heard) {
    while let Ok(message) = read(&mut from).await {
        // Before it is done: whoever has an answer finds what was asked for it.
        heard.lock().unwrap().extend(named(&message));
        if to.write_all(&message).await.is_err() {
            return;
        }
    }
}

async fn read(from: &mut OwnedReadHalf) -> io::Result<Vec<u8>> {
    let mut message = vec![0; HEADER];
    from.read_exact(&mut message).await?;
    message.resize(usize::try_from(number(&message)).unwrap(), 0);
    from.read_exact(&mut message[HEADER..]).await?;
    Ok(message)
}

fn number(bytes: &[u8]) -> i32 {
    i32::from_le_bytes(bytes[..4].try_into().unwrap())
}

fn named(message: &[u8]) -> BTreeSet<Place> {
    match number(&message[12..]) {
        OP_MSG => {
            let command = command(&message[HEADER..]);
            places(command.get_str("$db").unwrap(), &command)
        }
        OP_QUERY => BTreeSet::new(),
        other => panic!("a message that nobody here can read: {other}"),
    }
}

/// The command in an OP_MSG, with the documents that lie beside it.
fn command(body: &[u8]) -> Document {
    const CHECKSUM: i32 = 1;
    let has_checksum = number(body) & CHECKSUM != 0;
    let mut rest = &body[4..body.len() - if has_checksum { 4 } else { 0 }];
    let mut command = Document::new();
    while let Some((kind, section)) = rest.split_first() {
        let (section, next) = section.split_at(usize::try_from(number(section)).unwrap());
        match kind {
            0 => {
                let beside = std::mem::replace(&mut command, Document::from_reader(section).unwrap());
                command.extend(beside);
            }
            1 => command.extend([sequence(section)]),
            other => panic!("a section that nobody here can read: {other}"),
        }
        rest = next;
    }
    command
}

/// Documents in a row, and the field of the command that they are.
fn sequence(section: &[u8]) -> (String, Bson) {
    let end = 4 + section[4..].iter().position(|byte| *byte == 0).unwrap();
    let name = String::from_utf8(section[4..end].to_vec()).unwrap();
    let (mut rest, mut documents) = (&section[end + 1..], Vec::new());
    while !rest.is_empty() {
        documents.push(Bson::Document(Document::from_reader(&mut rest).unwrap()));
    }
    (name, documents.into())
}
