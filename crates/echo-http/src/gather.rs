//! What arrives in pieces, put together without being in memory twice.

use axum::body::Bytes;

/// Pieces in the order in which they came. They get room for all of them with the second: memory that grows is copied.
pub(crate) struct Gathered {
    /// How many bytes may come, in all. Memory that nothing is written to costs nothing.
    most: usize,
    /// What came alone stays where it is.
    first: Bytes,
    all: Vec<u8>,
}

impl Gathered {
    /// For pieces of at most `most` bytes in all.
    pub(crate) const fn new(most: usize) -> Self {
        Self { most, first: Bytes::new(), all: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.first.len() + self.all.len()
    }

    pub(crate) fn push(&mut self, piece: Bytes) {
        if self.len() == 0 {
            self.first = piece;
            return;
        }
        if self.all.capacity() == 0 {
            self.all.reserve_exact(self.most.max(self.first.len() + piece.len()));
            self.all.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.all.extend_from_slice(&piece);
    }

    pub(crate) fn into_bytes(mut self) -> Bytes {
        if self.all.is_empty() {
            return self.first;
        }
        self.all.shrink_to_fit();
        self.all.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(pieces: &[&'static [u8]]) -> Bytes {
        let mut gathered = Gathered::new(8);
        pieces.iter().for_each(|piece| gathered.push(Bytes::from_static(piece)));
        assert_eq!(gathered.len(), pieces.concat().len());
        gathered.into_bytes()
    }

    #[test]
    fn pieces_come_together_in_order() {
        assert_eq!(gathered(&[]), b""[..]);
        assert_eq!(gathered(&[b"", b"one", b"", b"two"]), b"onetwo"[..]);
        assert_eq!(gathered(&[b"more than ", b"was ", b"announced"]), b"more than was announced"[..]);
    }

    #[test]
    fn one_piece_stays_where_it_is() {
        static PIECE: &[u8] = b"alone";

        assert_eq!(gathered(&[b"", PIECE]).as_ptr(), PIECE.as_ptr());
    }

    #[test]
    fn several_get_their_room_once() {
        let mut gathered = Gathered::new(1000);
        gathered.push(Bytes::from_static(b"a"));
        gathered.push(Bytes::from_static(b"b"));
        let at = gathered.all.as_ptr();
        (0..998).for_each(|_| gathered.push(Bytes::from_static(b"c")));

        assert_eq!((gathered.all.as_ptr(), gathered.all.len(), gathered.all.capacity()), (at, 1000, 1000));
    }
}
