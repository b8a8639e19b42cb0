//! Images: taken in, kept while something shows them, gone afterwards.

mod blob;
#[cfg(feature = "contract")]
pub mod blob_contract;
mod blob_set;
mod cached;
#[cfg(feature = "contract")]
pub mod contract;
mod desk;
#[cfg(feature = "contract")]
pub mod desk_contract;
mod image;
mod incoming;
mod keeper;
mod measured;
mod room;
mod service;
mod stem_source;
mod store;
mod usage;

pub use blob::{Blob, BlobName, BlobStore, BlobStream, FileCopy, Part};
pub use blob_set::{BlobSet, Digest};
pub use cached::CachedBlobs;
pub use desk::MediaDesk;
pub use image::{AltText, Encoded, Image, ImagePipeline, Picture, Processed, Purpose, Variant};
pub use keeper::MediaKeeper;
pub use measured::MeasuredBlobs;
pub use room::{Room, RoomEnough};
pub use service::{MediaService, Parts};
pub use stem_source::StemSource;
pub use store::{DoomedBlobs, Holder, Media, MediaStore, Upload, over_quota};
pub use usage::{Age, Heap, Shown, Usage, usage};
