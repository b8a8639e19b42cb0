//! Posts that several processes change at once: their transactions do not take turns, and MongoDB undoes one of two.

use echo_domain::{PageRequest, UserId, contract::sample, posts::PostStore};
use echo_mongo::MongoPosts;
use futures_util::future::join_all;

use crate::fixture;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn likes_through_two_processes_at_once_are_counted_once_each() {
    let (one, guard) = fixture::open().await;
    let other = fixture::another(&guard).await;
    let (one, other) = (MongoPosts::new(one).unwrap(), MongoPosts::new(other).unwrap());
    let post = sample::post(sample::id(), "hello");
    one.add(&post, &sample::published(&post)).await.unwrap();
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
