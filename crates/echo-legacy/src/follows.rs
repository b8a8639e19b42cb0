//! Who follows whom, which the first Echo kept at both ends: `following` of the one and `followers` of the other.
//!
//! It wrote one end after the other, so that a crash or a race left follows at one end alone. These are kept, whichever
//! end it is: nobody can tell a follow cut short from an unfollow cut short, and the first is easily undone.

use std::collections::HashSet;

use bson::{RawBsonRef, oid::ObjectId};
use echo_domain::{
    RawId, Result,
    transfer::{Follow, Record},
    users::FOLLOWING_MAX,
};
use serde::{Deserialize, Serialize};

use crate::{
    fields::{Fields, id_of, raw},
    ids,
    import::Import,
    intake::Intake,
    people::existing,
    report::{Report, Tally},
};

/// How many are looked up at a time.
const AT_A_TIME: usize = 1000;

const ONLY_FOLLOWEE: &str = "only the one who is followed had it";
const ONLY_FOLLOWER: &str = "only the one who follows had it";

/// How many follows each end tells of: the difference are those at one end alone.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Ends {
    followers: u64,
    followees: u64,
}

impl Ends {
    /// All were seen.
    pub(crate) fn tell(self, report: &mut Report) {
        let only_followees = report.follows.mended.get(ONLY_FOLLOWEE).map_or(0, |noted| noted.count);
        let both = self.followees.saturating_sub(only_followees);
        report.follows.mend_some(ONLY_FOLLOWER, self.followers.saturating_sub(both));
    }
}

/// Brings in whom the user follows, and of their followers those of whom no other document tells.
pub(crate) async fn take(
    import: &Import<'_>,
    user: (ObjectId, Fields<'_>),
    ends: &mut Ends,
    report: &mut Report,
    intake: &mut Intake<'_>,
) -> Result<()> {
    let (id, fields) = user;
    let following = others(import, id, fields.list("following"), &mut report.follows, true).await?;
    ends.followers += following.len() as u64;
    let most = usize::try_from(FOLLOWING_MAX).unwrap_or(usize::MAX);
    let beyond = following.len().saturating_sub(most);
    report.follows.leave_some_out("beyond the 5,000 that anybody may follow: the oldest", beyond as u64);
    report.follows.kept += (following.len() - beyond) as u64;
    let mut since = raw(id);
    let follows = following.into_iter().enumerate().skip(beyond).map(|(place, followee)| {
        since = since.max(raw(followee));
        follow(since, place, raw(id), raw(followee))
    });
    intake.add(follows).await?;

    let followers = others(import, id, fields.list("followers"), &mut report.follows, false).await?;
    ends.followees += followers.len() as u64;
    let mut since = raw(id);
    for (chunk, followers) in followers.chunks(AT_A_TIME).enumerate() {
        let known = import.legacy.those_following(followers, id).await?;
        for (place, follower) in followers.iter().enumerate().filter(|(_, follower)| !known.contains(follower)) {
            since = since.max(raw(*follower));
            report.follows.read += 1;
            report.follows.kept += 1;
            report.follows.mend(ONLY_FOLLOWEE, format!("{follower} follows {id}"));
            intake.add([follow(since, chunk * AT_A_TIME + place, raw(*follower), raw(id))]).await?;
        }
    }
    Ok(())
}

/// Whom a list names: each once, not the one whose list it is, and only who is there.
async fn others(
    import: &Import<'_>,
    id: ObjectId,
    list: impl Iterator<Item = RawBsonRef<'_>>,
    tally: &mut Tally,
    is_following: bool,
) -> Result<Vec<ObjectId>> {
    let (mut seen, mut named) = (HashSet::new(), Vec::new());
    let leave_out = |tally: &mut Tally, why, other: &str| {
        tally.read += u64::from(!is_following);
        tally.leave_out(
            why,
            if is_following { format!("{id} follows {other}") } else { format!("{other} follows {id}") },
        );
    };
    for value in list {
        tally.read += u64::from(is_following);
        match id_of(value) {
            None => leave_out(tally, "no id of anybody", "nobody"),
            Some(other) if other == id => leave_out(tally, "of oneself", &other.to_hex()),
            Some(other) if !seen.insert(other) => leave_out(tally, "listed twice", &other.to_hex()),
            Some(other) => named.push(other),
        }
    }
    let there = existing(import.profiles, &named).await?;
    named.retain(|other| {
        let is_there = there.contains(&raw(*other).into());
        if !is_there {
            leave_out(tally, "of somebody who is gone", &other.to_hex());
        }
        is_there
    });
    Ok(named)
}

/// Later in the list means younger, and no follow is older than the two.
fn follow(since: RawId, place: usize, follower: RawId, followee: RawId) -> Record {
    let id = ids::placed(since, place, &[follower, followee]).into();
    Record::Follow(Follow { id, follower: follower.into(), followee: followee.into() })
}
