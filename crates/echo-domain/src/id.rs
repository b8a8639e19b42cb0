//! Ids: BSON ObjectIds, so that records sort by age and are made without coordination.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    str::FromStr,
    sync::atomic::{AtomicU32, Ordering},
};

use serde::{Deserialize, Serialize, Serializer, ser};

use crate::Timestamp;

/// Twelve bytes: 4 of seconds since 1970, 5 that tell sources apart, 3 of a counter (BSON specification, ObjectId). The
/// first two of the five are the milliseconds here: lists are ordered by id, and several processes write to them within
/// a second. Written as 24 lower-case hex digits; orders by time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct RawId([u8; 12]);

/// The text was not 24 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 24 lower-case hexadecimal digits")]
pub struct MalformedId;

impl RawId {
    pub const fn from_bytes(bytes: [u8; 12]) -> Self {
        Self(bytes)
    }

    pub const fn to_bytes(self) -> [u8; 12] {
        self.0
    }

    /// ASCII.
    fn digits(self) -> [u8; 24] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 24];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        text
    }

    /// When it was made, to the second.
    pub fn created(self) -> Timestamp {
        let seconds = u32::from_be_bytes([self.0[0], self.0[1], self.0[2], self.0[3]]);
        Timestamp::from_millis(i64::from(seconds) * 1000)
    }
}

impl fmt::Display for RawId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(std::str::from_utf8(&self.digits()).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for RawId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(&self.digits()).map_err(ser::Error::custom)?)
    }
}

impl fmt::Debug for RawId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for RawId {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        let text: &[u8; 24] = text.as_bytes().try_into().map_err(|_| MalformedId)?;
        let digit = |c: u8| match c {
            b'0'..=b'9' => Ok(c - b'0'),
            b'a'..=b'f' => Ok(c - b'a' + 10),
            _ => Err(MalformedId),
        };
        let mut bytes = [0; 12];
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for RawId {
    type Error = MalformedId;

    fn try_from(text: String) -> Result<Self, MalformedId> {
        text.parse()
    }
}

/// Values by id. Its hash is a quick one: pages are put together by looking up ids, and the standard hash took a twelfth of
/// the time of a page.
pub type IdMap<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// Ids, each once.
pub type IdSet<K> = HashSet<K, foldhash::fast::RandomState>;

/// Declares ids that cannot be taken for one another.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub RawId);

        impl From<RawId> for $name {
            fn from(raw: RawId) -> Self {
                Self(raw)
            }
        }
        impl From<$name> for RawId {
            fn from(id: $name) -> Self {
                id.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
        impl FromStr for $name {
            type Err = MalformedId;

            fn from_str(text: &str) -> Result<Self, MalformedId> {
                text.parse().map(Self)
            }
        }
    )+};
}

ids!(
    /// An account and its profile.
    UserId,
    SessionId,
    PostId,
    /// A block of a post's content.
    BlockId,
    CommentId,
    /// Orders the likes of a post by age.
    LikeId,
    /// Orders follows by age.
    FollowId,
    MediaId,
    /// What the names of an image's blobs begin with. Unlike ids, it is made by [`crate::media::StemSource`] and tells no
    /// time.
    Stem,
);

/// Makes ids that no other source makes. They grow from millisecond to millisecond, whichever source makes them, as far
/// as clocks agree; within one, those of one source do as long as its counter does not wrap, which it does every 16
/// million ids.
#[derive(Debug)]
pub struct IdSource {
    process: [u8; 3],
    counter: AtomicU32,
}

impl IdSource {
    /// `process` and `count`, from which the counter goes on, must be random: they keep ids apart that are made elsewhere
    /// in the same millisecond.
    pub const fn new(process: [u8; 3], count: u32) -> Self {
        Self { process, counter: AtomicU32::new(count) }
    }

    /// A new id of whatever kind is asked for, made at `now`.
    pub fn next<T: From<RawId>>(&self, now: Timestamp) -> T {
        let seconds = u32::try_from(now.millis() / 1000).unwrap_or(u32::MAX).to_be_bytes();
        let millis = u16::try_from(now.millis() % 1000).unwrap_or(0).to_be_bytes();
        let [_, count @ ..] = self.counter.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(&seconds);
        bytes[4..6].copy_from_slice(&millis);
        bytes[6..9].copy_from_slice(&self.process);
        bytes[9..].copy_from_slice(&count);
        RawId(bytes).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_was_written() {
        let id: PostId = IdSource::new([1, 4, 255], 7).next(Timestamp::from_millis(1_700_000_000_258));

        assert_eq!(id.to_string(), "6553f10001020104ff000007");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.0.created(), Timestamp::from_millis(1_700_000_000_000));
    }

    #[test]
    fn ids_grow() {
        let source = IdSource::new([9; 3], 0);
        let ids: Vec<RawId> = (0..1000).map(|_| source.next(Timestamp::from_millis(5_000))).collect();

        assert!(ids.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn ids_of_several_sources_grow_from_millisecond_to_millisecond() {
        let sources = [IdSource::new([9; 3], 5), IdSource::new([1; 3], 0)];
        let at = |n: i64| sources[usize::try_from(n % 2).unwrap()].next(Timestamp::from_millis(5_990 + n));
        let ids: Vec<RawId> = (0..1000).map(at).collect();

        assert!(ids.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn only_24_lower_case_hex_digits_are_an_id() {
        for text in [
            "",
            "6553f10001020304ff00000",
            "6553f10001020304ff0000000",
            "6553F10001020304FF000000",
            "g553f10001020304ff000000",
            "+553f10001020304ff000000",
            "６553f10001020304ff0000",
        ] {
            assert_eq!(text.parse::<RawId>(), Err(MalformedId), "{text}");
        }
    }
}
