//! Images: taken apart, made fit to be shown, and kept in files.

mod animation;
mod colour;
mod container;
mod decode;
mod encode;
mod files;
mod held;
mod limits;
mod listing;
mod pipeline;
mod resize;
mod room;
mod strip;
mod turn;

pub use files::FileBlobs;
pub use held::HeldBlobs;
pub use listing::{BlobFile, BlobFolder};
pub use pipeline::ImageThreads;
pub use room::DiskRoom;
