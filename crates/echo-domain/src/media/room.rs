//! Whether there is room for more images.

use async_trait::async_trait;

use crate::Result;

/// Says no before a disk is so full that nothing else works.
#[async_trait]
pub trait Room: Send + Sync {
    /// Whether one more image may come. Cheap: it is asked before each upload is decoded.
    ///
    /// # Errors
    /// [`crate::Error::StorageFull`] when there is not.
    async fn check(&self) -> Result<()>;
}

/// For a place that has room for whatever comes, or says itself when it has not.
pub struct RoomEnough;

#[async_trait]
impl Room for RoomEnough {
    async fn check(&self) -> Result<()> {
        Ok(())
    }
}
