//! Images: taken in, kept while something shows them, gone afterwards.

mod blob;
#[cfg(feature = "contract")]
pub mod blob_contract;
#[cfg(feature = "contract")]
pub mod contract;
mod image;
mod keeper;
mod service;
mod store;

pub use blob::{Blob, BlobName, BlobStore, Part};
pub use image::{AltText, Encoded, Image, ImagePipeline, Picture, Processed, Variant};
pub use keeper::MediaKeeper;
pub use service::{MediaDesk, MediaService, Parts};
pub use store::{Holder, Media, MediaStore};
