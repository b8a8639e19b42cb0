//! Ids for what had none: made of what it is about, so that a second look makes the same.

use echo_domain::RawId;
use xxhash_rust::xxh3::xxh3_64;

/// The id of the `place`th in a list that is no older than `since`. Those of one list grow with their places.
pub(crate) fn placed(since: RawId, place: usize, about: &[RawId]) -> RawId {
    let [.., a, b, c] = place.to_be_bytes();
    let [d, e, f, g, h, ..] = digest(about);
    let [s, t, u, v, ..] = since.to_bytes();
    RawId::from_bytes([s, t, u, v, a, b, c, d, e, f, g, h])
}

fn digest(about: &[RawId]) -> [u8; 8] {
    let bytes: Vec<u8> = about.iter().flat_map(|id| id.to_bytes()).collect();
    xxh3_64(&bytes).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_with_their_places_and_are_the_same_again() {
        let [since, about] = [1, 2].map(|n| RawId::from_bytes([n; 12]));
        let ids: Vec<_> = (0..1000).map(|place| placed(since, place, &[about])).collect();

        assert!(ids.is_sorted_by(|a, b| a < b));
        assert_eq!(ids[7], placed(since, 7, &[about]));
        assert_ne!(ids[7], placed(since, 7, &[since]));
        assert_eq!(ids[7].created(), since.created());
    }
}
