//! Images: taken apart, made fit to be shown, and kept in files.

mod animation;
mod colour;
mod container;
mod decode;
mod encode;
mod files;
mod limits;
mod pipeline;

pub use files::FileBlobs;
pub use pipeline::ImageThreads;
