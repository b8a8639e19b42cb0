//! Posts of text and images in order, their likes and comments.

mod cached;
mod catalog;
#[cfg(feature = "contract")]
pub mod catalog_contract;
#[cfg(feature = "contract")]
pub mod contract;
mod heads;
mod keeper;
mod newest;
mod post;
mod service;
mod store;

pub use cached::CachedPosts;
pub use catalog::{Catalog, PostCatalog, PostView};
pub use keeper::PostKeeper;
pub use post::{Block, Comment, CommentText, Content, Draft, DraftBlock, DraftContent, Post};
pub use service::{Parts, PostService};
pub use store::{Like, LikeState, PostDetail, PostStore};

/// There is no such post, or no longer.
pub fn post_not_found() -> crate::Error {
    crate::Error::not_found("post_not_found", "Post not found")
}
