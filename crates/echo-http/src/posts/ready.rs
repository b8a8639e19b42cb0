//! Posts whose JSON is ready: made once, sent to whoever looks.

use std::sync::{Arc, OnceLock};

use echo_domain::{
    CacheFigures, Error, Evictions, PostId, Result,
    posts::{PostDetail, PostView},
    users::Profile,
};
use quick_cache::{DefaultHashBuilder, Weighter, sync::Cache};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use super::{AuthorBody, PostBody};
use crate::media::Links;

/// The JSON of posts, remembered as long as it is made of what the posts are made of: nothing ever has to be forgotten.
#[derive(Clone)]
pub struct ReadyPosts {
    links: Links,
    ready: Arc<Known>,
    figures: Arc<CacheFigures>,
}

type Known = Cache<PostId, Arc<Ready>, Bytes, DefaultHashBuilder, Evictions>;

/// A post as one viewer gets it. Serialises by copying.
pub(crate) struct ReadyPost {
    ready: Arc<Ready>,
    is_liked: bool,
}

/// What the JSON was made of, and the JSON: for those who like the post and those who do not.
struct Ready {
    detail: Arc<PostDetail>,
    author: Arc<Profile>,
    commenters: Vec<Option<Arc<Profile>>>,
    liked: OnceLock<Box<RawValue>>,
    unliked: OnceLock<Box<RawValue>>,
    length: u64,
}

#[derive(Clone)]
struct Bytes;

impl Weighter<PostId, Arc<Ready>> for Bytes {
    fn weight(&self, _: &PostId, ready: &Arc<Ready>) -> u64 {
        // Both forms, and beside them what they were made of.
        512 + ready.length * 3
    }
}

impl ReadyPosts {
    /// Remembers up to about `bytes`.
    pub fn new(links: Links, bytes: u64) -> Self {
        const TYPICAL: u64 = 2048;
        let items = usize::try_from(bytes / TYPICAL).unwrap_or(usize::MAX);
        let figures = CacheFigures::of("ready_posts");
        let known = Known::with(items, bytes, Bytes, DefaultHashBuilder::default(), figures.evictions());
        Self { links, ready: Arc::new(known), figures: Arc::new(figures) }
    }

    /// # Errors
    /// As [`ReadyPosts::of`].
    pub(crate) fn all(&self, views: Vec<PostView>) -> Result<Vec<ReadyPost>> {
        let (wanted, mut found) = (views.len(), 0);
        let posts = views.into_iter().map(|view| match self.known(&view)? {
            Some(post) => {
                found += 1;
                Ok(post)
            }
            None => self.make(view),
        });
        let posts = posts.collect();
        self.figures.asked(wanted, found);
        posts
    }

    /// # Errors
    /// [`Error::Internal`] when a time is out of any calendar.
    pub(crate) fn of(&self, view: PostView) -> Result<ReadyPost> {
        let known = self.known(&view)?;
        self.figures.asked(1, usize::from(known.is_some()));
        known.map_or_else(|| self.make(view), Ok)
    }

    fn known(&self, view: &PostView) -> Result<Option<ReadyPost>> {
        let Some(ready) = self.ready.get(&view.detail.post.id).filter(|ready| ready.is_made_of(view)) else {
            return Ok(None);
        };
        ready.form(view.is_liked, &self.links)?;
        Ok(Some(ReadyPost { ready, is_liked: view.is_liked }))
    }

    fn make(&self, view: PostView) -> Result<ReadyPost> {
        let PostView { detail, author, commenters, is_liked } = view;
        let post = detail.post.id;
        let mut ready =
            Ready { detail, author, commenters, liked: OnceLock::new(), unliked: OnceLock::new(), length: 0 };
        ready.length = ready.form(is_liked, &self.links)?.get().len() as u64;
        let ready = Arc::new(ready);
        self.ready.insert(post, ready.clone());
        self.figures.holds(self.ready.weight(), self.ready.len());
        Ok(ReadyPost { ready, is_liked })
    }
}

impl Ready {
    fn is_made_of(&self, view: &PostView) -> bool {
        Arc::ptr_eq(&self.detail, &view.detail)
            && look_alike(&self.author, &view.author)
            && self.commenters.len() == view.commenters.len()
            && self.commenters.iter().zip(&view.commenters).all(|pair| match pair {
                (Some(one), Some(other)) => look_alike(one, other),
                (one, other) => one.is_none() && other.is_none(),
            })
    }

    fn form(&self, is_liked: bool, links: &Links) -> Result<&RawValue> {
        let form = if is_liked { &self.liked } else { &self.unliked };
        if let Some(json) = form.get() {
            return Ok(json);
        }
        let view = PostView {
            detail: self.detail.clone(),
            author: self.author.clone(),
            commenters: self.commenters.clone(),
            is_liked,
        };
        let json = serde_json::value::to_raw_value(&PostBody::new(&view, links)).map_err(Error::internal)?;
        Ok(form.get_or_init(|| json))
    }
}

/// Whether a post shows the two alike.
fn look_alike(one: &Arc<Profile>, other: &Arc<Profile>) -> bool {
    Arc::ptr_eq(one, other) || (one.username == other.username && one.picture == other.picture && one.id == other.id)
}

impl Serialize for ReadyPost {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let form = if self.is_liked { &self.ready.liked } else { &self.ready.unliked };
        form.get().serialize(serializer)
    }
}

impl PartialSchema for ReadyPost {
    fn schema() -> RefOr<Schema> {
        PostBody::<AuthorBody>::schema()
    }
}

impl ToSchema for ReadyPost {
    fn name() -> std::borrow::Cow<'static, str> {
        PostBody::<AuthorBody>::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        PostBody::<AuthorBody>::schemas(schemas);
    }
}
