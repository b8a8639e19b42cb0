//! Publishing, reading, liking and commenting.

use std::sync::Arc;

use tracing::instrument;

use crate::{
    Clock, CommentId, Error, Event, IdSource, LikeId, MediaId, Page, PageRequest, PostId, Result, UserId,
    auth::Viewer,
    media::{Holder, Image, MediaDesk, Purpose},
    users::{Directory, Profile},
};

use super::{
    Block, Catalog, Comment, CommentText, Content, Draft, DraftContent, Like, LikeState, Post, PostDetail, PostStore,
    PostView, post_not_found,
};

/// What the posts area stands on.
pub struct Parts {
    pub posts: Arc<dyn PostStore>,
    pub catalog: Arc<dyn Catalog>,
    pub directory: Arc<dyn Directory>,
    pub media: Arc<dyn MediaDesk>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<IdSource>,
}

/// The use cases around posts.
pub struct PostService {
    parts: Parts,
}

impl PostService {
    pub const fn new(parts: Parts) -> Self {
        Self { parts }
    }

    /// Publishes `draft` under `id`. The same call again, with the same id, returns the post that is there.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::TooLarge`] or [`Error::Unsupported`] naming the block. Whatever fails, neither post nor
    /// image stays.
    #[instrument(level = "debug", name = "posts.publish", skip_all, fields(post.id = %id))]
    pub async fn publish(&self, id: PostId, author: Viewer, draft: Draft) -> Result<Post> {
        if let Some(there) = self.parts.posts.details(&[id]).await?.pop() {
            return Ok(there.post.clone());
        }
        let mut sent = Vec::new();
        let blocks = match self.blocks(id, author, draft, &mut sent).await {
            Ok(blocks) => blocks,
            Err(error) => {
                self.parts.media.discard(&sent).await;
                self.parts.media.release(Holder::Post(id)).await;
                return Err(error);
            }
        };
        let post = Post { id, author: author.id, blocks, created: self.parts.clock.now() };
        let news = Event::PostPublished { post: id, author: author.id, media: post.media() };
        if let Err(error) = self.parts.posts.add(&post, &news).await {
            // It may be there nonetheless. Where that cannot be told, its images wait for the sweep, which asks again.
            if self.parts.posts.details(&[id]).await.is_ok_and(|found| found.is_empty()) {
                self.parts.media.discard(&sent).await;
                self.parts.media.release(Holder::Post(id)).await;
            }
            return Err(error);
        }
        Ok(post)
    }

    /// Takes the images in and claims them for the post. Each is noted in `sent` before it is stored.
    async fn blocks(&self, id: PostId, author: Viewer, draft: Draft, sent: &mut Vec<MediaId>) -> Result<Vec<Block>> {
        let now = self.parts.clock.now();
        let mut blocks = Vec::new();
        for block in draft.into_blocks() {
            let field = block.value_field();
            let content = match block.content {
                DraftContent::Text(text) => Content::Text(text),
                DraftContent::Upload { bytes, alt } => {
                    let image = self.parts.ids.next(now);
                    sent.push(image);
                    let image = self
                        .parts
                        .media
                        .upload(author.id, image, Purpose::Post, bytes, &alt)
                        .await
                        .map_err(|error| error.at(field))?;
                    Content::Image(self.claim(id, author, image.id).await?)
                }
                DraftContent::Uploaded { media, alt } => {
                    let image = self.claim(id, author, media).await.map_err(|error| error.at(field))?;
                    Content::Image(Image { alt: alt.unwrap_or(image.alt), ..image })
                }
            };
            blocks.push(Block { id: self.parts.ids.next(now), content });
        }
        Ok(blocks)
    }

    async fn claim(&self, post: PostId, author: Viewer, image: MediaId) -> Result<Image> {
        let mut images = self.parts.media.claim(author.id, Holder::Post(post), &[image]).await?;
        images.pop().ok_or_else(|| Error::invalid("value", "names no image of yours that is free to use"))
    }

    /// Everyone's posts, newest first.
    #[instrument(level = "debug", name = "posts.feed", skip_all)]
    pub async fn feed(&self, viewer: Option<UserId>, page: PageRequest<PostId>) -> Result<Page<PostView, PostId>> {
        let found = self.parts.posts.newest(page).await?;
        Ok(Page { items: self.parts.catalog.views(&found.items, viewer).await?, next: found.next })
    }

    /// How many posts there are.
    pub async fn total(&self) -> Result<u64> {
        self.parts.posts.total().await
    }

    /// # Errors
    /// [`Error::NotFound`] `post_not_found`.
    #[instrument(level = "debug", name = "posts.show", skip_all)]
    pub async fn show(&self, viewer: Option<UserId>, post: PostId) -> Result<PostView> {
        self.parts.catalog.views(&[post], viewer).await?.pop().ok_or_else(post_not_found)
    }

    /// Deletes a post: its author's or a moderator's right.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Forbidden`] `not_yours`.
    #[instrument(level = "debug", name = "posts.delete", skip_all)]
    pub async fn delete(&self, viewer: Viewer, post: PostId) -> Result<()> {
        let post = &self.post(post).await?.post;
        if post.author != viewer.id && !viewer.role.moderates() {
            return Err(Error::forbidden("not_yours", "Only the author or a moderator can delete this post"));
        }
        let news = Event::PostDeleted { post: post.id, author: post.author, media: post.media() };
        if self.parts.posts.remove(post.id, &news).await? { Ok(()) } else { Err(post_not_found()) }
    }

    /// Likes what was not liked, and the other way round.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    #[instrument(level = "debug", name = "posts.toggle_like", skip_all)]
    pub async fn toggle_like(&self, viewer: Viewer, post: PostId) -> Result<LikeState> {
        self.parts.posts.toggle_like(self.like_of(viewer, post)).await
    }

    /// Likes or no longer likes; doing it twice counts once.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    #[instrument(level = "debug", name = "posts.set_like", skip_all)]
    pub async fn set_like(&self, viewer: Viewer, post: PostId, liked: bool) -> Result<LikeState> {
        self.parts.posts.set_like(self.like_of(viewer, post), liked).await
    }

    /// Who likes a post, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    #[instrument(level = "debug", name = "posts.likes", skip_all)]
    pub async fn likes(&self, post: PostId, page: PageRequest<LikeId>) -> Result<Page<Arc<Profile>, LikeId>> {
        self.post(post).await?;
        let likes = self.parts.posts.likes(post, page).await?;
        let people: Vec<_> = likes.items.iter().map(|like| like.user).collect();
        let mut profiles = self.parts.directory.profiles(&people).await?;
        Ok(Page { items: people.iter().filter_map(|user| profiles.remove(user)).collect(), next: likes.next })
    }

    /// Comments on a post; returns the newest comments, oldest first.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `content`; [`Error::NotFound`].
    #[instrument(level = "debug", name = "posts.comment", skip_all)]
    pub async fn comment(&self, viewer: Viewer, post: PostId, content: &str) -> Result<Vec<(Comment, Arc<Profile>)>> {
        let content = CommentText::parse(content)?.into_string();
        let now = self.parts.clock.now();
        let comment = Comment { id: self.parts.ids.next(now), post, author: viewer.id, content, created: now };
        self.parts.posts.comment(&comment).await?;
        let mut newest = self.comments(post, PageRequest::first(PostDetail::COMMENTS)).await?.items;
        newest.reverse();
        Ok(newest)
    }

    /// Deletes a comment: its author's, the post's author's or a moderator's right.
    ///
    /// # Errors
    /// [`Error::NotFound`] `post_not_found` or `comment_not_found`; [`Error::Forbidden`] `not_yours`.
    #[instrument(level = "debug", name = "posts.delete_comment", skip_all)]
    pub async fn delete_comment(&self, viewer: Viewer, post: PostId, comment: CommentId) -> Result<()> {
        let not_found = || Error::not_found("comment_not_found", "Comment not found");
        let post = &self.post(post).await?.post;
        let comment = self.parts.posts.find_comment(post.id, comment).await?.ok_or_else(not_found)?;
        if ![comment.author, post.author].contains(&viewer.id) && !viewer.role.moderates() {
            return Err(Error::forbidden(
                "not_yours",
                "Only its author, the post's author or a moderator can delete this comment",
            ));
        }
        if self.parts.posts.remove_comment(post.id, comment.id).await? { Ok(()) } else { Err(not_found()) }
    }

    /// Comments on a post, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    #[instrument(level = "debug", name = "posts.comments", skip_all)]
    pub async fn comments(
        &self,
        post: PostId,
        page: PageRequest<CommentId>,
    ) -> Result<Page<(Comment, Arc<Profile>), CommentId>> {
        self.post(post).await?;
        let found = self.parts.posts.comments(post, page).await?;
        let people: Vec<_> = found.items.iter().map(|comment| comment.author).collect();
        let profiles = self.parts.directory.profiles(&people).await?;
        // Whoever is gone takes their comments along.
        let with_author = |comment: Comment| {
            let author = profiles.get(&comment.author)?.clone();
            Some((comment, author))
        };
        Ok(Page { items: found.items.into_iter().filter_map(with_author).collect(), next: found.next })
    }

    fn like_of(&self, viewer: Viewer, post: PostId) -> Like {
        Like { id: self.parts.ids.next(self.parts.clock.now()), post, user: viewer.id }
    }

    async fn post(&self, post: PostId) -> Result<Arc<PostDetail>> {
        self.parts.posts.details(&[post]).await?.pop().ok_or_else(post_not_found)
    }
}
