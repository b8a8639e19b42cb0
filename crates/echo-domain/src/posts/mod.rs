//! Posts of text and images in order, their likes and comments.

mod cached;
mod catalog;
#[cfg(feature = "contract")]
pub mod contract;
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
