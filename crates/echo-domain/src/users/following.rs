//! Everyone whom an account follows, at one moment.

use xxhash_rust::xxh3::xxh3_64;

use crate::{FollowId, UserId};

/// Everyone whom an account follows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Following {
    /// Another one for any other set of follows, in every process. To unfollow and follow again makes another follow, and
    /// so another version, which a count would not show.
    pub version: u64,
    /// By user.
    followees: Vec<Followee>,
}

/// Somebody who is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Followee {
    pub user: UserId,
    /// The most followers they ever had.
    pub most_followers: u64,
}

impl Following {
    /// All the follows of one account, in any order.
    pub fn of(follows: impl IntoIterator<Item = (FollowId, Followee)>) -> Self {
        let mut following = Self::default();
        for (id, followee) in follows {
            following.version = following.version.wrapping_add(xxh3_64(&id.0.to_bytes()));
            following.followees.push(followee);
        }
        following.followees.sort_unstable_by_key(|followee| followee.user);
        following
    }

    /// As another process told it, by whatever it was made of: the version goes with them.
    pub fn told(version: u64, mut followees: Vec<Followee>) -> Self {
        followees.sort_unstable_by_key(|followee| followee.user);
        Self { version, followees }
    }

    pub fn find(&self, user: UserId) -> Option<Followee> {
        let place = self.followees.binary_search_by_key(&user, |followee| followee.user).ok()?;
        Some(self.followees[place])
    }

    /// Each once.
    pub fn iter(&self) -> impl Iterator<Item = Followee> {
        self.followees.iter().copied()
    }

    /// How many bytes it takes beside itself.
    pub(super) fn weight(&self) -> usize {
        self.followees.capacity() * size_of::<Followee>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::sample;

    #[test]
    fn the_version_is_of_the_follows_whatever_their_order() {
        let follow = |id| (id, Followee { user: UserId(FollowId::into(id)), most_followers: 1 });
        let [a, b, c]: [FollowId; 3] = sample::ids();
        let version = |ids: &[FollowId]| Following::of(ids.iter().map(|id| follow(*id))).version;

        assert_eq!(version(&[a, b, c]), version(&[c, a, b]));
        let versions = [version(&[]), version(&[a]), version(&[a, b]), version(&[a, c]), version(&[a, b, c])];
        for (place, it) in versions.iter().enumerate() {
            assert!(!versions[..place].contains(it), "{versions:?}");
        }
    }

    /// Timelines are kept longer than a process runs.
    #[test]
    fn the_version_stays_from_build_to_build() {
        let follow = FollowId("6553f10001020304ff000000".parse().unwrap());
        let followee = Followee { user: sample::id(), most_followers: 0 };

        assert_eq!(Following::of([(follow, followee)]).version, 16688860162660089926);
    }
}
