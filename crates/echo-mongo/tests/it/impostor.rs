//! Says of itself whatever a test wants, and lets nobody sign in: enough of MongoDB's wire protocol for a refusal
//! (OP_MSG, and OP_QUERY for the first handshake).

use bson::{Document, doc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Serves until the test is over.
pub(crate) struct Impostor {
    pub(crate) uri: String,
}

const OP_REPLY: i32 = 1;
const OP_QUERY: i32 = 2004;
const OP_MSG: i32 = 2013;

impl Impostor {
    /// `claims` are told in answer to whatever is asked.
    pub(crate) async fn start(claims: Document) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("mongodb://{}/?directConnection=true", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, claims.clone()));
            }
        });
        Self { uri }
    }
}

/// Until the client leaves.
async fn serve(mut stream: TcpStream, claims: Document) -> std::io::Result<()> {
    loop {
        let length = stream.read_i32_le().await?;
        let request = stream.read_i32_le().await?;
        let _response_to = stream.read_i32_le().await?;
        let kind = stream.read_i32_le().await?;
        let mut body = vec![0; usize::try_from(length).unwrap() - 16];
        stream.read_exact(&mut body).await?;
        stream.write_all(&reply(request, kind, &answer(&asked(kind, &body), &claims))).await?;
    }
}

/// The command: after the flags, and the collection's name and two numbers or the kind of the section.
fn asked(kind: i32, body: &[u8]) -> Document {
    let start = match kind {
        OP_QUERY => 4 + body[4..].iter().position(|byte| *byte == 0).unwrap() + 1 + 8,
        OP_MSG => 5,
        other => panic!("message {other}"),
    };
    Document::from_reader(&body[start..]).unwrap()
}

fn answer(command: &Document, claims: &Document) -> Document {
    if command.contains_key("saslStart") {
        return doc! { "ok": 0, "code": 18, "codeName": "AuthenticationFailed", "errmsg": "Authentication failed." };
    }
    let mut answer = doc! {
        "ok": 1, "isWritablePrimary": true, "ismaster": true, "helloOk": true, "minWireVersion": 0, "maxWireVersion": 21,
        "maxBsonObjectSize": 16_777_216, "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000,
        "logicalSessionTimeoutMinutes": 30, "readOnly": false, "hosts": ["127.0.0.1:27017"],
    };
    answer.extend(claims.clone());
    answer
}

fn reply(request: i32, kind: i32, answer: &Document) -> Vec<u8> {
    let mut body = Vec::new();
    let kind = if kind == OP_QUERY {
        // Flags, a cursor that is none, from the first of one.
        body.extend([[0_i32, 0, 0, 0, 1].map(i32::to_le_bytes)].concat().concat());
        OP_REPLY
    } else {
        body.extend([0; 5]);
        OP_MSG
    };
    answer.to_writer(&mut body).unwrap();
    let length = i32::try_from(body.len() + 16).unwrap();
    let mut message: Vec<u8> = [length, 0, request, kind].map(i32::to_le_bytes).concat();
    message.extend(body);
    message
}
