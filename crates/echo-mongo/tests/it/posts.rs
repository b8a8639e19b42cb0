//! Posts that several processes change at once: their transactions do not take turns, and MongoDB undoes one of two.

use std::{fmt::Debug, sync::Arc};

use echo_domain::{
    Error, PageRequest, Result, UserId,
    contract::sample,
    posts::{Post, PostStore},
};
use echo_mongo::MongoPosts;
use futures_util::future::join_all;

use crate::fixture::{self, Guard};

async fn two_processes() -> ([Arc<dyn PostStore>; 2], Guard) {
    let (one, guard) = fixture::open().await;
    let other = fixture::another(&guard).await;
    ([Arc::new(MongoPosts(one)), Arc::new(MongoPosts(other))], guard)
}

async fn published(posts: &Arc<dyn PostStore>, author: UserId) -> Post {
    let post = sample::post(author, "hello");
    posts.add(&post, &sample::published(&post)).await.unwrap();
    post
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn likes_through_two_processes_at_once_are_counted_once_each() {
    let ([one, other], _guard) = two_processes().await;
    let post = published(&one, sample::id()).await;
    let fans: [UserId; 40] = sample::ids();

    let liking = fans.iter().flat_map(|fan| [(&one, fan), (&other, fan)]);
    let states = join_all(liking.map(|(posts, fan)| posts.set_like(sample::like(&post, *fan), true))).await;

    let highest = states.into_iter().map(|state| state.unwrap().count).max();
    assert_eq!(highest, Some(40));
    let detail = other.details(&[post.id]).await.unwrap().remove(0);
    let likes = one.likes(post.id, PageRequest::first(100)).await.unwrap().items;
    assert_eq!((detail.like_count, likes.len()), (40, 40));
    assert!(detail.likers.iter().eq(likes.iter().map(|like| &like.user)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_made_in_one_process_while_another_bars_is_refused_or_erased() {
    let ([one, other], _guard) = two_processes().await;
    let gone = sample::id();
    let all = join_all((0..8).map(|_| published(&one, sample::id()))).await;
    let making = all.into_iter().map(|post| {
        let one = one.clone();
        tokio::spawn(async move {
            refused_or_done(&one.set_like(sample::like(&post, gone), true).await);
            refused_or_done(&one.comment(&sample::comment(&post, gone, "late")).await);
        })
    });
    let making: Vec<_> = making.collect();

    other.bar(gone).await.unwrap();
    while other.erase_traces(gone, 10).await.unwrap() > 0 {}
    for made in making {
        made.await.unwrap();
    }

    assert_eq!(one.likes_by(gone, PageRequest::first(10)).await.unwrap().items, []);
    assert_eq!(one.comments_by(gone, PageRequest::first(10)).await.unwrap().items, []);
}

fn refused_or_done<T: Debug>(made: &Result<T>) {
    assert!(matches!(made, Ok(_) | Err(Error::Unauthenticated(_))), "{made:?}");
}
