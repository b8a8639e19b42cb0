//! Profiles.
use crate::Database;
use std::sync::Arc;
/// Keeps users in SQLite.
pub struct SqliteProfiles(pub Arc<Database>);
