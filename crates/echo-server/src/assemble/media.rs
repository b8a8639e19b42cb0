//! The media area: images, taken in, kept and sent.

use std::sync::Arc;

use anyhow::{Context, Result};
use echo_domain::{
    Clock,
    media::{self, CachedBlobs, ImagePipeline, MediaKeeper, MediaService, StemSource},
};
use echo_http::MediaApi;
use echo_media::ImageThreads;

use crate::config::Settings;

use super::{Base, Blobs, CACHE, Front, Records, cores, neighbours::Neighbours};

/// Images that wait for a thread; their bytes are among [`super::BODIES`]. With two threads and half a second each, as 12
/// megapixels take, the last waits about half of [`super::DEADLINE`].
const IMAGE_QUEUE: usize = 128;

/// Opens the area, and tells its neighbours.
///
/// # Errors
/// When threads are not to be had.
pub(super) fn area(
    settings: &Settings,
    images: &Blobs,
    base: &Base,
    neighbours: &mut Neighbours,
) -> Result<media::Parts> {
    let parts = parts(settings, images, &base.records, &base.clock)?;
    neighbours.media = Some(Arc::new(MediaService::new(parts.clone())));
    Ok(parts)
}

/// Its routes.
///
/// # Errors
/// None: its neighbour is itself.
pub(super) fn api(parts: &media::Parts, front: &Front, neighbours: &Neighbours) -> Result<Arc<MediaApi>> {
    Ok(Arc::new(MediaApi {
        media: neighbours.media()?,
        blobs: parts.blobs.clone(),
        links: front.links.clone(),
        ids: front.ids.clone(),
    }))
}

/// What keeps its images exactly as long as something shows them. It asks what is kept at this moment: to remove an image
/// that is shown after all would be for good.
///
/// # Errors
/// Naming the setting that does not say where a neighbour is.
pub(super) fn keeper(parts: media::Parts, neighbours: &Neighbours) -> Result<Arc<MediaKeeper>> {
    Ok(Arc::new(MediaKeeper::new(parts, neighbours.catalog()?, neighbours.kept_directory()?)))
}

/// # Errors
/// When threads are not to be had.
pub(super) fn parts(
    settings: &Settings,
    images: &Blobs,
    records: &Records,
    clock: &Arc<dyn Clock>,
) -> Result<media::Parts> {
    let pipeline = ImageThreads::new(cores(), IMAGE_QUEUE).context("cannot start the threads for images")?;
    Ok(media::Parts {
        media: records.media()?,
        blobs: Arc::new(CachedBlobs::new(images.store.clone(), CACHE / 2, clock.clone())),
        pipeline: Arc::new(pipeline) as Arc<dyn ImagePipeline>,
        clock: clock.clone(),
        room: images.room.clone(),
        stems: Arc::new(StemSource::new(echo_crypto::random_bytes())),
        quota: settings.images.quota(),
        doomed: Arc::default(),
    })
}
