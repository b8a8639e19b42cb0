//! What every [`EventLog`] must do, whichever store leaves the events.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::{sync::Arc, time::Duration};

use crate::{
    Errand, Event, EventLog, Recorded, UserId,
    contract::{Backend, at_once, drain, sample, sample::NOW},
    posts::PostStore,
    trace::Trace,
};

#[macro_export]
macro_rules! event_log_contract {
    ($fresh:path) => {
        $crate::contract_tests! { $fresh, $crate::event_contract;
            every_kind_of_event_reads_back_as_it_was_left
            events_are_pending_in_order_until_confirmed
            consumers_do_not_touch_one_another
            a_confirmation_never_goes_back
            a_consumer_misses_nothing_that_is_left_while_it_reads
            an_event_set_aside_is_confirmed_for_that_consumer
            events_stay_until_every_consumer_confirmed_them
            a_new_consumer_starts_at_the_oldest_event_kept
            what_comes_after_an_emptied_log_is_pending
            what_this_process_leaves_is_news
            an_event_keeps_where_in_a_trace_it_was_left
        }
    };
}

async fn leave(posts: &Arc<dyn PostStore>, event: &Event) {
    posts.add(&sample::post(sample::id(), "hello"), event).await.unwrap();
}

/// Leaves so many events, each another.
async fn leave_some(posts: &Arc<dyn PostStore>, count: usize) -> Vec<Event> {
    let mut left = Vec::new();
    for _ in 0..count {
        left.push(Event::AccountDeleted { account: sample::id() });
        leave(posts, &left[left.len() - 1]).await;
    }
    left
}

async fn pending(events: &Arc<dyn EventLog>, consumer: &'static str) -> Vec<Recorded> {
    events.pending(consumer, 1000).await.unwrap()
}

fn told(recorded: &[Recorded]) -> Vec<Event> {
    recorded.iter().map(|recorded| recorded.event.clone()).collect()
}

pub async fn every_kind_of_event_reads_back_as_it_was_left(Backend { posts, events, .. }: Backend) {
    let account: UserId = sample::id();
    let (username, name) = ("Alice_1".to_owned(), "Zoë \"Ñandú\" 🦀\n".to_owned());
    let left = [
        Event::AccountOpened { account, username, name, at: NOW },
        Event::AccountRenamed { account },
        Event::AccountDeleted { account },
        Event::PostPublished { post: sample::id(), author: account, media: vec![] },
        Event::PostDeleted { post: sample::id(), author: account, media: vec![sample::id(), sample::id()] },
        Event::PictureChanged { account, new: Some(sample::id()), old: None },
        Event::PictureChanged { account, new: None, old: Some(sample::id()) },
    ];

    for event in &left {
        leave(&posts, event).await;
    }

    assert_eq!(told(&pending(&events, "ana").await), left);
}

pub async fn an_event_keeps_where_in_a_trace_it_was_left(Backend { posts, events, .. }: Backend) {
    let trace = Trace::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", None);
    let (traced, untraced) = [sample::id(), sample::id()].map(|account| Event::AccountDeleted { account }).into();

    Errand { trace: trace.clone(), ..Errand::default() }.run(leave(&posts, &traced)).await;
    leave(&posts, &untraced).await;

    let kept: Vec<_> = pending(&events, "ana").await.into_iter().map(|recorded| recorded.trace).collect();
    assert_eq!(kept, [trace, None]);
}

pub async fn events_are_pending_in_order_until_confirmed(Backend { posts, events, .. }: Backend) {
    assert_eq!(pending(&events, "ana").await, []);
    let left = leave_some(&posts, 5).await;

    let first = events.pending("ana", 2).await.unwrap();
    assert_eq!(told(&first), left[..2]);
    assert_eq!(events.pending("ana", 2).await.unwrap(), first);

    events.confirm("ana", &first[..1]).await.unwrap();
    let rest = pending(&events, "ana").await;
    assert_eq!(told(&rest), left[1..]);
    assert!(rest.is_sorted_by(|a, b| a.position < b.position));

    events.confirm("ana", &rest).await.unwrap();
    assert_eq!(pending(&events, "ana").await, []);
}

pub async fn consumers_do_not_touch_one_another(Backend { posts, events, .. }: Backend) {
    let left = leave_some(&posts, 3).await;

    let seen = pending(&events, "ana").await;
    events.confirm("ana", &seen).await.unwrap();

    assert_eq!(pending(&events, "ana").await, []);
    assert_eq!(told(&pending(&events, "bob").await), left);
}

pub async fn a_confirmation_never_goes_back(Backend { posts, events, .. }: Backend) {
    let left = leave_some(&posts, 3).await;
    let seen = pending(&events, "ana").await;

    at_once([1, 0, 1, 0].map(|n| {
        let (events, first) = (events.clone(), seen[..=n].to_vec());
        async move { events.confirm("ana", &first).await.unwrap() }
    }))
    .await;
    events.confirm("ana", &seen[..1]).await.unwrap();

    assert_eq!(told(&pending(&events, "ana").await), left[2..]);
}

/// A place taken in the log before its write is done must not be passed over.
pub async fn a_consumer_misses_nothing_that_is_left_while_it_reads(Backend { posts, events, .. }: Backend) {
    const WRITERS: usize = 8;
    const EACH: usize = 25;
    let writers = tokio::spawn({
        let posts = posts.clone();
        async move {
            at_once((0..WRITERS).map(|_| {
                let posts = posts.clone();
                async move { leave_some(&posts, EACH).await }
            }))
            .await
        }
    });

    let mut seen = Vec::new();
    loop {
        let last_look = writers.is_finished();
        let batch = events.pending("ana", 7).await.unwrap();
        if !batch.is_empty() {
            events.confirm("ana", &batch).await.unwrap();
        } else if last_look {
            break;
        }
        seen.extend(batch);
    }

    let seen = told(&seen);
    assert_eq!(seen.len(), WRITERS * EACH);
    for left in writers.await.unwrap() {
        let of_this_writer: Vec<_> = seen.iter().filter(|event| left.contains(event)).cloned().collect();
        assert_eq!(of_this_writer, left);
    }
}

pub async fn an_event_set_aside_is_confirmed_for_that_consumer(Backend { posts, events, .. }: Backend) {
    let left = leave_some(&posts, 3).await;
    let seen = pending(&events, "ana").await;

    events.set_aside("ana", &seen[0], "it kept failing").await.unwrap();
    events.set_aside("ana", &seen[1], "it kept failing").await.unwrap();

    assert_eq!(told(&pending(&events, "ana").await), left[2..]);
    assert_eq!(told(&pending(&events, "bob").await), left);
}

pub async fn events_stay_until_every_consumer_confirmed_them(Backend { posts, events, .. }: Backend) {
    let left = leave_some(&posts, 5).await;
    let seen = pending(&events, "ana").await;
    events.confirm("ana", &seen).await.unwrap();
    assert_eq!(events.trim(&["ana", "bob"], 10).await.unwrap(), 0);

    events.confirm("bob", &seen[..3]).await.unwrap();
    assert_eq!(drain(2, || events.trim(&["ana", "bob"], 2)).await, 3);

    assert_eq!(told(&pending(&events, "bob").await), left[3..]);
    assert_eq!(pending(&events, "ana").await, []);
}

pub async fn a_new_consumer_starts_at_the_oldest_event_kept(Backend { posts, events, .. }: Backend) {
    let left = leave_some(&posts, 3).await;
    let seen = pending(&events, "ana").await;
    events.confirm("ana", &seen[..1]).await.unwrap();
    events.trim(&["ana"], 10).await.unwrap();

    assert_eq!(told(&pending(&events, "newcomer").await), left[1..]);
}

pub async fn what_comes_after_an_emptied_log_is_pending(Backend { posts, events, .. }: Backend) {
    leave_some(&posts, 3).await;
    let seen = pending(&events, "ana").await;
    events.confirm("ana", &seen).await.unwrap();
    assert_eq!(events.trim(&["ana"], 10).await.unwrap(), 3);

    let later = leave_some(&posts, 2).await;

    let rest = pending(&events, "ana").await;
    assert_eq!(told(&rest), later);
    assert!(rest[0].position > seen[2].position);
}

pub async fn what_this_process_leaves_is_news(Backend { posts, events, .. }: Backend) {
    let mut news = events.news();
    news.mark_unchanged();

    leave_some(&posts, 1).await;

    tokio::time::timeout(Duration::from_secs(10), news.changed()).await.expect("news, sooner or later").unwrap();
    assert_eq!(pending(&events, "ana").await.len(), 1);
}
