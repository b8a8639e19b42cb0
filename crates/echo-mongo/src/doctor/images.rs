//! Images' records, held against what shows images.

use std::collections::HashSet;

use bson::{doc, oid::ObjectId};
use echo_domain::{
    MediaId, Result,
    doctor::NamedBlob,
    media::{DoomedBlobs, Holder, Media},
};
use futures_util::{FutureExt, future::BoxFuture};

use crate::{
    Mongo,
    collections::{BLOBS_DOOMED, MEDIA, POSTS, PROFILES},
    documents::{id, oid},
    error::Outcome,
    media::{self, DoomedRow, MediaRow, holder_word},
    posts::PostRow,
    transaction::Tx,
    users::ProfileRow,
};

use super::look::{Asked, Moment, Through, Wrong, page};

/// What shows an image, and which one.
struct Shown {
    by: Holder,
    image: MediaId,
    /// Whose it is.
    owner: ObjectId,
}

/// Those kept for good that their holder does not show.
pub(super) async fn unshown(it: &mut Moment<'_>, images: &[ObjectId]) -> Outcome<Vec<Wrong>> {
    let for_good = doc! { "_id": { "$in": images }, "expires": { "$exists": false } };
    let kept = read(it.find(&MEDIA, for_good, doc! {}).await?)?;
    let shown = shown_of(it, &kept).await?;
    let unshown = kept.iter().filter(|media| !shown.contains(&media.image.id));
    let wrong = unshown.map(|media| {
        let (image, holder) = (media.image.id, media.holder.map_or_else(|| "nothing".to_owned(), holder_word));
        let about = [Some(oid(media.account)), media.holder.map(holder_id)].into_iter().flatten().collect();
        Wrong { about, ..Wrong::told(oid(image), format!("{image} for {holder}")) }
    });
    Ok(wrong.collect())
}

/// Removes the image, if it still is one of those.
pub(super) async fn remove(tx: Tx<'_>, image: ObjectId) -> Outcome<()> {
    let mut it = Moment(tx);
    match unshown(&mut it, &[image]).await?[..] {
        [] => Ok(()),
        _ => media::remove(it.0, &[id(image)]).await,
    }
}

/// Those that are shown and have no record.
pub(super) async fn missing(it: &mut Moment<'_>, asked: Asked<'_>) -> Outcome<Vec<Wrong>> {
    let shown = match asked.collection == POSTS.name {
        true => by_posts(it, asked.ids).await?,
        false => by_profiles(it, asked.ids).await?,
    };
    let wanted: Vec<_> = shown.iter().map(|shown| oid(shown.image)).collect();
    let there = it.there(&MEDIA, &wanted).await?;
    let missing = shown.into_iter().filter(|shown| !there.contains(&oid(shown.image)));
    let wrong = missing.map(|Shown { by, image, owner }| {
        let told = format!("{} shows {image}", holder_word(by).replace(':', " "));
        Wrong { about: vec![owner], ..Wrong::told(oid(image), told) }
    });
    Ok(wrong.collect())
}

/// Without those that another service delivers; once for each image of them. Those of which the confirmation waits are
/// needed if their holder shows them.
pub(super) async fn named_blobs(mongo: &Mongo) -> Result<Vec<NamedBlob>> {
    static IMAGES: Through = Through { declared: &MEDIA, field: "_id" };
    static DOOMED: Through = Through { declared: &BLOBS_DOOMED, field: "_id" };
    let mut named = Vec::new();
    for (through, by) in [(&IMAGES, named_by as NamedBy), (&DOOMED, named_by_doomed as NamedBy)] {
        let mut after = None;
        loop {
            let ids = mongo.run("doctor.page", page(mongo, through, after)).await?;
            after = ids.last().copied();
            if after.is_none() {
                break;
            }
            named.extend(mongo.transaction("doctor.blobs", (by, ids), |tx, (by, ids)| by(tx, ids)).await?);
        }
    }
    Ok(named)
}

type NamedBy = for<'t> fn(Tx<'t>, &'t [ObjectId]) -> BoxFuture<'t, Outcome<Vec<NamedBlob>>>;

fn named_by_doomed<'t>(tx: Tx<'t>, stems: &'t [ObjectId]) -> BoxFuture<'t, Outcome<Vec<NamedBlob>>> {
    async move {
        let rows: Vec<DoomedRow> = Moment(tx).find(&BLOBS_DOOMED, doc! { "_id": { "$in": stems } }, doc! {}).await?;
        let names = rows.into_iter().flat_map(|row| DoomedBlobs::from(row).names);
        let ours = names.filter(|name| !name.contains('/'));
        Ok(ours.map(|name| NamedBlob { name, needed: false }).collect())
    }
    .boxed()
}

fn named_by<'t>(tx: Tx<'t>, images: &'t [ObjectId]) -> BoxFuture<'t, Outcome<Vec<NamedBlob>>> {
    async move {
        let mut it = Moment(tx);
        let kept = read(it.find(&MEDIA, doc! { "_id": { "$in": images } }, doc! {}).await?)?;
        let shown = shown_of(&mut it, &kept).await?;
        let mut named = Vec::new();
        for Media { image, expires, .. } in kept {
            let needed = expires.is_none() || shown.contains(&image.id);
            let narrower = image.variants.into_iter().map(|variant| variant.location);
            let ours = std::iter::once(image.location).chain(narrower).filter(|name| !name.contains('/'));
            named.extend(ours.map(|name| NamedBlob { name, needed }));
        }
        Ok(named)
    }
    .boxed()
}

/// Those of the images that their holders show.
async fn shown_of(it: &mut Moment<'_>, images: &[Media]) -> Outcome<HashSet<MediaId>> {
    let (mut posts, mut profiles) = (Vec::new(), Vec::new());
    for holder in images.iter().filter_map(|media| media.holder) {
        match holder {
            Holder::Post(post) => posts.push(oid(post)),
            Holder::Profile(user) => profiles.push(oid(user)),
        }
    }
    let mut shown = by_posts(it, &posts).await?;
    shown.extend(by_profiles(it, &profiles).await?);
    let shown: HashSet<_> = shown.into_iter().map(|shown| (shown.by, shown.image)).collect();
    let is_shown = |media: &&Media| media.holder.is_some_and(|holder| shown.contains(&(holder, media.image.id)));
    Ok(images.iter().filter(is_shown).map(|media| media.image.id).collect())
}

async fn by_posts(it: &mut Moment<'_>, posts: &[ObjectId]) -> Outcome<Vec<Shown>> {
    let rows: Vec<PostRow> = it.find(&POSTS, doc! { "_id": { "$in": posts } }, doc! {}).await?;
    let mut shown = Vec::new();
    for row in rows {
        let post = row.read()?.post;
        let by = |image| Shown { by: Holder::Post(post.id), image, owner: oid(post.author) };
        shown.extend(post.media().into_iter().map(by));
    }
    Ok(shown)
}

async fn by_profiles(it: &mut Moment<'_>, profiles: &[ObjectId]) -> Outcome<Vec<Shown>> {
    let rows: Vec<ProfileRow> = it.find(&PROFILES, doc! { "_id": { "$in": profiles } }, doc! { "parts": 0 }).await?;
    let mut shown = Vec::new();
    for row in rows {
        let profile = row.read()?;
        let by = |image| Shown { by: Holder::Profile(profile.id), image, owner: oid(profile.id) };
        shown.extend(profile.picture.map(|picture| by(picture.media)));
    }
    Ok(shown)
}

fn read(rows: Vec<MediaRow>) -> Outcome<Vec<Media>> {
    rows.into_iter().map(MediaRow::read).collect()
}

fn holder_id(holder: Holder) -> ObjectId {
    match holder {
        Holder::Post(post) => oid(post),
        Holder::Profile(user) => oid(user),
    }
}
