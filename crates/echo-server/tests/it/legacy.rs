//! Documents as the first Echo kept them.

use std::sync::OnceLock;

use mongodb::bson::{DateTime, Document, doc, oid::ObjectId};

use crate::app::PASSWORD;

/// A moment of the first Echo, so many seconds after the first.
pub fn moment(seconds: i64) -> DateTime {
    DateTime::from_millis(1_620_000_000_123 + seconds * 1000)
}

/// An id that Mongoose made at that moment; `n` tells apart.
pub fn id(seconds: u32, n: u32) -> ObjectId {
    let mut bytes = [0x1e; 12];
    bytes[..4].copy_from_slice(&(1_620_000_000 + seconds).to_be_bytes());
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    ObjectId::from_bytes(bytes)
}

/// What bcrypt made of everyone's password.
fn password() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| bcrypt::hash_with_salt(PASSWORD, 4, [7; 16]).unwrap().to_string())
}

/// A user as the first Echo kept them.
pub fn user(id: ObjectId, username: &str, followers: &[ObjectId], following: &[ObjectId]) -> Document {
    doc! {
        "_id": id, "name": format!("Name of {username}"), "username": username,
        "email": format!("{username}@example.com"), "password": password(), "bio": "¡Hola!",
        "profilePicture": { "public_id": "", "secure_url": "" }, "followers": followers, "following": following,
        "refreshToken": "eyJ…", "createdAt": moment(1), "updatedAt": moment(2), "__v": 3,
    }
}

/// A post of one text.
pub fn post(id: ObjectId, user: ObjectId, text: &str, likes: &[ObjectId]) -> Document {
    let block = doc! { "_id": ObjectId::from_bytes(id.bytes().map(|byte| byte ^ 0x55)), "type": "text", "value": text };
    doc! {
        "_id": id, "user": user, "content": [block], "likes": likes, "comments": [], "createdAt": moment(3),
        "updatedAt": moment(4), "__v": 0,
    }
}
