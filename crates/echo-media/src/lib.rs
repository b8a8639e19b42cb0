//! Images: taken apart, made fit to be shown, and kept in files, on S3 or on Cloudinary.

mod animation;
mod cloudinary;
mod colour;
mod container;
mod decode;
mod encode;
mod figures;
mod files;
mod held;
mod limits;
mod listing;
mod patience;
mod pipeline;
mod resize;
mod room;
mod s3;
mod strip;
mod turn;

pub use cloudinary::{Cloud, CloudinaryBlobs, CloudinaryError, CloudinaryOptions};
pub use files::FileBlobs;
pub use held::HeldBlobs;
pub use listing::{BlobFile, BlobFolder};
pub use patience::Patience;
pub use pipeline::ImageThreads;
pub use room::DiskRoom;
pub use s3::{S3Access, S3Blobs, S3Error, S3Options};

use echo_domain::metric::Declared;

/// What this crate measures.
pub static METRICS: [Declared; 4] =
    [figures::SECONDS.declared(), figures::WAITING.declared(), figures::REFUSED.declared(), figures::BYTES.declared()];
