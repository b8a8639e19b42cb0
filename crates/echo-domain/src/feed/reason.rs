//! Why a post is in somebody's home timeline, or is not.

/// Why a post is in a home timeline or is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    Own,
    FollowedPushed,
    FollowedPulled,
    /// By somebody small who is followed, and not yet pushed.
    OnItsWay,
    NotFollowed,
    PostGone,
}

impl Reason {
    /// Whether it is there.
    pub const fn shown(self) -> bool {
        matches!(self, Self::Own | Self::FollowedPushed | Self::FollowedPulled)
    }

    /// The reason for people.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Own => "It is your own post.",
            Self::FollowedPushed => "You follow its author, and it was added to your timeline.",
            Self::FollowedPulled => {
                "You follow its author, and it is looked up when you read: many follow them, or it is older than what \
                 is kept of your timeline."
            }
            Self::OnItsWay => "You follow its author, and it will be added to your timeline in a moment.",
            Self::NotFollowed => "You do not follow its author.",
            Self::PostGone => "There is no such post, or no longer.",
        }
    }
}
