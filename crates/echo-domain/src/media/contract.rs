//! What every [`MediaStore`] must do.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::{sync::Arc, time::Duration};

use crate::{
    MediaId, UserId,
    contract::{Backend, Dice, assert_list, at_once, newest_first, refusal, sample, sample::NOW},
};

use super::{Holder, Image, Media, MediaStore};

#[macro_export]
macro_rules! media_store_contract {
    ($fresh:path) => {
        $crate::contract_tests! { $fresh, $crate::media::contract;
            an_image_reads_back_as_it_was_added
            adding_the_same_image_again_changes_nothing
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
            a_doomed_image_is_found_nowhere_else
            doomed_images_come_in_batches_until_they_are_forgotten
            an_image_that_is_not_doomed_is_not_forgotten
            images_of_an_account_are_listed_newest_first
        }
    };
}

const LATER: crate::Timestamp = crate::Timestamp::from_millis(NOW.millis() + 60_000);
const MILLISECOND: Duration = Duration::from_millis(1);

async fn uploaded(media: &Arc<dyn MediaStore>, account: UserId) -> Media {
    let upload = sample::media(account);
    media.add(&upload).await.unwrap();
    upload
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
    let plain = sample::media(sample::id());
    let bare = Image { alt: String::new(), variants: vec![], ..sample::image() };
    let account: UserId = sample::id();
    for upload in [
        plain.clone(),
        Media { image: bare, holder: Some(a_post()), ..plain.clone() },
        Media { image: sample::image(), account, holder: Some(Holder::Profile(account)), expires: None },
    ] {
        media.add(&upload).await.unwrap();

        assert_eq!(find(&media, upload.image.id).await, Some(upload));
    }
    assert_eq!(find(&media, sample::id()).await, None);
}

pub async fn adding_the_same_image_again_changes_nothing(Backend { media, .. }: Backend) {
    let upload = uploaded(&media, sample::id()).await;
    let holder = a_post();
    media.claim(upload.account, holder, &[upload.image.id], NOW, LATER).await.unwrap();

    media.add(&Media { account: sample::id(), ..upload.clone() }).await.unwrap();

    let claimed = Media { holder: Some(holder), expires: Some(LATER), ..upload };
    assert_eq!(find(&media, claimed.image.id).await, Some(claimed));
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
    let doomed = uploaded(&media, account).await;
    let holder = a_post();
    media.claim(account, holder, &[taken.image.id, kept.image.id], NOW, LATER).await.unwrap();
    media.keep(holder, &[kept.image.id]).await.unwrap();
    media.doom(&[doomed.image.id]).await.unwrap();

    for bad in [sample::id(), foreign.image.id, taken.image.id, kept.image.id, doomed.image.id] {
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
    let upload = sample::media(sample::id());
    for _ in 0..2 {
        media.bar(upload.account).await.unwrap();
    }

    assert_eq!(refusal(media.add(&upload).await), ("unauthenticated", "account_deleted".to_owned()));

    assert_eq!(find(&media, upload.image.id).await, None);
    uploaded(&media, sample::id()).await;
}

pub async fn a_doomed_image_is_found_nowhere_else(Backend { media, .. }: Backend) {
    let account = sample::id();
    let (free, claimed, kept) =
        (uploaded(&media, account).await, uploaded(&media, account).await, uploaded(&media, account).await);
    let (holder, keeper) = (a_post(), a_post());
    media.claim(account, holder, &[claimed.image.id], NOW, LATER).await.unwrap();
    media.claim(account, keeper, &[kept.image.id], NOW, LATER).await.unwrap();
    media.keep(keeper, &[kept.image.id]).await.unwrap();
    let all = [free.image.clone(), claimed.image.clone(), kept.image.clone()];

    for _ in 0..2 {
        media.doom(&[free.image.id, sample::id(), claimed.image.id, kept.image.id]).await.unwrap();
    }
    media.keep(holder, &[claimed.image.id]).await.unwrap();
    media.unclaim(holder).await.unwrap();
    media.add(&free).await.unwrap();

    for image in ids(&all) {
        assert_eq!(find(&media, image).await, None);
    }
    assert_list(&[], |page| media.of_account(account, page)).await;
    assert_eq!(media.expired(NOW + sample::DAY * 9, 10).await.unwrap(), []);
    assert_eq!(media.claim(account, holder, &[claimed.image.id], NOW, LATER).await.unwrap(), []);
    let mut doomed = media.doomed(None, 10).await.unwrap();
    doomed.sort_by_key(|image| image.id);
    assert_eq!(doomed, all);
}

pub async fn doomed_images_come_in_batches_until_they_are_forgotten(Backend { media, .. }: Backend) {
    let account = sample::id();
    let mut images = Vec::new();
    for _ in 0..5 {
        images.push(uploaded(&media, account).await.image.id);
    }
    let spared = uploaded(&media, account).await;
    media.doom(&images).await.unwrap();

    let mut gone = Vec::new();
    loop {
        let batch = media.doomed(None, 2).await.unwrap();
        assert!(batch.len() <= 2);
        assert_eq!(
            media.doomed(batch.last().map(|image| image.id), 10).await.unwrap().len() + batch.len() + gone.len(),
            5
        );
        if batch.is_empty() {
            break;
        }
        for image in batch {
            media.forget(image.id).await.unwrap();
            media.forget(image.id).await.unwrap();
            gone.push(image.id);
        }
    }

    gone.sort();
    assert_eq!(gone, images);
    assert_list(&[spared], |page| media.of_account(account, page)).await;
}

pub async fn an_image_that_is_not_doomed_is_not_forgotten(Backend { media, .. }: Backend) {
    let upload = uploaded(&media, sample::id()).await;

    media.forget(upload.image.id).await.unwrap();

    assert_eq!(find(&media, upload.image.id).await, Some(upload));
}

pub async fn images_of_an_account_are_listed_newest_first(Backend { media, .. }: Backend) {
    let account = sample::id();
    let all: Vec<_> = (0..10).map(|_| sample::media(account)).collect();
    for upload in Dice::new(4).shuffled(&all) {
        media.add(&upload).await.unwrap();
        uploaded(&media, sample::id()).await;
    }

    assert_list(&newest_first(all), |page| media.of_account(account, page)).await;
    assert_list(&[], |page| media.of_account(sample::id(), page)).await;
}
