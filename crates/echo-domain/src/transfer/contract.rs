//! What every [`Target`] must do, and the [`Source`] that it is.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::sync::Arc;

use crate::{
    Event, PageRequest, PostId, UserId,
    auth::{Account, Login, Session},
    contract::{Backend, left, sample, sample::NOW},
    idempotency::Begun,
    media::{BlobSet, Digest, DoomedBlobs, Holder, Image, Media, Picture, Variant},
    posts::{Block, Content, Post},
    users::{Profile, Search},
};

use super::{Checkpoint, Follow, Key, Kind, Record, Request, SetAside, Standing, Target, compare, copy, standing};

#[macro_export]
macro_rules! target_contract {
    ($fresh:path) => {
        $crate::contract_tests! { $fresh, $crate::transfer::contract;
            what_is_put_is_read_back
            putting_again_changes_nothing
            what_is_there_stays_as_it_is
            a_name_that_is_taken_refuses_all_that_came_with_it
            pages_are_in_order_and_end
            counts_are_those_of_what_was_put
            images_that_were_put_count_for_their_blobs_and_accounts
            an_image_that_another_service_delivers_is_doomed_with_the_last_of_its_address
            people_who_were_put_sign_in_and_are_found
            what_the_stores_keep_is_given_out
            a_request_that_was_put_is_done_or_begun_anew
            consumers_hear_the_events_that_were_put
            the_last_checkpoint_is_kept
            a_target_with_anything_in_it_is_taken
            a_copy_goes_on_where_it_came_to
        }
    };
}

/// An empty target, and the stores of the same database.
pub struct Moving {
    pub target: Arc<dyn Target>,
    pub stores: Backend,
}

fn reached(place: &str) -> Checkpoint {
    Checkpoint { source: "a test".to_owned(), done: false, place: place.to_owned() }
}

async fn put(target: &Arc<dyn Target>, records: &[Record]) {
    target.put(records.to_vec(), &reached("somewhere")).await.unwrap();
}

/// Everything of this kind, in pages of two.
async fn all_of(target: &Arc<dyn Target>, kind: Kind) -> Vec<Record> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = target.page(kind, after.as_ref(), 2).await.unwrap();
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { return all };
        after = Some(last.key());
        all.extend(page);
    }
}

async fn everything(target: &Arc<dyn Target>) -> Vec<Record> {
    let mut all = Vec::new();
    for kind in Kind::ALL {
        let records = all_of(target, kind).await;
        assert_eq!(target.count(kind).await.unwrap(), records.len() as u64, "{kind:?}");
        all.extend(records);
    }
    all
}

/// A small Echo with each kind of record, and every form that one has.
struct World {
    ana: Account,
    ben: UserId,
    post: Post,
    records: Vec<Record>,
}

fn world() -> World {
    let ana = sample::account("Ana_Lima");
    let ben = sample::account("ben_");
    let mut post = sample::post(ana.id, "with a \"picture\" 🦀\n");
    let Images { picture, shown, records: images } = images(ana.id, post.id);
    post.blocks.push(Block { id: sample::id(), content: Content::Image(shown) });
    let profile = |account: &Account, followers, following, picture: Option<Picture>| Profile {
        most_followers: 3 * followers,
        bio: "¡Hola!".to_owned(),
        picture,
        followers,
        following,
        updated: NOW + sample::DAY,
        ..Profile::new(account.id, account.username.as_str(), "Ñandú the Great", NOW)
    };
    let session = sample::session(ana.id);
    let ended = Session { generation: 7, ..sample::session(ben.id) };
    let event = Event::PostPublished { post: post.id, author: ana.id, media: post.media() };
    let aside =
        SetAside { consumer: "media".to_owned(), position: 7, event: event.clone(), reason: "no".to_owned(), at: NOW };
    let request = |key: u8, reply: Option<&[u8]>| {
        let reply = reply.map(<[u8]>::to_vec);
        Record::Request(Request { key: [key; 32], fingerprint: [8; 32], seed: sample::id(), reply, begun: NOW })
    };
    let mut records = vec![
        Record::Account(ana.clone()),
        Record::Account(ben.clone()),
        Record::Session { session, revoked: None },
        Record::Session { session: ended, revoked: Some(NOW) },
        Record::Profile(profile(&ana, 1, 0, Some(picture))),
        Record::Profile(profile(&ben, 0, 1, None)),
        Record::Follow(Follow { id: sample::id(), follower: ben.id, followee: ana.id }),
        Record::Post { post: post.clone(), likes: 1, comments: 1 },
        Record::Like(sample::like(&post, ben.id)),
        Record::Comment(sample::comment(&post, ben.id, "first!")),
        Record::BarredFromPosts(sample::id()),
    ];
    records.extend(images);
    records.extend([
        Record::BarredFromMedia(sample::id()),
        request(7, Some(b"sealed")),
        request(9, None),
        Record::SetAside(aside),
        Record::Event { position: 41, event, at: NOW },
        Record::Event { position: 42, event: Event::AccountRenamed { account: ana.id }, at: NOW },
    ]);
    World { ben: ben.id, ana, post, records }
}

/// A profile's picture and a post's image of the same blobs, and more of each form that images have.
struct Images {
    picture: Picture,
    shown: Image,
    records: Vec<Record>,
}

fn images(account: UserId, post: PostId) -> Images {
    let (seen, old) = (sample::upload(account), sample::blobs());
    let picture = Media { holder: Some(Holder::Profile(account)), expires: None, ..seen.of(&seen.blobs) };
    let shown =
        Media { image: seen.blobs.image(sample::id(), String::new()), holder: Some(Holder::Post(post)), ..picture };
    let linked = Media { image: sample::image(), blobs: None, bytes: 0, ..shown };
    let old = BlobSet { digest: Digest::unknown(old.stem), bytes: None, ..old };
    let image = old.image(old.stem.0.into(), String::new());
    let unmeasured = Media { image, blobs: Some(old.digest), bytes: 0, ..linked };
    let mut images = [&picture, &shown, &linked, &unmeasured].map(|media| Record::Image(media.clone()));
    images.sort_by_key(Record::key);
    let mut records = vec![Record::Blobs { blobs: seen.blobs, images: 2 }, Record::Blobs { blobs: old, images: 1 }];
    records.sort_by_key(Record::key);
    records.push(Record::DoomedBlobs((&sample::blobs()).into()));
    records.extend(images);
    Images { picture: (&picture.image).into(), shown: shown.image, records }
}

pub async fn what_is_put_is_read_back(Moving { target, .. }: Moving) {
    let World { records, .. } = world();

    put(&target, &records).await;

    assert_eq!(everything(&target).await, records);
}

pub async fn putting_again_changes_nothing(Moving { target, .. }: Moving) {
    let World { records, .. } = world();

    for _ in 0..2 {
        put(&target, &records).await;
        // Some of them are there.
        put(&target, &records[..records.len() / 2]).await;
    }

    assert_eq!(everything(&target).await, records);
}

pub async fn what_is_there_stays_as_it_is(Moving { target, stores }: Moving) {
    let World { ana, records, .. } = world();
    put(&target, &records).await;
    let other = sample::email("other@example.com");
    stores.accounts.rename(ana.id, None, Some(&other), None).await.unwrap();

    put(&target, &records).await;

    assert_eq!(stores.accounts.find(ana.id).await.unwrap().unwrap().email, other);
}

pub async fn a_name_that_is_taken_refuses_all_that_came_with_it(Moving { target, .. }: Moving) {
    let first = Record::Account(sample::account("ana_"));
    put(&target, std::slice::from_ref(&first)).await;
    let second = vec![Record::Account(sample::account("ben_")), Record::Account(sample::account("ANA_"))];

    let refused = target.put(second, &reached("further")).await;

    assert!(matches!(refused, Err(crate::Error::Conflict(_))), "{refused:?}");
    assert_eq!(everything(&target).await, [first]);
    assert_eq!(target.reached().await.unwrap(), Some(reached("somewhere")));
}

pub async fn pages_are_in_order_and_end(Moving { target, .. }: Moving) {
    let posts: [PostId; 3] = sample::ids();
    let users: [UserId; 4] = sample::ids();
    let mut records = Vec::new();
    for post in posts {
        for user in users {
            records.push(Record::Like(crate::posts::Like { id: sample::id(), post, user }));
        }
    }
    for follower in users {
        for followee in users.into_iter().filter(|it| *it != follower) {
            records.push(Record::Follow(Follow { id: sample::id(), follower, followee }));
        }
    }
    let mut shuffled = records.clone();
    shuffled.reverse();
    put(&target, &shuffled).await;

    for kind in [Kind::Likes, Kind::Follows] {
        let mut expected: Vec<_> = records.iter().filter(|it| it.kind() == kind).cloned().collect();
        expected.sort_by_key(Record::key);
        for limit in [1, 3, 100] {
            let (mut walked, mut after) = (Vec::new(), None::<Key>);
            loop {
                let page = target.page(kind, after.as_ref(), limit).await.unwrap();
                assert!(page.len() <= limit);
                walked.extend_from_slice(&page);
                if page.len() < limit {
                    break;
                }
                after = page.last().map(Record::key);
            }
            assert_eq!(walked, expected, "in pages of {limit}");
        }
    }
}

pub async fn counts_are_those_of_what_was_put(Moving { target, stores }: Moving) {
    let World { ana, ben, post, records } = world();

    put(&target, &records).await;

    let profiles = stores.profiles.by_ids(&[ana.id, ben]).await.unwrap();
    assert_eq!((profiles[&ana.id].followers, profiles[&ana.id].following), (1, 0));
    assert_eq!((profiles[&ben].followers, profiles[&ben].following), (0, 1));
    let detail = stores.posts.details(&[post.id]).await.unwrap().remove(0);
    assert_eq!((detail.like_count, detail.comment_count), (1, 1));
    assert_eq!((detail.likers.as_slice(), detail.comments.len()), (&[ben][..], 1));
    assert_eq!(stores.posts.total().await.unwrap(), 1);
    assert_eq!(stores.posts.counts(&[ana.id, ben]).await.unwrap().into_iter().collect::<Vec<_>>(), [(ana.id, 1)]);
}

pub async fn images_that_were_put_count_for_their_blobs_and_accounts(Moving { target, stores }: Moving) {
    let World { ana, records, .. } = world();
    for _ in 0..2 {
        put(&target, &records).await;
    }
    let media = stores.media;
    assert_eq!(media.bytes_of(ana.id).await.unwrap(), 2_000_000);

    let unmeasured = media.unmeasured(10).await.unwrap();
    assert_eq!(unmeasured.len(), 1);
    for bytes in [70, 71] {
        media.measure(unmeasured[0].digest, bytes).await.unwrap();
    }
    assert_eq!(media.unmeasured(10).await.unwrap(), []);
    assert_eq!(media.bytes_of(ana.id).await.unwrap(), 2_000_070);

    for image in media.of_account(ana.id, PageRequest::first(10)).await.unwrap().items {
        media.remove(&[image.image.id]).await.unwrap();
    }
    assert_eq!(media.bytes_of(ana.id).await.unwrap(), 0);
    assert_eq!(media.doomed(None, 10).await.unwrap().len(), 4);
}

pub async fn an_image_that_another_service_delivers_is_doomed_with_the_last_of_its_address(
    Moving { target, stores }: Moving,
) {
    let address = |width: u32| format!("https://example.com/{width}/a.jpg");
    let variants = vec![Variant { width: 320, location: address(320) }];
    let linked = |id| Image { id, location: address(640), variants: variants.clone(), ..sample::image() };
    let [first, last] = sample::ids().map(linked);
    let delivered = |image: &Image| {
        let upload = sample::upload(sample::id());
        Record::Image(Media { image: image.clone(), blobs: None, bytes: 0, ..upload.of(&upload.blobs) })
    };
    put(&target, &[delivered(&first), delivered(&last)]).await;
    let media = stores.media;

    media.remove(&[first.id]).await.unwrap();

    assert_eq!(media.find(first.id).await.unwrap(), None);
    assert!(media.find(last.id).await.unwrap().is_some());
    assert_eq!(media.doomed(None, 10).await.unwrap(), [], "another image is shown from there");

    for _ in 0..2 {
        media.remove(&[last.id]).await.unwrap();
    }

    let expected = DoomedBlobs { stem: last.id.0.into(), names: vec![address(640), address(320)] };
    assert_eq!(media.doomed(None, 10).await.unwrap(), [expected]);
    media.forget(last.id.0.into()).await.unwrap();
    assert_eq!(media.doomed(None, 10).await.unwrap(), []);
}

pub async fn people_who_were_put_sign_in_and_are_found(Moving { target, stores }: Moving) {
    let World { ana, records, .. } = world();

    put(&target, &records).await;

    let found = stores.accounts.find_by_login(&Login::parse("aNA_lIMA").unwrap()).await.unwrap();
    assert_eq!(found.as_ref(), Some(&ana));
    stores.sessions.open(&sample::session(ana.id), &ana.password).await.unwrap();
    for text in ["lima", "great"] {
        let search = Search::parse(text).unwrap();
        let page = stores.profiles.search(&search, PageRequest::first(10)).await.unwrap();
        assert!(page.items.iter().any(|profile| profile.id == ana.id), "{text}");
    }
}

pub async fn what_the_stores_keep_is_given_out(Moving { target, stores }: Moving) {
    let account = sample::account("ana_");
    let (opened, post) = (sample::opened(&account), sample::post(account.id, "hello"));
    stores.accounts.add(&account, &opened).await.unwrap();
    stores.profiles.open(&Profile::new(account.id, "ana_", "Ana", NOW)).await.unwrap();
    stores.posts.add(&post, &sample::published(&post)).await.unwrap();
    stores.posts.set_like(sample::like(&post, account.id), true).await.unwrap();
    stores.posts.bar(sample::id()).await.unwrap();
    stores.media.add(&sample::upload(account.id), u64::MAX).await.unwrap();

    let kinds: Vec<_> = everything(&target).await.iter().map(Record::kind).collect();

    let expected = [
        Kind::Accounts,
        Kind::Profiles,
        Kind::Posts,
        Kind::Likes,
        Kind::BarredFromPosts,
        Kind::Blobs,
        Kind::Images,
        Kind::Events,
        Kind::Events,
    ];
    assert_eq!(kinds, expected);
    let told: Vec<_> = all_of(&target, Kind::Events).await;
    let events = told.iter().filter_map(|record| match record {
        Record::Event { event, .. } => Some(event.clone()),
        _ => None,
    });
    assert_eq!(events.collect::<Vec<_>>(), [opened, sample::published(&post)]);
}

pub async fn a_request_that_was_put_is_done_or_begun_anew(Moving { target, stores }: Moving) {
    let World { records, .. } = world();
    put(&target, &records).await;
    let begin = async |key: u8| stores.requests.begin(&[key; 32], &[8; 32], sample::id(), NOW).await.unwrap();

    assert_eq!(begin(7).await, Begun::Done(b"sealed".to_vec()));
    let first = records.iter().find_map(|record| match record {
        Record::Request(request) if request.reply.is_none() => Some(request.seed),
        _ => None,
    });
    assert_eq!(begin(9).await, Begun::First { seed: first.unwrap() });
}

pub async fn consumers_hear_the_events_that_were_put(Moving { target, stores }: Moving) {
    let World { ana, post, records, .. } = world();

    put(&target, &records).await;
    let later = sample::post(ana.id, "later");
    stores.posts.add(&later, &sample::published(&later)).await.unwrap();

    let expected = [sample::published(&post), Event::AccountRenamed { account: ana.id }, sample::published(&later)];
    assert_eq!(left(&stores.events).await, expected);
}

pub async fn the_last_checkpoint_is_kept(Moving { target, .. }: Moving) {
    assert_eq!(target.reached().await.unwrap(), None);

    for place in ["here", "there"] {
        target.put(Vec::new(), &reached(place)).await.unwrap();
    }

    assert_eq!(target.reached().await.unwrap(), Some(reached("there")));
}

pub async fn a_target_with_anything_in_it_is_taken(Moving { target, stores }: Moving) {
    assert_eq!(standing(&*target, "a test").await.unwrap(), Standing::Empty);

    stores.media.bar(sample::id()).await.unwrap();
    assert_eq!(standing(&*target, "a test").await.unwrap(), Standing::Taken);

    put(&target, &[]).await;
    assert_eq!(standing(&*target, "a test").await.unwrap(), Standing::Begun(reached("somewhere")));
    assert_eq!(standing(&*target, "another").await.unwrap(), Standing::Taken);
}

/// From itself to itself: all that was put is there already, and so is found to be the same.
pub async fn a_copy_goes_on_where_it_came_to(Moving { target, .. }: Moving) {
    let World { records, .. } = world();
    put(&target, &records).await;
    let place = serde_json::json!({"kind": "posts", "after": null}).to_string();

    let moved = std::sync::Mutex::new(Vec::new());
    let note = |kind, n| moved.lock().unwrap().push((kind, n));
    copy(&*target, &*target, "a test", Some(&reached(&place)), note).await.unwrap();

    assert_eq!(moved.into_inner().unwrap().first(), Some(&(Kind::Posts, 1)));
    assert!(target.reached().await.unwrap().unwrap().done);
    for kind in Kind::ALL {
        let compared = compare(kind, &*target, &*target, NOW, |_| ()).await.unwrap();
        assert!(compared.is_equal(), "{compared:?}");
    }
}
