//! Whose posts are pushed into home timelines, and whose are pulled when one is read.

use crate::users::Following;

/// Says by the most followers that somebody ever had, how their posts come into home timelines: pushed when they are
/// published, or pulled when the timeline is read.
///
/// The most ever, so that who was large stays so: what was not pushed meanwhile would be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Posts are pulled of those who had so many.
    pub pulled_from: u64,
    /// Posts are pushed of those who had fewer: no post is pushed into more timelines than this. More than
    /// `pulled_from`: in between both is done, so that a reader misses nothing whose process hears a little late that
    /// somebody has grown.
    pub pushed_below: u64,
}

impl Policy {
    /// What Echo does. People read far more often than they post, and so to push costs less in all, however large the
    /// author (`echo-bench timeline`); but it takes its time, and other posts wait. The ceiling is what is pushed in a
    /// second or two. A reader's process hears of a change within a minute, in which nobody who has 50,000 followers soon
    /// has 60,000.
    pub const ECHO: Self = Self { pulled_from: 50_000, pushed_below: 60_000 };

    pub const fn pulls(&self, most_followers: u64) -> bool {
        most_followers >= self.pulled_from
    }

    pub const fn pushes(&self, most_followers: u64) -> bool {
        most_followers < self.pushed_below
    }

    /// What a timeline is made from: these follows, by this policy. A policy that pulls fewer would find timelines without
    /// the posts that it expects there.
    pub const fn version(&self, following: &Following) -> u64 {
        following.version ^ self.pulled_from
    }
}
