//! Posts.
use crate::Database;
use std::sync::Arc;
/// Keeps posts in SQLite.
pub struct SqlitePosts(pub Arc<Database>);
