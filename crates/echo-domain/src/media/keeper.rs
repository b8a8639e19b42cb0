//! Sees to it that images stay exactly as long as something shows them.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::{Consumer, Event, PageRequest, Result, posts::Catalog, users::Directory};

use super::{Holder, Media, Parts};

/// Follows the events about who shows what, and sweeps up what no event tells of.
pub struct MediaKeeper {
    pub parts: Parts,
    pub posts: Arc<dyn Catalog>,
    pub directory: Arc<dyn Directory>,
}

impl MediaKeeper {
    const SWEEP_EVERY: Duration = Duration::from_secs(30);

    /// Removes expired and doomed images, again and again, until `stop` becomes true.
    pub async fn sweep(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            if let Err(error) = self.sweep_once().await {
                tracing::warn!(error = &error as &dyn std::error::Error, "unused images stay for now");
            }
            tokio::select! {
                () = tokio::time::sleep(Self::SWEEP_EVERY) => {}
                _ = stop.changed() => {}
            }
        }
    }

    async fn sweep_once(&self) -> Result<()> {
        loop {
            let expired = self.parts.media.expired(self.parts.clock.now(), 100).await?;
            if expired.is_empty() {
                return self.parts.remove_doomed().await;
            }
            for media in expired {
                self.settle(&media).await?;
            }
        }
    }

    /// Keeps an expired image if its holder shows it after all, and dooms it otherwise.
    async fn settle(&self, media: &Media) -> Result<()> {
        let image = media.image.id;
        let shown = match media.holder {
            None => false,
            Some(Holder::Post(post)) => self.posts.existing(&[post]).await?.contains(&post),
            Some(Holder::Profile(user)) => {
                let profiles = self.directory.profiles(&[user]).await?;
                profiles.iter().filter_map(|profile| profile.picture.as_ref()).any(|picture| picture.media == image)
            }
        };
        match media.holder {
            Some(holder) if shown => self.parts.media.keep(holder, &[image]).await,
            _ => self.parts.media.doom(&[image]).await,
        }
    }
}

#[async_trait]
impl Consumer for MediaKeeper {
    fn name(&self) -> &'static str {
        "media"
    }

    async fn handle(&self, event: &Event) -> Result<()> {
        let media = &self.parts.media;
        match event {
            // Most posts: not worth a write.
            Event::PostPublished { media: images, .. } if images.is_empty() => return Ok(()),
            Event::PostPublished { post, media: images, .. } => return media.keep(Holder::Post(*post), images).await,
            Event::PostDeleted { media: images, .. } => media.doom(images).await?,
            Event::PictureChanged { account, new, old } => {
                media.keep(Holder::Profile(*account), new.as_slice()).await?;
                media.doom(old.as_slice()).await?;
            }
            Event::AccountDeleted { account } => loop {
                let images = media.of_account(*account, PageRequest::first(PageRequest::<()>::MAX)).await?.items;
                if images.is_empty() {
                    break;
                }
                media.doom(&images.iter().map(|media| media.image.id).collect::<Vec<_>>()).await?;
            },
            Event::AccountOpened { .. } | Event::AccountRenamed { .. } => return Ok(()),
        }
        self.parts.remove_doomed().await
    }
}
