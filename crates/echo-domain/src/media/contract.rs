//! What every [`MediaStore`] must do.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::{sync::Arc, time::Duration};

use crate::{
    MediaId, UserId,
    contract::{Backend, Dice, assert_list, at_once, newest_first, refusal, sample, sample::NOW},
};

use super::{BlobSet, DoomedBlobs, Holder, Image, Media, MediaStore, Upload};

#[macro_export]
macro_rules! media_store_contract {
    ($fresh:path) => {
        $crate::contract_tests! { $fresh, $crate::media::contract;
            an_image_reads_back_as_it_was_added
            adding_the_same_image_again_changes_nothing
            an_image_that_was_removed_may_be_added_again
            images_of_equal_bytes_are_of_the_same_blobs
            of_twelve_equal_images_at_once_all_are_of_the_same_blobs
            blobs_stay_until_their_last_image_goes
            doomed_blobs_are_never_used_again
            blobs_that_came_too_late_are_doomed_unless_an_image_is_of_them
            equal_images_that_come_and_go_at_once_leave_what_is_counted
            an_account_keeps_no_more_than_its_quota
            of_twelve_images_at_once_no_more_come_than_the_quota_has_room_for
            those_who_keep_most_are_told
            claimed_images_come_in_the_order_asked_for
            claiming_again_for_the_same_holder_succeeds
            an_image_that_is_kept_stays_kept_when_claimed_again
            when_one_image_cannot_be_claimed_none_is
            of_twelve_claims_to_one_image_one_succeeds
            of_twelve_claims_to_the_same_images_one_gets_them_all
            only_who_claimed_an_image_keeps_it
            what_was_claimed_in_vain_is_free_again
            what_is_kept_is_not_freed
            an_image_expires_at_its_time_unless_it_is_kept
            an_expired_image_is_claimed_by_nobody
            what_a_barred_account_adds_is_refused
            a_removed_image_is_found_nowhere
            doomed_blobs_come_in_batches_until_they_are_forgotten
            blobs_that_are_not_doomed_are_not_forgotten
            images_of_an_account_are_listed_newest_first
        }
    };
}

const LATER: crate::Timestamp = crate::Timestamp::from_millis(NOW.millis() + 60_000);
const MILLISECOND: Duration = Duration::from_millis(1);

async fn uploaded(media: &Arc<dyn MediaStore>, account: UserId) -> Media {
    add(media, &sample::upload(account)).await
}

async fn add(media: &Arc<dyn MediaStore>, upload: &Upload) -> Media {
    upload.of(&media.add(upload, u64::MAX).await.unwrap())
}

/// An image of equal bytes, as somebody else uploads it.
fn equal(upload: &Upload) -> Upload {
    let BlobSet { digest, bytes, .. } = upload.blobs;
    Upload { blobs: BlobSet { digest, bytes, ..sample::blobs() }, ..sample::upload(sample::id()) }
}

async fn doomed(media: &Arc<dyn MediaStore>) -> Vec<DoomedBlobs> {
    media.doomed(None, 1000).await.unwrap()
}

async fn find(media: &Arc<dyn MediaStore>, image: MediaId) -> Option<Media> {
    media.find(image).await.unwrap()
}

fn a_post() -> Holder {
    Holder::Post(sample::id())
}

fn ids(images: &[Image]) -> Vec<MediaId> {
    images.iter().map(|image| image.id).collect()
}

pub async fn an_image_reads_back_as_it_was_added(Backend { media, .. }: Backend) {
    let plain = sample::upload(sample::id());
    let bare = BlobSet { variants: vec![], blurhash: String::new(), ..sample::blobs() };
    for upload in [plain.clone(), Upload { id: sample::id(), alt: String::new(), blobs: bare, ..plain }] {
        assert_eq!(media.add(&upload, u64::MAX).await.unwrap(), upload.blobs);

        assert_eq!(find(&media, upload.id).await, Some(upload.of(&upload.blobs)));
    }
    assert_eq!(find(&media, sample::id()).await, None);
}

pub async fn adding_the_same_image_again_changes_nothing(Backend { media, .. }: Backend) {
    let upload = sample::upload(sample::id());
    let image = add(&media, &upload).await;
    let holder = a_post();
    media.claim(upload.account, holder, &[upload.id], NOW, LATER).await.unwrap();

    let other = Upload { blobs: sample::blobs(), alt: String::new(), ..upload.clone() };
    for again in [upload.clone(), Upload { account: sample::id(), ..upload.clone() }, other] {
        assert_eq!(media.add(&again, u64::MAX).await.unwrap(), upload.blobs);
    }

    assert_eq!(find(&media, upload.id).await, Some(Media { holder: Some(holder), expires: Some(LATER), ..image }));
    assert_eq!(media.bytes_of(upload.account).await.unwrap(), 1_000_000);
    media.remove(&[upload.id]).await.unwrap();
    assert_eq!(doomed(&media).await, [(&upload.blobs).into()]);
}

pub async fn an_image_that_was_removed_may_be_added_again(Backend { media, .. }: Backend) {
    let upload = sample::upload(sample::id());
    add(&media, &upload).await;
    media.remove(&[upload.id]).await.unwrap();

    let again = Upload { blobs: BlobSet { digest: upload.blobs.digest, ..sample::blobs() }, ..upload.clone() };
    let image = add(&media, &again).await;

    assert_eq!(image, again.of(&again.blobs));
    assert_eq!(find(&media, upload.id).await, Some(image));
    assert_eq!(doomed(&media).await, [(&upload.blobs).into()]);
}

pub async fn images_of_equal_bytes_are_of_the_same_blobs(Backend { media, .. }: Backend) {
    let first = sample::upload(sample::id());
    let second = Upload { alt: "another".to_owned(), ..equal(&first) };
    let other = sample::upload(second.account);
    add(&media, &first).await;

    assert_eq!(media.add(&second, u64::MAX).await.unwrap(), first.blobs);
    assert_eq!(media.add(&other, u64::MAX).await.unwrap(), other.blobs);

    assert_eq!(find(&media, second.id).await, Some(second.of(&first.blobs)));
    assert_eq!(media.bytes_of(first.account).await.unwrap(), 1_000_000);
    assert_eq!(media.bytes_of(second.account).await.unwrap(), 2_000_000);
}

pub async fn of_twelve_equal_images_at_once_all_are_of_the_same_blobs(Backend { media, .. }: Backend) {
    let first = sample::upload(sample::id());
    let uploads: Vec<_> = (0..12).map(|_| equal(&first)).collect();

    let kept = at_once(uploads.iter().cloned().map(|upload| {
        let media = media.clone();
        async move { media.add(&upload, u64::MAX).await.unwrap() }
    }))
    .await;

    assert!(kept.iter().all(|blobs| *blobs == kept[0]), "{kept:?}");
    let (last, others) = uploads.split_last().unwrap();
    media.remove(&others.iter().map(|upload| upload.id).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(doomed(&media).await, []);
    media.remove(&[last.id]).await.unwrap();
    assert_eq!(doomed(&media).await, [(&kept[0]).into()]);
}

pub async fn blobs_stay_until_their_last_image_goes(Backend { media, .. }: Backend) {
    let first = sample::upload(sample::id());
    let second = equal(&first);
    add(&media, &first).await;
    let image = add(&media, &second).await;

    for _ in 0..2 {
        media.remove(&[first.id]).await.unwrap();
    }
    assert_eq!(doomed(&media).await, []);
    assert_eq!(find(&media, second.id).await, Some(image));
    assert_eq!(media.bytes_of(first.account).await.unwrap(), 0);

    let both = at_once([(); 2].map(|()| {
        let (media, id) = (media.clone(), second.id);
        async move { media.remove(&[id, id]).await.unwrap() }
    }));
    both.await;
    assert_eq!(doomed(&media).await, [(&first.blobs).into()]);
    assert_eq!(media.bytes_of(second.account).await.unwrap(), 0);
}

pub async fn doomed_blobs_are_never_used_again(Backend { media, .. }: Backend) {
    let first = sample::upload(sample::id());
    add(&media, &first).await;
    media.remove(&[first.id]).await.unwrap();

    let second = equal(&first);
    assert_eq!(media.add(&second, u64::MAX).await.unwrap(), second.blobs);

    assert_eq!(doomed(&media).await, [(&first.blobs).into()]);
    media.forget(first.blobs.stem).await.unwrap();
    assert_eq!(find(&media, second.id).await, Some(second.of(&second.blobs)));
}

pub async fn blobs_that_came_too_late_are_doomed_unless_an_image_is_of_them(Backend { media, .. }: Backend) {
    let (there, gone) = (sample::upload(sample::id()), sample::upload(sample::id()));
    add(&media, &there).await;
    add(&media, &gone).await;
    media.remove(&[gone.id]).await.unwrap();
    media.forget(gone.blobs.stem).await.unwrap();
    let later = equal(&gone);
    add(&media, &later).await;

    for _ in 0..2 {
        media.doom(&there.blobs).await.unwrap();
        media.doom(&gone.blobs).await.unwrap();
        media.doom(&later.blobs).await.unwrap();
    }

    assert_eq!(doomed(&media).await, [(&gone.blobs).into()]);
}

pub async fn equal_images_that_come_and_go_at_once_leave_what_is_counted(Backend { media, .. }: Backend) {
    const ROUNDS: usize = 12;
    let kinds = [sample::upload(sample::id()), sample::upload(sample::id())];
    let accounts: [UserId; 2] = sample::ids();

    let kept = at_once((0..6).map(|seed| {
        let (media, kinds) = (media.clone(), kinds.clone());
        async move {
            let (mut dice, mut mine) = (Dice::new(seed), Vec::<Upload>::new());
            for _ in 0..ROUNDS {
                if !mine.is_empty() && dice.below(2) == 0 {
                    let gone = mine.swap_remove(dice.below(mine.len()));
                    media.remove(&[gone.id]).await.unwrap();
                } else {
                    let upload = Upload { account: *dice.pick(&accounts), ..equal(dice.pick(&kinds)) };
                    media.add(&upload, u64::MAX).await.unwrap();
                    mine.push(upload);
                }
            }
            mine
        }
    }))
    .await
    .concat();

    for account in accounts {
        let theirs = kept.iter().filter(|upload| upload.account == account).count() as u64;
        assert_eq!(media.bytes_of(account).await.unwrap(), theirs * 1_000_000);
    }
    let mut live = Vec::new();
    for upload in &kept {
        live.push(find(&media, upload.id).await.unwrap().image.location);
    }
    live.sort();
    live.dedup();
    assert!(live.len() <= kinds.len(), "{live:?}");
    let gone = |doomed: &[DoomedBlobs]| doomed.iter().any(|blobs| live.contains(&blobs.names[0]));
    assert!(!gone(&doomed(&media).await));
    media.remove(&kept.iter().map(|upload| upload.id).collect::<Vec<_>>()).await.unwrap();
    let doomed = doomed(&media).await;
    assert!(live.iter().all(|name| doomed.iter().any(|blobs| blobs.names[0] == *name)));
}

pub async fn an_account_keeps_no_more_than_its_quota(Backend { media, .. }: Backend) {
    let account = sample::id();
    let uploads: Vec<_> = (0..3).map(|_| sample::upload(account)).collect();
    let over = ("over quota", "media_quota_exceeded".to_owned());
    assert_eq!(refusal(media.add(&uploads[0], 999_999).await), over);
    media.add(&uploads[0], 2_000_000).await.unwrap();
    media.add(&uploads[1], 2_000_000).await.unwrap();

    let shared = Upload { account, ..equal(&uploads[0]) };
    for refused in [&uploads[2], &shared] {
        assert_eq!(refusal(media.add(refused, 2_999_999).await), over);
        assert_eq!(find(&media, refused.id).await, None);
    }

    assert_eq!(doomed(&media).await, []);
    assert_eq!(media.bytes_of(account).await.unwrap(), 2_000_000);
    media.add(&uploads[1], 0).await.unwrap();
    uploaded(&media, sample::id()).await;
    media.remove(&[uploads[0].id]).await.unwrap();
    media.add(&shared, 2_000_000).await.unwrap();
}

pub async fn of_twelve_images_at_once_no_more_come_than_the_quota_has_room_for(Backend { media, .. }: Backend) {
    let account = sample::id();

    let added = at_once((0..12).map(|_| {
        let media = media.clone();
        async move { media.add(&sample::upload(account), 5_500_000).await.is_ok() }
    }))
    .await;

    assert_eq!(added.iter().filter(|added| **added).count(), 5);
    assert_eq!(media.bytes_of(account).await.unwrap(), 5_000_000);
}

pub async fn those_who_keep_most_are_told(Backend { media, .. }: Backend) {
    let [one, two, three, none]: [UserId; 4] = sample::ids();
    for account in [one, two, two, three, three, three] {
        uploaded(&media, account).await;
    }
    let gone = uploaded(&media, none).await;
    media.remove(&[gone.image.id]).await.unwrap();

    assert_eq!(media.heaviest(10).await.unwrap(), [(three, 3_000_000), (two, 2_000_000), (one, 1_000_000)]);
    assert_eq!(media.heaviest(1).await.unwrap(), [(three, 3_000_000)]);
}

pub async fn claimed_images_come_in_the_order_asked_for(Backend { media, .. }: Backend) {
    let account = sample::id();
    let [first, second, third] =
        [uploaded(&media, account).await, uploaded(&media, account).await, uploaded(&media, account).await];
    let asked = [second.image.id, third.image.id, first.image.id];
    let holder = a_post();

    let images = media.claim(account, holder, &asked, NOW, LATER).await.unwrap();

    assert_eq!(images, [second.image, third.image, first.image.clone()]);
    let claimed = Media { holder: Some(holder), expires: Some(LATER), ..first };
    assert_eq!(find(&media, claimed.image.id).await, Some(claimed));
    assert_eq!(media.claim(account, holder, &[], NOW, LATER).await.unwrap(), []);
}

pub async fn claiming_again_for_the_same_holder_succeeds(Backend { media, .. }: Backend) {
    let upload = uploaded(&media, sample::id()).await;
    let holder = Holder::Profile(upload.account);
    media.claim(upload.account, holder, &[upload.image.id], NOW, NOW + MILLISECOND).await.unwrap();

    let again = media.claim(upload.account, holder, &[upload.image.id], NOW, LATER).await.unwrap();

    assert_eq!(again, std::slice::from_ref(&upload.image));
    assert_eq!(find(&media, upload.image.id).await.unwrap().expires, Some(LATER));
}

pub async fn an_image_that_is_kept_stays_kept_when_claimed_again(Backend { media, .. }: Backend) {
    let upload = uploaded(&media, sample::id()).await;
    let holder = a_post();
    media.claim(upload.account, holder, &[upload.image.id], NOW, NOW + MILLISECOND).await.unwrap();
    media.keep(holder, &[upload.image.id]).await.unwrap();

    let again = media.claim(upload.account, holder, &[upload.image.id], NOW, LATER).await.unwrap();

    assert_eq!(again, std::slice::from_ref(&upload.image));
    assert_eq!(find(&media, upload.image.id).await.unwrap().expires, None);
}

pub async fn when_one_image_cannot_be_claimed_none_is(Backend { media, .. }: Backend) {
    let account = sample::id();
    let free = uploaded(&media, account).await;
    let foreign = uploaded(&media, sample::id()).await;
    let (taken, kept) = (uploaded(&media, account).await, uploaded(&media, account).await);
    let gone = uploaded(&media, account).await;
    let holder = a_post();
    media.claim(account, holder, &[taken.image.id, kept.image.id], NOW, LATER).await.unwrap();
    media.keep(holder, &[kept.image.id]).await.unwrap();
    media.remove(&[gone.image.id]).await.unwrap();

    for bad in [sample::id(), foreign.image.id, taken.image.id, kept.image.id, gone.image.id] {
        for asked in [[free.image.id, bad], [bad, free.image.id]] {
            assert_eq!(media.claim(account, a_post(), &asked, NOW, LATER).await.unwrap(), []);
        }
    }

    assert_eq!(find(&media, free.image.id).await, Some(free));
    assert_eq!(find(&media, foreign.image.id).await, Some(foreign));
    assert_eq!(find(&media, taken.image.id).await.unwrap().holder, Some(holder));
}

pub async fn of_twelve_claims_to_one_image_one_succeeds(Backend { media, .. }: Backend) {
    let upload = uploaded(&media, sample::id()).await;

    assert_one_claim(&media, upload.account, vec![vec![upload.image.id]; 12]).await;
}

pub async fn of_twelve_claims_to_the_same_images_one_gets_them_all(Backend { media, .. }: Backend) {
    let account = sample::id();
    let mut images = Vec::new();
    for _ in 0..4 {
        images.push(uploaded(&media, account).await.image.id);
    }
    let mut dice = Dice::new(3);

    assert_one_claim(&media, account, (0..12).map(|_| dice.shuffled(&images)).collect()).await;
}

async fn assert_one_claim(media: &Arc<dyn MediaStore>, account: UserId, asked: Vec<Vec<MediaId>>) {
    let claimed = at_once(asked.into_iter().map(|asked| {
        let (media, holder) = (media.clone(), a_post());
        async move {
            let images = media.claim(account, holder, &asked, NOW, LATER).await.unwrap();
            (holder, asked, ids(&images))
        }
    }))
    .await;

    let (winners, losers): (Vec<_>, Vec<_>) = claimed.into_iter().partition(|(_, _, got)| !got.is_empty());
    let [(holder, asked, got)] = &winners[..] else { panic!("{} got something", winners.len()) };
    assert_eq!(got, asked);
    assert_eq!(losers.len(), 11);
    for image in got {
        assert_eq!(find(media, *image).await.unwrap().holder, Some(*holder));
    }
}

pub async fn only_who_claimed_an_image_keeps_it(Backend { media, .. }: Backend) {
    let account = sample::id();
    let (mine, theirs, free) =
        (uploaded(&media, account).await, uploaded(&media, account).await, uploaded(&media, account).await);
    let (holder, other) = (a_post(), a_post());
    media.claim(account, holder, &[mine.image.id], NOW, LATER).await.unwrap();
    media.claim(account, other, &[theirs.image.id], NOW, LATER).await.unwrap();

    let all = [mine.image.id, theirs.image.id, free.image.id, sample::id()];
    for _ in 0..2 {
        media.keep(holder, &all).await.unwrap();
    }

    assert_eq!(find(&media, mine.image.id).await, Some(Media { holder: Some(holder), expires: None, ..mine }));
    let claimed = Media { holder: Some(other), expires: Some(LATER), ..theirs };
    assert_eq!(find(&media, claimed.image.id).await, Some(claimed));
    assert_eq!(find(&media, free.image.id).await, Some(free));
}

pub async fn what_was_claimed_in_vain_is_free_again(Backend { media, .. }: Backend) {
    let account = sample::id();
    let (freed, others) = (uploaded(&media, account).await, uploaded(&media, account).await);
    let (holder, other) = (a_post(), a_post());
    media.claim(account, holder, &[freed.image.id], NOW, LATER).await.unwrap();
    media.claim(account, other, &[others.image.id], NOW, LATER).await.unwrap();

    media.unclaim(holder).await.unwrap();

    let found = find(&media, freed.image.id).await.unwrap();
    assert_eq!(found.holder, None);
    assert!(found.expires.is_some());
    assert_eq!(find(&media, others.image.id).await.unwrap().holder, Some(other));
    assert_eq!(media.claim(account, a_post(), &[freed.image.id], NOW, LATER).await.unwrap(), [freed.image]);
}

pub async fn what_is_kept_is_not_freed(Backend { media, .. }: Backend) {
    let upload = uploaded(&media, sample::id()).await;
    let holder = a_post();
    media.claim(upload.account, holder, &[upload.image.id], NOW, LATER).await.unwrap();
    media.keep(holder, &[upload.image.id]).await.unwrap();

    media.unclaim(holder).await.unwrap();

    let kept = Media { holder: Some(holder), expires: None, ..upload };
    assert_eq!(find(&media, kept.image.id).await, Some(kept));
}

pub async fn an_image_expires_at_its_time_unless_it_is_kept(Backend { media, .. }: Backend) {
    let account = sample::id();
    let (free, claimed, kept) =
        (uploaded(&media, account).await, uploaded(&media, account).await, uploaded(&media, account).await);
    let end = free.expires.unwrap();
    let (holder, keeper) = (a_post(), a_post());
    media.claim(account, holder, &[claimed.image.id], NOW, end + MILLISECOND).await.unwrap();
    media.claim(account, keeper, &[kept.image.id], NOW, end).await.unwrap();
    media.keep(keeper, &[kept.image.id]).await.unwrap();

    assert_eq!(media.expired(end - MILLISECOND, 10).await.unwrap(), []);
    assert_eq!(media.expired(end, 10).await.unwrap(), std::slice::from_ref(&free));
    let mut both = media.expired(end + MILLISECOND, 10).await.unwrap();
    both.sort_by_key(|media| media.image.id);
    let claimed = Media { holder: Some(holder), expires: Some(end + MILLISECOND), ..claimed };
    assert_eq!(both, [free, claimed]);
    assert_eq!(media.expired(end + MILLISECOND, 1).await.unwrap().len(), 1);
}

pub async fn an_expired_image_is_claimed_by_nobody(Backend { media, .. }: Backend) {
    let (upload, kept) = (uploaded(&media, sample::id()).await, uploaded(&media, sample::id()).await);
    let (end, keeper) = (upload.expires.unwrap(), a_post());
    media.claim(kept.account, keeper, &[kept.image.id], NOW, end).await.unwrap();
    media.keep(keeper, &[kept.image.id]).await.unwrap();

    assert_eq!(media.claim(upload.account, a_post(), &[upload.image.id], end, LATER).await.unwrap(), []);

    assert_eq!(find(&media, upload.image.id).await, Some(upload));
    assert_eq!(media.claim(kept.account, keeper, &[kept.image.id], end, LATER).await.unwrap(), [kept.image]);
}

pub async fn what_a_barred_account_adds_is_refused(Backend { media, .. }: Backend) {
    let upload = sample::upload(sample::id());
    for _ in 0..2 {
        media.bar(upload.account).await.unwrap();
    }

    assert_eq!(refusal(media.add(&upload, u64::MAX).await), ("unauthenticated", "account_deleted".to_owned()));

    assert_eq!(find(&media, upload.id).await, None);
    uploaded(&media, sample::id()).await;
}

pub async fn a_removed_image_is_found_nowhere(Backend { media, .. }: Backend) {
    let account = sample::id();
    let (free, claimed, kept) =
        (uploaded(&media, account).await, uploaded(&media, account).await, uploaded(&media, account).await);
    let (holder, keeper) = (a_post(), a_post());
    media.claim(account, holder, &[claimed.image.id], NOW, LATER).await.unwrap();
    media.claim(account, keeper, &[kept.image.id], NOW, LATER).await.unwrap();
    media.keep(keeper, &[kept.image.id]).await.unwrap();
    let all = [free.image, claimed.image, kept.image];

    for _ in 0..2 {
        media.remove(&[all[0].id, sample::id(), all[1].id, all[2].id]).await.unwrap();
    }
    media.keep(holder, &[all[1].id]).await.unwrap();
    media.unclaim(holder).await.unwrap();

    for image in ids(&all) {
        assert_eq!(find(&media, image).await, None);
    }
    assert_list(&[], |page| media.of_account(account, page)).await;
    assert_eq!(media.expired(NOW + sample::DAY * 9, 10).await.unwrap(), []);
    assert_eq!(media.claim(account, holder, &[all[1].id], NOW, LATER).await.unwrap(), []);
    let mut doomed: Vec<_> = doomed(&media).await.into_iter().flat_map(|blobs| blobs.names).collect();
    doomed.sort();
    let mut names: Vec<_> = all.iter().flat_map(Image::names).collect();
    names.sort_unstable();
    assert_eq!(doomed, names);
}

pub async fn doomed_blobs_come_in_batches_until_they_are_forgotten(Backend { media, .. }: Backend) {
    let account = sample::id();
    let uploads: Vec<_> = (0..5).map(|_| sample::upload(account)).collect();
    for upload in &uploads {
        add(&media, upload).await;
    }
    let spared = uploaded(&media, account).await;
    media.remove(&uploads.iter().map(|upload| upload.id).collect::<Vec<_>>()).await.unwrap();

    let mut gone = Vec::new();
    loop {
        let batch = media.doomed(None, 2).await.unwrap();
        assert!(batch.len() <= 2);
        let rest = media.doomed(batch.last().map(|blobs| blobs.stem), 10).await.unwrap();
        assert_eq!(rest.len() + batch.len() + gone.len(), 5);
        if batch.is_empty() {
            break;
        }
        for blobs in batch {
            media.forget(blobs.stem).await.unwrap();
            media.forget(blobs.stem).await.unwrap();
            gone.push(blobs);
        }
    }

    assert_eq!(gone, uploads.iter().map(|upload| (&upload.blobs).into()).collect::<Vec<_>>());
    assert_list(&[spared], |page| media.of_account(account, page)).await;
}

pub async fn blobs_that_are_not_doomed_are_not_forgotten(Backend { media, .. }: Backend) {
    let upload = sample::upload(sample::id());
    let image = add(&media, &upload).await;

    media.forget(upload.blobs.stem).await.unwrap();

    assert_eq!(find(&media, upload.id).await, Some(image));
    media.remove(&[upload.id]).await.unwrap();
    assert_eq!(doomed(&media).await, [(&upload.blobs).into()]);
}

pub async fn images_of_an_account_are_listed_newest_first(Backend { media, .. }: Backend) {
    let account = sample::id();
    let all: Vec<_> = (0..10).map(|_| sample::upload(account)).collect();
    for upload in Dice::new(4).shuffled(&all) {
        add(&media, &upload).await;
        uploaded(&media, sample::id()).await;
    }

    let images = all.iter().map(|upload| upload.of(&upload.blobs));
    assert_list(&newest_first(images), |page| media.of_account(account, page)).await;
    assert_list(&[], |page| media.of_account(sample::id(), page)).await;
}
