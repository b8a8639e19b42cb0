//! Things to try stores with. Each has an id of its own, greater than those made before.

use crate::{
    Event, IdSource, RawId, Timestamp, UserId,
    auth::{Account, Email, PasswordHash, Role, Session, State, Username},
    media::{BlobSet, Digest, Image, Upload, Variant},
    posts::{Block, Comment, Content, Like, Post},
    users::Profile,
};

/// The present.
pub const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_123);

static IDS: IdSource = IdSource::new(*b"eco", 0);

pub fn id<T: From<RawId>>() -> T {
    IDS.next(NOW)
}

/// So many ids, oldest first.
pub fn ids<T: From<RawId>, const N: usize>() -> [T; N] {
    std::array::from_fn(|_| id())
}

/// An active account with the e-mail `{username}@example.com`.
pub fn account(username: &str) -> Account {
    Account {
        id: id(),
        username: Username::from_store(username.to_owned()),
        email: email(&format!("{}@example.com", username.to_lowercase())),
        password: password(),
        role: Role::User,
        state: State::Active,
        created: NOW,
    }
}

/// The hash that every sample account has.
pub fn password() -> PasswordHash {
    PasswordHash::new("$argon2id$of-a-sample".to_owned())
}

pub fn email(text: &str) -> Email {
    Email::from_store(text.to_owned())
}

pub fn opened(account: &Account) -> Event {
    let username = account.username.as_str().to_owned();
    Event::AccountOpened { account: account.id, name: format!("Name of {username}"), username, at: account.created }
}

/// A session of a day.
pub fn session(account: UserId) -> Session {
    Session {
        id: id(),
        account,
        generation: 0,
        rotated: NOW,
        nonce: [0xe5; 16],
        device: "Ñandú/1.0 (tests)".to_owned(),
        created: NOW,
        expires: NOW + DAY,
    }
}

pub const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

pub fn profile(username: &str, name: &str) -> Profile {
    Profile::new(id(), username, name, NOW)
}

/// Blobs of 1,000,000 bytes that nothing else is of.
pub fn blobs() -> BlobSet {
    let stem = id();
    let mut digest = [7; 32];
    digest[..12].copy_from_slice(&RawId::from(stem).to_bytes());
    BlobSet {
        digest: Digest::from_bytes(digest),
        stem,
        location: format!("{stem}.jpg"),
        width: 4000,
        height: 3000,
        blurhash: "LEHV6nWB2yk8pyo0adR*.7kCMdnj".to_owned(),
        variants: [320, 640].map(|width| Variant { width, location: format!("{stem}-{width}.webp") }).to_vec(),
        bytes: Some(1_000_000),
    }
}

pub fn image() -> Image {
    blobs().image(id(), "Ein Hund, \"Ñandú\" 🦀\nund mehr".to_owned())
}

/// An image that nothing shows, until tomorrow, of blobs that no other is of.
pub fn upload(account: UserId) -> Upload {
    Upload { id: id(), account, alt: image().alt, expires: NOW + DAY, blobs: blobs() }
}

pub fn post(author: UserId, text: &str) -> Post {
    let blocks = vec![Block { id: id(), content: Content::Text(text.to_owned()) }];
    Post { id: id(), author, blocks, created: NOW }
}

pub fn published(post: &Post) -> Event {
    Event::PostPublished { post: post.id, author: post.author, media: post.media() }
}

pub fn deleted(post: &Post) -> Event {
    Event::PostDeleted { post: post.id, author: post.author, media: post.media() }
}

pub fn like(post: &Post, user: UserId) -> Like {
    Like { id: id(), post: post.id, user }
}

pub fn comment(post: &Post, author: UserId, content: &str) -> Comment {
    Comment { id: id(), post: post.id, author, content: content.to_owned(), created: NOW }
}

/// An image file: four pixels of different colours.
pub const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x02\0\0\0\x02\x08\x02\0\0\0\xfd\xd4\x9a\x73\
    \0\0\0\x12IDAT\x78\x9c\x63\xf8\xcf\xc0\xc0\0\xc2\x0c\xff\x81\0\0\x1f\xee\x05\xfb\x0b\xd9\x68\x8b\
    \0\0\0\0IEND\xae\x42\x60\x82";
