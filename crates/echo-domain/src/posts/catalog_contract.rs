//! What every [`Catalog`] must do, here or in another process.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::sync::Arc;

use crate::{
    IdMap, Page, PageRequest, PostId, UserId,
    contract::{Backend, assert_list, at_once, newest_first, sample},
    users::Profile,
};

use super::{Block, Catalog, Comment, Content, Post, PostDetail, PostView};

/// `$fresh` is an async fn returning an [`Asked`] and a guard.
#[macro_export]
macro_rules! catalog_contract {
    ($fresh:path) => {
        $crate::contract_tests! { $fresh, $crate::posts::catalog_contract;
            posts_come_in_the_order_asked_for_without_those_that_are_gone
            a_post_is_told_whole
            a_post_comes_with_its_people
            who_likes_a_post_sees_that_and_nobody_else
            a_post_whose_author_is_gone_is_left_out
            a_comment_whose_author_is_gone_has_nobody
            ids_by_any_of_many_are_listed_newest_first
            posts_by_any_of_many_are_listed_newest_first
            posts_are_counted_by_author
            the_images_of_a_post_are_told
            what_somebody_wrote_under_posts_is_listed_newest_first
            what_somebody_likes_is_listed_by_post
            thousands_of_authors_are_asked_for_at_once
            many_ask_at_once
        }
    };
}

/// The area, and what it stands on, which is empty.
#[derive(Clone)]
pub struct Asked {
    pub catalog: Arc<dyn Catalog>,
    pub backend: Backend,
}

impl Asked {
    async fn opened(&self, username: &str) -> Profile {
        let profile = sample::profile(username, "Somebody");
        self.backend.profiles.open(&profile).await.unwrap();
        profile
    }

    async fn published(&self, author: UserId, text: &str) -> Post {
        self.publish(sample::post(author, text)).await
    }

    async fn publish(&self, post: Post) -> Post {
        self.backend.posts.add(&post, &sample::published(&post)).await.unwrap();
        post
    }

    async fn commented(&self, post: &Post, author: UserId) -> Comment {
        let comment = sample::comment(post, author, "¡qué bien! \"🦀\"");
        self.backend.posts.comment(&comment).await.unwrap();
        comment
    }

    async fn liked(&self, post: &Post, user: UserId) -> super::Like {
        let like = sample::like(post, user);
        self.backend.posts.set_like(like, true).await.unwrap();
        like
    }

    async fn view(&self, post: &Post, viewer: Option<UserId>) -> Option<PostView> {
        self.catalog.views(&[post.id], viewer).await.unwrap().pop()
    }

    async fn erase(&self, user: UserId) {
        while self.backend.profiles.erase(user, 100).await.unwrap() > 0 {}
    }
}

fn ids(views: &[PostView]) -> Vec<PostId> {
    views.iter().map(|view| view.detail.post.id).collect()
}

pub async fn posts_come_in_the_order_asked_for_without_those_that_are_gone(asked: Asked) {
    let alice = asked.opened("alice").await;
    let (a, b, c) = (
        asked.published(alice.id, "a").await,
        asked.published(alice.id, "b").await,
        asked.published(alice.id, "c").await,
    );
    assert!(asked.backend.posts.remove(c.id, &sample::deleted(&c)).await.unwrap());

    let views = asked.catalog.views(&[a.id, c.id, sample::id(), b.id], None).await.unwrap();

    assert_eq!(ids(&views), [a.id, b.id]);
    assert!(asked.catalog.views(&[], None).await.unwrap().is_empty());
    assert!(asked.catalog.views(&[c.id], Some(alice.id)).await.unwrap().is_empty());
}

pub async fn a_post_is_told_whole(asked: Asked) {
    let (alice, bob) = (asked.opened("alice").await, asked.opened("bobby").await);
    let content =
        [Content::Text("uno\n\"🦀\"".to_owned()), Content::Image(sample::image()), Content::Text("dos".to_owned())];
    let blocks = content.map(|content| Block { id: sample::id(), content }).to_vec();
    let post = asked.publish(Post { blocks, ..sample::post(alice.id, "") }).await;
    asked.liked(&post, bob.id).await;
    asked.liked(&post, alice.id).await;
    let comments = vec![asked.commented(&post, bob.id).await, asked.commented(&post, alice.id).await];

    let view = asked.view(&post, None).await.unwrap();

    let likers = vec![alice.id, bob.id];
    assert_eq!(*view.detail, PostDetail { post, like_count: 2, comment_count: 2, likers, comments });
}

pub async fn a_post_comes_with_its_people(asked: Asked) {
    let (alice, bob) = (asked.opened("alice").await, asked.opened("bobby").await);
    let (first, second) = (asked.published(alice.id, "a").await, asked.published(bob.id, "b").await);
    for author in [bob.id, alice.id, bob.id] {
        asked.commented(&first, author).await;
    }

    let views = asked.catalog.views(&[first.id, second.id], None).await.unwrap();

    let commenters = |view: &PostView| view.commenters.iter().flatten().map(|it| it.id).collect::<Vec<_>>();
    assert_eq!((&*views[0].author, &*views[1].author), (&alice, &bob));
    assert_eq!((commenters(&views[0]), commenters(&views[1])), (vec![bob.id, alice.id, bob.id], vec![]));
}

pub async fn who_likes_a_post_sees_that_and_nobody_else(asked: Asked) {
    let (alice, bob) = (asked.opened("alice").await, asked.opened("bobby").await);
    let (liked, other) = (asked.published(alice.id, "a").await, asked.published(alice.id, "b").await);
    asked.liked(&liked, bob.id).await;

    for (viewer, expected) in [(Some(bob.id), [true, false]), (Some(alice.id), [false; 2]), (None, [false; 2])] {
        let views = asked.catalog.views(&[liked.id, other.id], viewer).await.unwrap();
        assert_eq!(views.iter().map(|view| view.is_liked).collect::<Vec<_>>(), expected);
    }
}

pub async fn a_post_whose_author_is_gone_is_left_out(asked: Asked) {
    let (alice, bob) = (asked.opened("alice").await, asked.opened("bobby").await);
    let (gone, stays) = (asked.published(alice.id, "a").await, asked.published(bob.id, "b").await);
    asked.erase(alice.id).await;

    assert_eq!(ids(&asked.catalog.views(&[gone.id, stays.id], None).await.unwrap()), [stays.id]);
}

pub async fn a_comment_whose_author_is_gone_has_nobody(asked: Asked) {
    let (alice, bob) = (asked.opened("alice").await, asked.opened("bobby").await);
    let post = asked.published(alice.id, "a").await;
    asked.commented(&post, bob.id).await;
    asked.commented(&post, alice.id).await;
    asked.erase(bob.id).await;

    let view = asked.view(&post, None).await.unwrap();

    let commenters: Vec<_> = view.commenters.iter().map(|it| it.as_ref().map(|profile| profile.id)).collect();
    assert_eq!(commenters, [None, Some(alice.id)]);
}

pub async fn ids_by_any_of_many_are_listed_newest_first(asked: Asked) {
    let [alice, bob, carol]: [UserId; 3] = sample::ids();
    let mut expected = Vec::new();
    for author in [alice, bob, carol, bob, alice] {
        let post = asked.published(author, "hello").await;
        expected.extend((author != carol).then_some(post.id));
    }
    let (expected, authors) = (newest_first(expected), [alice, bob]);

    assert_list(&expected, async |page| asked.catalog.newest_ids_by(&authors, page).await).await;
    assert_list(&expected, async |page| asked.catalog.known_ids_by(&authors, page).await).await;
    assert_list(&[], async |page| asked.catalog.newest_ids_by(&[], page).await).await;
}

pub async fn posts_by_any_of_many_are_listed_newest_first(asked: Asked) {
    let (alice, bob) = (asked.opened("alice").await, asked.opened("bobby").await);
    let mut posts = Vec::new();
    for author in [alice.id, bob.id, alice.id] {
        posts.push(asked.published(author, "hello").await);
    }
    let (all, alices) = ([2, 1, 0].map(|n| posts[n].id), [2, 0].map(|n| posts[n].id));
    asked.liked(&posts[2], bob.id).await;

    let told = |page: Page<PostView, PostId>| page.map(|view| view.detail.post.id);
    let by = async |page| asked.catalog.newest_by(&[alice.id, bob.id], None, page).await.map(told);
    assert_list(&all, by).await;
    assert_list(&alices, async |page| asked.catalog.by_author(alice.id, None, page).await.map(told)).await;
    let mine = asked.catalog.by_author(alice.id, Some(bob.id), PageRequest::first(10)).await.unwrap();
    assert_eq!(mine.items.iter().map(|view| view.is_liked).collect::<Vec<_>>(), [true, false]);
}

pub async fn posts_are_counted_by_author(asked: Asked) {
    let [alice, bob, carol]: [UserId; 3] = sample::ids();
    for author in [alice, bob, alice] {
        asked.published(author, "hello").await;
    }

    let mut counts = asked.catalog.counts(&[alice, bob, carol]).await.unwrap();

    counts.retain(|_, count| *count > 0);
    assert_eq!(counts, IdMap::from_iter([(alice, 2), (bob, 1)]));
    assert_eq!((asked.catalog.count(alice).await.unwrap(), asked.catalog.count(carol).await.unwrap()), (2, 0));
    assert!(asked.catalog.counts(&[]).await.unwrap().is_empty());
}

pub async fn the_images_of_a_post_are_told(asked: Asked) {
    let images = [sample::image(), sample::image()];
    let blocks = images.clone().map(|image| Block { id: sample::id(), content: Content::Image(image) }).to_vec();
    let post = asked.publish(Post { blocks, ..sample::post(sample::id(), "") }).await;
    let plain = asked.published(sample::id(), "hello").await;

    assert_eq!(asked.catalog.media_of(post.id).await.unwrap(), images.map(|image| image.id));
    for none in [plain.id, sample::id()] {
        assert_eq!(asked.catalog.media_of(none).await.unwrap(), []);
    }
}

pub async fn what_somebody_wrote_under_posts_is_listed_newest_first(asked: Asked) {
    let [alice, bob]: [UserId; 2] = sample::ids();
    let (one, other) = (asked.published(alice, "a").await, asked.published(bob, "b").await);
    let mut comments = Vec::new();
    for post in [&one, &other, &one] {
        comments.push(asked.commented(post, alice).await);
        asked.commented(post, bob).await;
    }

    assert_list(&newest_first(comments), async |page| asked.catalog.comments_by(alice, page).await).await;
    assert_list(&[], async |page| asked.catalog.comments_by(sample::id(), page).await).await;
}

pub async fn what_somebody_likes_is_listed_by_post(asked: Asked) {
    let [alice, bob]: [UserId; 2] = sample::ids();
    let mut likes = Vec::new();
    for n in 0..5 {
        let post = asked.published(bob, &n.to_string()).await;
        likes.push(asked.liked(&post, alice).await);
        asked.liked(&post, bob).await;
    }

    assert_list(&newest_first(likes), async |page| asked.catalog.likes_by(alice, page).await).await;
    assert_list(&[], async |page| asked.catalog.likes_by(sample::id(), page).await).await;
}

pub async fn thousands_of_authors_are_asked_for_at_once(asked: Asked) {
    let mut authors: Vec<UserId> = (0..5000).map(|_| sample::id()).collect();
    let post = asked.published(authors[2500], "hello").await;
    authors.push(sample::id());

    let found = asked.catalog.newest_ids_by(&authors, PageRequest::first(20)).await.unwrap();

    assert_eq!(found, Page { items: vec![post.id], next: None });
}

pub async fn many_ask_at_once(asked: Asked) {
    let alice = asked.opened("alice").await;
    let mut posts = Vec::new();
    for n in 0..20 {
        posts.push(asked.published(alice.id, &n.to_string()).await);
    }

    let told = at_once(posts.iter().cycle().take(200).cloned().map(|post| {
        let asked = asked.clone();
        async move { asked.view(&post, None).await.unwrap().detail.post.clone() }
    }))
    .await;

    assert_eq!(told, posts.iter().cycle().take(200).cloned().collect::<Vec<_>>());
}
