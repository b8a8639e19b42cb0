//! What every [`MediaDesk`] must do, here or in another process.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::{fmt::Debug, sync::Arc};

use bytes::Bytes;
use futures_util::TryStreamExt;

use crate::{
    Error, FieldError, MediaId, Result, UserId,
    contract::{Backend, assert_list, at_once, newest_first, refusal, sample},
};

use super::{Blob, BlobStore, Holder, Image, MediaDesk, Part, Purpose};

/// `$fresh` is an async fn returning an [`Asked`] and a guard.
#[macro_export]
macro_rules! media_desk_contract {
    ($fresh:path) => {
        $crate::contract_tests! { $fresh, $crate::media::desk_contract;
            an_image_is_taken_in_and_can_be_read
            the_same_upload_again_is_the_same_image
            a_picture_is_made_a_square
            what_is_no_image_is_refused_and_nothing_stays
            a_description_that_is_too_long_is_refused
            an_account_that_is_barred_uploads_nothing
            images_come_in_the_order_in_which_they_are_claimed
            claiming_again_for_the_same_holder_succeeds
            when_one_image_cannot_be_claimed_none_is
            what_is_released_can_be_claimed_by_another
            what_is_discarded_is_gone
            images_of_an_account_are_listed_newest_first
            a_blob_is_read_whole_however_long_it_is
            what_is_no_blob_is_none
            many_ask_at_once
        }
    };
}

/// The area, and what it stands on, which is empty.
#[derive(Clone)]
pub struct Asked {
    pub desk: Arc<dyn MediaDesk>,
    pub backend: Backend,
    pub blobs: Arc<dyn BlobStore>,
}

impl Asked {
    async fn uploaded(&self, account: UserId) -> Image {
        self.upload(account, sample::id(), Purpose::Post, sample::PNG).await.unwrap()
    }

    async fn upload(&self, account: UserId, id: MediaId, purpose: Purpose, bytes: &'static [u8]) -> Result<Image> {
        self.desk.upload(account, id, purpose, Bytes::from_static(bytes), "Ein Hund, \"Ñandú\" 🦀\n& mehr").await
    }

    async fn claim(&self, account: UserId, holder: Holder, images: &[&Image]) -> Vec<Image> {
        let images: Vec<_> = images.iter().map(|image| image.id).collect();
        self.desk.claim(account, holder, &images).await.unwrap()
    }

    async fn is_kept(&self, image: MediaId) -> bool {
        self.backend.media.find(image).await.unwrap().is_some()
    }

    async fn images_of(&self, account: UserId) -> Vec<Image> {
        self.desk.images_of(account, crate::PageRequest::first(100)).await.unwrap().items
    }
}

fn a_post() -> Holder {
    Holder::Post(sample::id())
}

async fn whole(blob: Blob) -> Vec<u8> {
    let (length, part) = (blob.length, blob.part.clone());
    let bytes = blob.bytes.try_fold(Vec::new(), async |all, chunk| Ok([all, chunk.to_vec()].concat())).await.unwrap();
    assert_eq!((part, length), (0..length, bytes.len() as u64));
    bytes
}

fn at_fault<T: Debug>(result: Result<T>) -> (&'static str, String) {
    let (kind, FieldError { field, .. }) = match result.unwrap_err() {
        Error::Unsupported(field) => ("unsupported", field),
        Error::Invalid(mut fields) => ("invalid", fields.pop().unwrap()),
        other => panic!("{other:?}"),
    };
    (kind, field.into_owned())
}

pub async fn an_image_is_taken_in_and_can_be_read(asked: Asked) {
    let (account, id) = (sample::id(), sample::id());

    let image = asked.upload(account, id, Purpose::Post, sample::PNG).await.unwrap();

    assert_eq!((image.id, image.width, image.height), (id, 2, 2));
    assert_eq!(image.alt, "Ein Hund, \"Ñandú\" 🦀\n& mehr");
    assert_eq!(
        asked.backend.media.find(id).await.unwrap().map(|media| (media.image, media.account)),
        Some((image.clone(), account))
    );
    for name in image.names() {
        let read = whole(asked.desk.read(name).await.unwrap().unwrap()).await;
        assert_eq!(read, whole(asked.blobs.read(name, Part::WHOLE).await.unwrap().unwrap()).await);
        assert!(!read.is_empty());
    }
}

pub async fn the_same_upload_again_is_the_same_image(asked: Asked) {
    let (account, id) = (sample::id(), sample::id());
    let image = asked.upload(account, id, Purpose::Post, sample::PNG).await.unwrap();

    assert_eq!(asked.upload(account, id, Purpose::Post, sample::PNG).await.unwrap(), image);
    assert_eq!(asked.images_of(account).await, std::slice::from_ref(&image));
    asked.claim(account, a_post(), &[&image]).await;

    assert_eq!(asked.upload(account, id, Purpose::Post, sample::PNG).await.unwrap(), image);
}

pub async fn a_picture_is_made_a_square(asked: Asked) {
    let image = asked.upload(sample::id(), sample::id(), Purpose::Profile, sample::PNG).await.unwrap();

    assert_eq!(image.width, image.height);
}

pub async fn what_is_no_image_is_refused_and_nothing_stays(asked: Asked) {
    let (account, id) = (sample::id(), sample::id());
    for bytes in [b"".as_slice(), b"GIF of a sort", &sample::PNG[..40]] {
        let refused = asked.upload(account, id, Purpose::Post, bytes).await;
        assert_eq!(at_fault(refused), ("unsupported", "file".to_owned()));
    }

    assert!(!asked.is_kept(id).await);
}

pub async fn a_description_that_is_too_long_is_refused(asked: Asked) {
    let (account, id, bytes) = (sample::id(), sample::id(), Bytes::from_static(sample::PNG));

    let refused = asked.desk.upload(account, id, Purpose::Post, bytes, &"x".repeat(1001)).await;

    assert_eq!(at_fault(refused), ("invalid", "alt".to_owned()));
    assert!(!asked.is_kept(id).await);
}

pub async fn an_account_that_is_barred_uploads_nothing(asked: Asked) {
    let (account, id) = (sample::id(), sample::id());
    asked.backend.media.bar(account).await.unwrap();

    let refused = asked.upload(account, id, Purpose::Post, sample::PNG).await;

    assert_eq!(refusal(refused), ("unauthenticated", "account_deleted".to_owned()));
    assert!(!asked.is_kept(id).await);
}

pub async fn images_come_in_the_order_in_which_they_are_claimed(asked: Asked) {
    let account = sample::id();
    let (a, b) = (asked.uploaded(account).await, asked.uploaded(account).await);

    assert_eq!(asked.claim(account, a_post(), &[&b, &a]).await, [b, a]);
    assert_eq!(asked.claim(account, a_post(), &[]).await, []);
}

pub async fn claiming_again_for_the_same_holder_succeeds(asked: Asked) {
    let (account, holder) = (sample::id(), Holder::Profile(sample::id()));
    let image = asked.uploaded(account).await;

    for _ in 0..2 {
        assert_eq!(asked.claim(account, holder, &[&image]).await, std::slice::from_ref(&image));
    }
}

pub async fn when_one_image_cannot_be_claimed_none_is(asked: Asked) {
    let (account, other) = (sample::id(), sample::id());
    let (free, taken, theirs) =
        (asked.uploaded(account).await, asked.uploaded(account).await, asked.uploaded(other).await);
    asked.claim(account, a_post(), &[&taken]).await;
    let gone = Image { id: sample::id(), ..free.clone() };

    for bad in [&taken, &theirs, &gone] {
        assert_eq!(asked.claim(account, a_post(), &[&free, bad]).await, []);
    }
    assert_eq!(asked.claim(account, a_post(), &[&free]).await, [free]);
}

pub async fn what_is_released_can_be_claimed_by_another(asked: Asked) {
    let (account, holder, other) = (sample::id(), a_post(), a_post());
    let image = asked.uploaded(account).await;
    asked.claim(account, holder, &[&image]).await;
    assert_eq!(asked.claim(account, other, &[&image]).await, []);

    for _ in 0..2 {
        asked.desk.release(holder).await;
    }

    assert_eq!(asked.claim(account, other, &[&image]).await, [image]);
}

pub async fn what_is_discarded_is_gone(asked: Asked) {
    let account = sample::id();
    let (gone, stays) = (asked.uploaded(account).await, asked.uploaded(account).await);

    for images in [vec![], vec![gone.id, sample::id()], vec![gone.id]] {
        asked.desk.discard(&images).await;
    }

    assert!(!asked.is_kept(gone.id).await);
    assert_eq!(asked.images_of(account).await, [stays]);
}

pub async fn images_of_an_account_are_listed_newest_first(asked: Asked) {
    let account = sample::id();
    let mut images = Vec::new();
    for _ in 0..5 {
        images.push(asked.uploaded(account).await);
        asked.uploaded(sample::id()).await;
    }

    assert_list(&newest_first(images), async |page| asked.desk.images_of(account, page).await).await;
    assert_list(&[], async |page| asked.desk.images_of(sample::id(), page).await).await;
}

pub async fn a_blob_is_read_whole_however_long_it_is(asked: Asked) {
    for length in [0, 1, 100_000, 30_000_000] {
        let name = format!("{length}.jpg");
        let bytes: Vec<u8> = (0..=250).cycle().take(length).collect();
        asked.blobs.put(&name, bytes.clone().into()).await.unwrap();

        let read = whole(asked.desk.read(&name).await.unwrap().unwrap()).await;

        assert!(read == bytes, "{} bytes of {length}", read.len());
    }
}

pub async fn what_is_no_blob_is_none(asked: Asked) {
    for name in ["6553f10001020304ff000000.jpg", "", "../keys/seal", "https://images.example/a.jpg"] {
        assert!(asked.desk.read(name).await.unwrap().is_none(), "{name}");
    }
}

pub async fn many_ask_at_once(asked: Asked) {
    let account: UserId = sample::id();
    let uploads = at_once((0..12).map(|_| {
        let asked = asked.clone();
        async move { asked.uploaded(account).await }
    }))
    .await;

    let mut ids: Vec<_> = uploads.iter().map(|image| image.id).collect();
    ids.sort_unstable();
    let listed: Vec<_> = asked.images_of(account).await.iter().map(|image| image.id).collect();
    assert_eq!(listed, newest_first(ids));
}
