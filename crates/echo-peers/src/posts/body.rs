//! Posts on their way.

use std::{collections::BTreeMap, sync::Arc};

use echo_domain::{
    BlockId, CommentId, Error, LikeId, PostId, Result, Timestamp, UserId,
    media::Image,
    posts::{Block, Comment, Content, Like, Post, PostDetail, PostView},
    users::Profile,
};
use serde::{Deserialize, Serialize};

use crate::{media::ImageBody, users::ProfileBody};

/// Posts with their people, each of whom is there once.
#[derive(Serialize, Deserialize)]
pub(super) struct ViewsBody {
    people: Vec<ProfileBody>,
    posts: Vec<ViewBody>,
}

/// People are told by their place.
#[derive(Serialize, Deserialize)]
struct ViewBody {
    detail: DetailBody,
    author: usize,
    commenters: Vec<Option<usize>>,
    is_liked: bool,
}

#[derive(Serialize, Deserialize)]
struct DetailBody {
    post: PostBody,
    like_count: u64,
    comment_count: u64,
    likers: Vec<UserId>,
    comments: Vec<CommentBody>,
}

#[derive(Serialize, Deserialize)]
struct PostBody {
    id: PostId,
    author: UserId,
    blocks: Vec<BlockBody>,
    created: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct BlockBody {
    id: BlockId,
    content: ContentBody,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ContentBody {
    Text(String),
    Image(ImageBody),
}

#[derive(Serialize, Deserialize)]
pub(super) struct CommentBody {
    id: CommentId,
    post: PostId,
    author: UserId,
    content: String,
    created: Timestamp,
}

#[derive(Serialize, Deserialize)]
pub(super) struct LikeBody {
    id: LikeId,
    post: PostId,
    user: UserId,
}

impl ViewsBody {
    pub(super) fn new(views: &[PostView]) -> Self {
        let mut people = People::default();
        let posts = views.iter().map(|view| ViewBody::new(view, &mut people)).collect();
        Self { people: people.bodies, posts }
    }

    /// # Errors
    /// [`Error::Internal`] when somebody is named who is not among the people.
    pub(super) fn into_views(self) -> Result<Vec<PostView>> {
        let people: Vec<Arc<Profile>> = self.people.into_iter().map(Into::into).collect();
        self.posts.into_iter().map(|view| view.into_view(&people)).collect()
    }
}

/// Everybody's place.
#[derive(Default)]
struct People {
    bodies: Vec<ProfileBody>,
    places: BTreeMap<UserId, usize>,
}

impl People {
    fn place(&mut self, profile: &Profile) -> usize {
        *self.places.entry(profile.id).or_insert_with(|| {
            self.bodies.push(profile.into());
            self.bodies.len() - 1
        })
    }
}

impl ViewBody {
    fn new(PostView { detail, author, commenters, is_liked }: &PostView, people: &mut People) -> Self {
        Self {
            detail: (&**detail).into(),
            author: people.place(author),
            commenters: commenters.iter().map(|it| it.as_ref().map(|profile| people.place(profile))).collect(),
            is_liked: *is_liked,
        }
    }

    fn into_view(self, people: &[Arc<Profile>]) -> Result<PostView> {
        let at = |place: usize| people.get(place).cloned().ok_or_else(|| Error::internal("a post names nobody"));
        Ok(PostView {
            detail: Arc::new(self.detail.into()),
            author: at(self.author)?,
            commenters: self.commenters.into_iter().map(|place| place.map(at).transpose()).collect::<Result<_>>()?,
            is_liked: self.is_liked,
        })
    }
}

impl From<&PostDetail> for DetailBody {
    fn from(detail: &PostDetail) -> Self {
        let PostDetail { post, like_count, comment_count, likers, comments } = detail.clone();
        let comments = comments.into_iter().map(Into::into).collect();
        Self { post: post.into(), like_count, comment_count, likers, comments }
    }
}

impl From<DetailBody> for PostDetail {
    fn from(DetailBody { post, like_count, comment_count, likers, comments }: DetailBody) -> Self {
        let comments = comments.into_iter().map(Into::into).collect();
        Self { post: post.into(), like_count, comment_count, likers, comments }
    }
}

impl From<Post> for PostBody {
    fn from(Post { id, author, blocks, created }: Post) -> Self {
        Self { id, author, blocks: blocks.into_iter().map(Into::into).collect(), created }
    }
}

impl From<PostBody> for Post {
    fn from(PostBody { id, author, blocks, created }: PostBody) -> Self {
        Self { id, author, blocks: blocks.into_iter().map(Into::into).collect(), created }
    }
}

impl From<Block> for BlockBody {
    fn from(Block { id, content }: Block) -> Self {
        let content = match content {
            Content::Text(text) => ContentBody::Text(text),
            Content::Image(image) => ContentBody::Image(image.into()),
        };
        Self { id, content }
    }
}

impl From<BlockBody> for Block {
    fn from(BlockBody { id, content }: BlockBody) -> Self {
        let content = match content {
            ContentBody::Text(text) => Content::Text(text),
            ContentBody::Image(image) => Content::Image(Image::from(image)),
        };
        Self { id, content }
    }
}

impl From<Comment> for CommentBody {
    fn from(Comment { id, post, author, content, created }: Comment) -> Self {
        Self { id, post, author, content, created }
    }
}

impl From<CommentBody> for Comment {
    fn from(CommentBody { id, post, author, content, created }: CommentBody) -> Self {
        Self { id, post, author, content, created }
    }
}

impl From<Like> for LikeBody {
    fn from(Like { id, post, user }: Like) -> Self {
        Self { id, post, user }
    }
}

impl From<LikeBody> for Like {
    fn from(LikeBody { id, post, user }: LikeBody) -> Self {
        Self { id, post, user }
    }
}
