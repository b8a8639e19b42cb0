//! Media.
use crate::Database;
use std::sync::Arc;
/// Keeps media in SQLite.
pub struct SqliteMedia(pub Arc<Database>);
