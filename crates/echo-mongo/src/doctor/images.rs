//! Images' records, held against what shows images.

use std::collections::HashSet;

use bson::{Document, doc, oid::ObjectId};
use echo_domain::{
    MediaId, Result,
    doctor::NamedBlob,
    media::{Holder, Media},
};
use futures_util::FutureExt;

use crate::{
    Mongo,
    collections::{MEDIA, POSTS, PROFILES},
    documents::{id, oid},
    error::Outcome,
    media::{MediaRow, holder_word},
    posts::PostRow,
    transaction::Tx,
    users::ProfileRow,
};

use super::look::{Asked, Moment, Through, Wrong, id_in, page};

/// What shows an image, and which one.
struct Shown {
    by: Holder,
    image: MediaId,
    /// Whose it is.
    owner: ObjectId,
}

/// Those kept for good that their holder does not show.
pub(super) async fn unshown(it: &mut Moment<'_>, images: &[ObjectId]) -> Outcome<Vec<Wrong>> {
    let for_good = doc! { "_id": { "$in": images }, "doomed": false, "expires": { "$exists": false } };
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

/// Gives the image up, if it still is one of those.
pub(super) async fn doom(tx: Tx<'_>, image: ObjectId) -> Outcome<()> {
    let mut it = Moment(tx);
    if unshown(&mut it, &[image]).await?.is_empty() {
        return Ok(());
    }
    let media = it.0.mongo.collection::<Document>(&MEDIA);
    let for_good = doc! { "_id": image, "doomed": false, "expires": { "$exists": false } };
    media.update_one(for_good, doc! { "$set": { "doomed": true } }).session(&mut *it.0.session).await?;
    Ok(())
}

/// Those that are shown and have no record.
pub(super) async fn missing(it: &mut Moment<'_>, asked: Asked<'_>) -> Outcome<Vec<Wrong>> {
    let shown = match asked.collection == POSTS.name {
        true => by_posts(it, asked.ids).await?,
        false => by_profiles(it, asked.ids).await?,
    };
    let wanted: Vec<_> = shown.iter().map(|shown| oid(shown.image)).collect();
    let kept = doc! { "_id": { "$in": wanted }, "doomed": false };
    let there: Vec<Document> = it.find(&MEDIA, kept, doc! { "_id": 1 }).await?;
    let there = there.iter().map(|row| Ok(id(id_in(row, "_id")?))).collect::<Outcome<HashSet<MediaId>>>()?;
    let missing = shown.into_iter().filter(|shown| !there.contains(&shown.image));
    let wrong = missing.map(|Shown { by, image, owner }| {
        let told = format!("{} shows {image}", holder_word(by).replace(':', " "));
        Wrong { about: vec![owner], ..Wrong::told(oid(image), told) }
    });
    Ok(wrong.collect())
}

/// Without those that another service delivers. Those of which the confirmation waits are needed if their holder shows
/// them.
pub(super) async fn named_blobs(mongo: &Mongo) -> Result<Vec<NamedBlob>> {
    static ALL: Through = Through { declared: &MEDIA, field: "_id" };
    let (mut named, mut after) = (Vec::new(), None);
    loop {
        let images = mongo.run("doctor.page", page(mongo, &ALL, after)).await?;
        after = images.last().copied();
        if after.is_none() {
            return Ok(named);
        }
        let some = mongo.transaction("doctor.blobs", images, |tx, images| named_by(tx, images).boxed()).await?;
        named.extend(some);
    }
}

async fn named_by(tx: Tx<'_>, images: &[ObjectId]) -> Outcome<Vec<NamedBlob>> {
    let mut it = Moment(tx);
    let rows: Vec<MediaRow> = it.find(&MEDIA, doc! { "_id": { "$in": images } }, doc! {}).await?;
    let doomed: Vec<_> = rows.iter().map(|row| row.doomed).collect();
    let kept = read(rows)?;
    let shown = shown_of(&mut it, &kept).await?;
    let mut named = Vec::new();
    for (media, doomed) in kept.into_iter().zip(doomed) {
        let image = media.image;
        let needed = !doomed && (media.expires.is_none() || shown.contains(&image.id));
        let names = std::iter::once(image.location).chain(image.variants.into_iter().map(|variant| variant.location));
        let ours = names.filter(|name| !name.contains('/'));
        named.extend(ours.map(|name| NamedBlob { image: image.id, name, needed }));
    }
    Ok(named)
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
