//! Posts of another process.

mod body;
mod remote;
mod served;

use echo_domain::{CommentId, MediaId, PostId, UserId};
use serde::{Deserialize, Serialize};

use crate::{
    call::{Call, Manner},
    page::{PageBody, PageRequestBody},
};

use body::{CommentBody, LikeBody, ViewsBody};
pub use remote::RemoteCatalog;
pub(crate) use served::routes;

#[derive(Serialize, Deserialize)]
struct Views {
    posts: Vec<PostId>,
    viewer: Option<UserId>,
}

#[derive(Serialize, Deserialize)]
struct NewestIdsBy {
    authors: Vec<UserId>,
    page: PageRequestBody<PostId>,
}

#[derive(Serialize, Deserialize)]
struct KnownIdsBy {
    authors: Vec<UserId>,
    page: PageRequestBody<PostId>,
}

#[derive(Serialize, Deserialize)]
struct NewestBy {
    authors: Vec<UserId>,
    viewer: Option<UserId>,
    page: PageRequestBody<PostId>,
}

#[derive(Serialize, Deserialize)]
struct Counts {
    authors: Vec<UserId>,
}

#[derive(Serialize, Deserialize)]
struct MediaOf {
    post: PostId,
}

#[derive(Serialize, Deserialize)]
struct CommentsBy {
    user: UserId,
    page: PageRequestBody<CommentId>,
}

#[derive(Serialize, Deserialize)]
struct LikesBy {
    user: UserId,
    page: PageRequestBody<PostId>,
}

impl Call for Views {
    const MANNER: Manner = Manner::quick("/internal/posts/views");
    type Answer = ViewsBody;
}

impl Call for NewestIdsBy {
    const MANNER: Manner = Manner::quick("/internal/posts/newest-ids");
    type Answer = PageBody<PostId, PostId>;
}

impl Call for KnownIdsBy {
    const MANNER: Manner = Manner::quick("/internal/posts/known-ids");
    type Answer = PageBody<PostId, PostId>;
}

impl Call for NewestBy {
    const MANNER: Manner = Manner::quick("/internal/posts/newest");
    type Answer = (ViewsBody, Option<PostId>);
}

impl Call for Counts {
    const MANNER: Manner = Manner::quick("/internal/posts/counts");
    type Answer = Vec<(UserId, u64)>;
}

impl Call for MediaOf {
    const MANNER: Manner = Manner::quick("/internal/posts/media");
    type Answer = Vec<MediaId>;
}

impl Call for CommentsBy {
    const MANNER: Manner = Manner::quick("/internal/posts/comments");
    type Answer = PageBody<CommentBody, CommentId>;
}

impl Call for LikesBy {
    const MANNER: Manner = Manner::quick("/internal/posts/likes");
    type Answer = PageBody<LikeBody, PostId>;
}
