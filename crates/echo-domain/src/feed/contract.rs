//! What every [`TimelineStore`] must do.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::sync::Arc;

use crate::{
    PostId, RawId, UserId,
    contract::{Dice, at_once, newest_first, sample},
};

use super::{Timeline, TimelineStore};

/// `$fresh` is an async fn returning an empty `Arc<dyn TimelineStore>`, with room for a thousand timelines, and a guard.
#[macro_export]
macro_rules! timeline_store_contract {
    ($fresh:path) => {
        $crate::contract_tests! { $fresh, $crate::feed::contract;
            who_has_no_timeline_gets_none_by_a_push
            a_timeline_is_read_once_it_is_filled
            every_version_reads_back
            a_push_reaches_those_who_have_a_timeline
            a_push_reaches_a_thousand_at_once
            a_push_while_a_timeline_is_made_is_kept
            what_is_pushed_twice_or_gathered_too_is_there_once
            posts_are_newest_first_in_whatever_order_they_come
            a_timeline_begun_anew_has_nothing_of_the_old
            filling_is_refused_when_another_was_begun
            filling_is_refused_when_it_is_forgotten
            a_forgotten_timeline_is_gone_for_its_owner_alone
            a_push_beyond_the_limit_drops_the_oldest
            of_more_gathered_than_the_limit_the_newest_are_kept
            what_is_pushed_and_gathered_together_keeps_the_limit
            a_post_older_than_all_kept_is_added_when_there_is_no_more
            a_post_older_than_all_kept_is_left_out_when_there_is_more
            a_push_older_than_all_gathered_goes_when_there_is_more
            pushes_at_once_are_each_kept
            pushes_while_it_is_filled_are_kept
            of_twelve_who_begin_at_once_one_fills
            any_sequence_is_as_a_plain_list_has_it
        }
    };
}

type Timelines = Arc<dyn TimelineStore>;

const VERSION: u64 = 7;

/// Begins and fills a timeline.
async fn make(timelines: &Timelines, owner: UserId, posts: &[PostId], more: bool) {
    let making = sample::id();
    timelines.begin(owner, making, VERSION).await.unwrap();
    assert!(timelines.fill(owner, making, posts, more).await.unwrap());
}

async fn push(timelines: &Timelines, owner: UserId, post: PostId) -> bool {
    timelines.push(&[owner], post).await.unwrap() == 1
}

async fn assert_kept(timelines: &Timelines, owner: UserId, posts: &[PostId], more: bool) {
    let expected = Timeline { version: VERSION, posts: posts.to_vec(), more };
    assert_eq!(timelines.read(owner).await.unwrap(), Some(expected));
}

/// So many posts, newest first.
fn posts<const N: usize>() -> Vec<PostId> {
    newest_first(sample::ids::<PostId, N>())
}

pub async fn who_has_no_timeline_gets_none_by_a_push(timelines: Timelines) {
    let owner = sample::id();

    assert!(!push(&timelines, owner, sample::id()).await);
    assert_eq!(timelines.push(&[], sample::id()).await.unwrap(), 0);
    timelines.forget(owner).await.unwrap();

    assert_eq!(timelines.read(owner).await.unwrap(), None);
}

pub async fn a_timeline_is_read_once_it_is_filled(timelines: Timelines) {
    let [empty, full]: [UserId; 2] = sample::ids();
    let posts = posts::<3>();
    for (owner, posts, more) in [(empty, &[][..], false), (full, &posts, true)] {
        let making = sample::id();
        timelines.begin(owner, making, VERSION).await.unwrap();
        assert_eq!(timelines.read(owner).await.unwrap(), None);

        assert!(timelines.fill(owner, making, posts, more).await.unwrap());

        for _ in 0..2 {
            assert_kept(&timelines, owner, posts, more).await;
        }
    }
}

pub async fn every_version_reads_back(timelines: Timelines) {
    let owner = sample::id();
    for version in [0, 1, 1 << 53 | 1, i64::MAX.unsigned_abs() + 1, u64::MAX] {
        let making = sample::id();
        timelines.begin(owner, making, version).await.unwrap();
        timelines.fill(owner, making, &[], false).await.unwrap();

        assert_eq!(timelines.read(owner).await.unwrap().unwrap().version, version);
    }
}

pub async fn a_push_reaches_those_who_have_a_timeline(timelines: Timelines) {
    let [ana, ben, absent, bystander]: [UserId; 4] = sample::ids();
    for owner in [ana, ben, bystander] {
        make(&timelines, owner, &[], false).await;
    }
    let post = sample::id();

    assert_eq!(timelines.push(&[ana, absent, ben], post).await.unwrap(), 2);

    assert_kept(&timelines, ana, &[post], false).await;
    assert_kept(&timelines, ben, &[post], false).await;
    assert_kept(&timelines, bystander, &[], false).await;
    assert_eq!(timelines.read(absent).await.unwrap(), None);
}

pub async fn a_push_reaches_a_thousand_at_once(timelines: Timelines) {
    let owners: [UserId; 1000] = sample::ids();
    for owner in owners {
        make(&timelines, owner, &[], false).await;
    }
    let post = sample::id();

    assert_eq!(timelines.push(&owners, post).await.unwrap(), owners.len());

    for owner in owners {
        assert_kept(&timelines, owner, &[post], false).await;
    }
}

pub async fn a_push_while_a_timeline_is_made_is_kept(timelines: Timelines) {
    let (owner, making) = (sample::id(), sample::id());
    let [old, new]: [PostId; 2] = sample::ids();
    timelines.begin(owner, making, VERSION).await.unwrap();

    assert!(push(&timelines, owner, new).await);
    assert!(timelines.fill(owner, making, &[old], false).await.unwrap());

    assert_kept(&timelines, owner, &[new, old], false).await;
}

pub async fn what_is_pushed_twice_or_gathered_too_is_there_once(timelines: Timelines) {
    let (owner, making) = (sample::id(), sample::id());
    let posts = posts::<3>();
    timelines.begin(owner, making, VERSION).await.unwrap();
    for post in [posts[0], posts[1], posts[0]] {
        assert!(push(&timelines, owner, post).await);
    }

    timelines.fill(owner, making, &posts[1..], false).await.unwrap();
    for post in &posts {
        assert!(push(&timelines, owner, *post).await);
    }

    assert_kept(&timelines, owner, &posts, false).await;
}

pub async fn posts_are_newest_first_in_whatever_order_they_come(timelines: Timelines) {
    let (owner, making) = (sample::id(), sample::id());
    let posts = posts::<20>();
    let (meanwhile, rest) = posts.split_at(5);
    let (gathered, later) = rest.split_at(5);
    let mut dice = Dice::new(1);
    timelines.begin(owner, making, VERSION).await.unwrap();
    for post in dice.shuffled(meanwhile) {
        push(&timelines, owner, post).await;
    }

    timelines.fill(owner, making, gathered, false).await.unwrap();
    for post in dice.shuffled(later) {
        push(&timelines, owner, post).await;
    }

    assert_kept(&timelines, owner, &posts, false).await;
}

pub async fn a_timeline_begun_anew_has_nothing_of_the_old(timelines: Timelines) {
    let owner = sample::id();
    make(&timelines, owner, &posts::<2>(), true).await;
    let making = sample::id();

    timelines.begin(owner, making, VERSION + 1).await.unwrap();

    assert_eq!(timelines.read(owner).await.unwrap(), None);
    let post = sample::id();
    assert!(timelines.fill(owner, making, &[post], false).await.unwrap());
    let anew = Timeline { version: VERSION + 1, posts: vec![post], more: false };
    assert_eq!(timelines.read(owner).await.unwrap(), Some(anew));
}

pub async fn filling_is_refused_when_another_was_begun(timelines: Timelines) {
    let owner = sample::id();
    let [first, second]: [RawId; 2] = sample::ids();
    let [stale, post]: [PostId; 2] = sample::ids();
    timelines.begin(owner, first, VERSION - 1).await.unwrap();
    timelines.begin(owner, second, VERSION).await.unwrap();

    assert!(!timelines.fill(owner, first, &[stale], true).await.unwrap());
    assert_eq!(timelines.read(owner).await.unwrap(), None);
    assert!(timelines.fill(owner, second, &[post], false).await.unwrap());
    assert!(!timelines.fill(owner, first, &[stale], true).await.unwrap());

    assert_kept(&timelines, owner, &[post], false).await;
}

pub async fn filling_is_refused_when_it_is_forgotten(timelines: Timelines) {
    let (owner, making) = (sample::id(), sample::id());
    assert!(!timelines.fill(owner, making, &[], false).await.unwrap());
    timelines.begin(owner, making, VERSION).await.unwrap();
    timelines.forget(owner).await.unwrap();

    assert!(!push(&timelines, owner, sample::id()).await);
    assert!(!timelines.fill(owner, making, &[sample::id()], false).await.unwrap());

    assert_eq!(timelines.read(owner).await.unwrap(), None);
}

pub async fn a_forgotten_timeline_is_gone_for_its_owner_alone(timelines: Timelines) {
    let [ana, ben]: [UserId; 2] = sample::ids();
    let posts = posts::<2>();
    for owner in [ana, ben] {
        make(&timelines, owner, &posts, false).await;
    }

    timelines.forget(ana).await.unwrap();

    assert_eq!(timelines.read(ana).await.unwrap(), None);
    assert_kept(&timelines, ben, &posts, false).await;
}

pub async fn a_push_beyond_the_limit_drops_the_oldest(timelines: Timelines) {
    let owner = sample::id();
    let kept = posts::<{ Timeline::MAX }>();
    make(&timelines, owner, &kept, false).await;
    let [new, newest]: [PostId; 2] = sample::ids();

    for post in [newest, new, newest] {
        assert!(push(&timelines, owner, post).await);
    }

    let left = [&[newest, new], &kept[..Timeline::MAX - 2]].concat();
    assert_kept(&timelines, owner, &left, true).await;
}

pub async fn of_more_gathered_than_the_limit_the_newest_are_kept(timelines: Timelines) {
    let owner = sample::id();
    let posts = posts::<{ Timeline::MAX + 3 }>();

    make(&timelines, owner, &posts, false).await;

    assert_kept(&timelines, owner, &posts[..Timeline::MAX], true).await;
}

pub async fn what_is_pushed_and_gathered_together_keeps_the_limit(timelines: Timelines) {
    const PUSHED: usize = Timeline::MAX - 1;
    let (owner, making) = (sample::id(), sample::id());
    let posts = posts::<{ PUSHED + 3 }>();
    timelines.begin(owner, making, VERSION).await.unwrap();
    for post in &posts[..PUSHED] {
        push(&timelines, owner, *post).await;
    }

    timelines.fill(owner, making, &posts[PUSHED..], false).await.unwrap();

    assert_kept(&timelines, owner, &posts[..Timeline::MAX], true).await;
}

pub async fn a_post_older_than_all_kept_is_added_when_there_is_no_more(timelines: Timelines) {
    let owner = sample::id();
    let posts = posts::<3>();
    make(&timelines, owner, &posts[..2], false).await;

    assert!(push(&timelines, owner, posts[2]).await);

    assert_kept(&timelines, owner, &posts, false).await;
}

/// Between the last and this one there may be others, and nobody would see that they are missing.
pub async fn a_post_older_than_all_kept_is_left_out_when_there_is_more(timelines: Timelines) {
    let [ana, ben]: [UserId; 2] = sample::ids();
    let posts = posts::<{ Timeline::MAX + 1 }>();
    make(&timelines, ana, &posts[..2], true).await;
    make(&timelines, ben, &posts[..Timeline::MAX], false).await;

    assert_eq!(timelines.push(&[ana, ben], posts[Timeline::MAX]).await.unwrap(), 0);

    assert_kept(&timelines, ana, &posts[..2], true).await;
    assert_kept(&timelines, ben, &posts[..Timeline::MAX], true).await;
}

pub async fn a_push_older_than_all_gathered_goes_when_there_is_more(timelines: Timelines) {
    let posts = posts::<4>();
    for (gathered, more, kept) in [(2, true, 3), (2, false, 4), (0, true, 0), (0, false, 2)] {
        let (owner, making) = (sample::id(), sample::id());
        timelines.begin(owner, making, VERSION).await.unwrap();
        for post in [posts[0], posts[3]] {
            push(&timelines, owner, post).await;
        }

        timelines.fill(owner, making, &posts[1..=gathered], more).await.unwrap();

        let expected = if kept == 2 { vec![posts[0], posts[3]] } else { posts[..kept].to_vec() };
        assert_kept(&timelines, owner, &expected, more).await;
    }
}

pub async fn pushes_at_once_are_each_kept(timelines: Timelines) {
    let owner = sample::id();
    make(&timelines, owner, &[], false).await;
    let posts = posts::<50>();

    at_once([&posts[..], &posts].concat().into_iter().map(|post| {
        let timelines = timelines.clone();
        async move { assert!(push(&timelines, owner, post).await) }
    }))
    .await;

    assert_kept(&timelines, owner, &posts, false).await;
}

pub async fn pushes_while_it_is_filled_are_kept(timelines: Timelines) {
    let (owner, making) = (sample::id(), sample::id());
    let posts = posts::<40>();
    timelines.begin(owner, making, VERSION).await.unwrap();
    let filling = {
        let (timelines, gathered) = (timelines.clone(), posts[20..].to_vec());
        async move { timelines.fill(owner, making, &gathered, false).await.unwrap() }
    };

    let filling = tokio::spawn(filling);
    at_once(posts[..20].iter().copied().map(|post| {
        let timelines = timelines.clone();
        async move { assert!(push(&timelines, owner, post).await) }
    }))
    .await;

    assert!(filling.await.unwrap());
    assert_kept(&timelines, owner, &posts, false).await;
}

pub async fn of_twelve_who_begin_at_once_one_fills(timelines: Timelines) {
    let owner = sample::id();
    let begun = at_once(sample::ids::<RawId, 12>().map(|making| {
        let timelines = timelines.clone();
        async move {
            timelines.begin(owner, making, VERSION).await.unwrap();
            making
        }
    }))
    .await;

    let filled = at_once(begun.into_iter().map(|making| {
        let timelines = timelines.clone();
        async move {
            let post = PostId(making);
            timelines.fill(owner, making, &[post], false).await.unwrap().then_some(post)
        }
    }))
    .await;

    let filled: Vec<_> = filled.into_iter().flatten().collect();
    assert_eq!(filled.len(), 1);
    assert_kept(&timelines, owner, &filled, false).await;
}

/// Against a list that is put in order and cut after each step.
pub async fn any_sequence_is_as_a_plain_list_has_it(timelines: Timelines) {
    let mut dice = Dice::new(4);
    for _ in 0..10 {
        let (owner, making) = (sample::id(), sample::id());
        let all = dice.shuffled(&posts::<{ Timeline::MAX + 40 }>());
        let (meanwhile, rest) = all.split_at(dice.below(30));
        let (gathered, later) = rest.split_at(dice.below(rest.len()));
        let more = dice.below(2) == 0 && !gathered.is_empty();
        let mut expected = Timeline { version: VERSION, posts: Vec::new(), more: false };

        timelines.begin(owner, making, VERSION).await.unwrap();
        for post in meanwhile {
            push(&timelines, owner, *post).await;
        }
        let oldest = if more { gathered.iter().min() } else { None };
        let kept = meanwhile.iter().filter(|post| oldest.is_none_or(|oldest| *post > oldest));
        expected.posts = kept.chain(gathered).copied().collect();
        expected.more = more;
        keep_newest(&mut expected);
        timelines.fill(owner, making, &newest_first_of(gathered), more).await.unwrap();
        assert_kept(&timelines, owner, &expected.posts, expected.more).await;

        for post in later {
            if !expected.more || expected.posts.last().is_some_and(|last| post > last) {
                expected.posts.push(*post);
                keep_newest(&mut expected);
            }
            push(&timelines, owner, *post).await;
        }
        assert_kept(&timelines, owner, &expected.posts, expected.more).await;
    }
}

fn newest_first_of(posts: &[PostId]) -> Vec<PostId> {
    let mut posts = posts.to_vec();
    posts.sort_unstable();
    newest_first(posts)
}

fn keep_newest(timeline: &mut Timeline) {
    timeline.posts = newest_first_of(&timeline.posts);
    timeline.more |= timeline.posts.len() > Timeline::MAX;
    timeline.posts.truncate(Timeline::MAX);
}
