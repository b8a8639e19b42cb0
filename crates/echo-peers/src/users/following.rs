//! Everyone whom an account follows, in as few bytes as there can be: it is asked for again after every follow, and has up
//! to 5,000 of them.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use echo_domain::{
    RawId, UserId,
    users::{Followee, Following},
};

/// A user's id and a number.
const EACH: usize = 12 + 8;

/// It is no list of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} bytes are no version and followees of {EACH} bytes each")]
pub(super) struct Malformed(usize);

/// The version, then each user with the most followers they ever had; numbers are big-endian.
pub(super) fn write(following: &Following) -> Bytes {
    let mut bytes = BytesMut::with_capacity(8 + following.iter().count() * EACH);
    bytes.put_u64(following.version);
    for Followee { user, most_followers } in following.iter() {
        bytes.put_slice(&user.0.to_bytes());
        bytes.put_u64(most_followers);
    }
    bytes.freeze()
}

/// # Errors
/// When it is nothing that [`write()`] has made.
pub(super) fn read(mut bytes: Bytes) -> Result<Following, Malformed> {
    let length = bytes.len();
    let version = bytes.try_get_u64().map_err(|_| Malformed(length))?;
    if !bytes.len().is_multiple_of(EACH) {
        return Err(Malformed(length));
    }
    let mut followees = Vec::with_capacity(bytes.len() / EACH);
    while bytes.has_remaining() {
        let mut user = [0; 12];
        bytes.copy_to_slice(&mut user);
        followees.push(Followee { user: UserId(RawId::from_bytes(user)), most_followers: bytes.get_u64() });
    }
    Ok(Following::told(version, followees))
}

#[cfg(test)]
mod tests {
    use echo_domain::contract::sample;

    use super::*;

    fn following(count: u64) -> Following {
        let follow = |most_followers| (sample::id(), Followee { user: sample::id(), most_followers });
        Following::of((0..count).map(follow))
    }

    #[test]
    fn it_reads_back_as_it_was_written() {
        for following in [following(0), following(1), following(5000)] {
            assert_eq!(read(write(&following)), Ok(following));
        }
    }

    #[test]
    fn any_other_bytes_are_refused() {
        let whole = write(&following(3));
        for length in [0, 1, 7, 9, 8 + EACH - 1, whole.len() - 1] {
            assert_eq!(read(whole.slice(..length)), Err(Malformed(length)));
        }
    }
}
