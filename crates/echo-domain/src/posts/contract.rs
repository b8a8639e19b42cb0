//! What every [`PostStore`] must do.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::{collections::BTreeMap, fmt::Debug, sync::Arc};

use crate::{
    Error, Event, IdSet, PageRequest, PostId, Result, UserId,
    contract::{Backend, Dice, assert_list, at_once, drain, left, newest_first, refusal, sample, walk},
    media::Image,
};

use super::{Block, Comment, Content, Like, LikeState, Post, PostDetail, PostStore};

#[macro_export]
macro_rules! post_store_contract {
    ($fresh:path) => {
        $crate::contract_tests! { $fresh, $crate::posts::contract;
            a_post_reads_back_as_it_was_added
            adding_the_same_post_again_changes_nothing
            twelve_calls_at_once_add_one_post_once
            only_posts_that_exist_are_found
            thousands_are_asked_for_at_once
            posts_are_listed_newest_first
            posts_by_many_authors_are_the_sorted_union_of_each_ones
            posts_by_thousands_of_authors_are_found
            a_walk_meets_every_lasting_post_once_while_others_come_and_go
            posts_are_counted_in_all_and_by_author
            a_removed_post_is_gone_at_once_with_its_likes_and_comments
            nothing_is_added_to_a_post_that_is_gone
            a_post_is_removed_once_with_one_news
            purging_takes_what_a_removed_post_left_in_steps
            purging_a_post_that_is_there_removes_nothing
            liking_twice_counts_once
            liking_at_once_counts_each_user_once
            no_longer_liking_counts_down_once
            toggling_likes_and_unlikes_in_turn
            toggles_at_once_follow_one_another
            which_posts_a_user_likes_is_told
            likes_are_listed_newest_first
            likes_of_a_user_are_listed_by_post
            a_comment_reads_back_as_it_was_made
            the_same_comment_counts_once
            a_comment_belongs_to_its_post
            a_comment_is_removed_once
            comments_are_listed_newest_first
            a_walk_meets_every_lasting_comment_once_while_others_come_and_go
            a_detail_shows_the_newest_likes_and_comments
            when_one_that_is_shown_goes_an_older_one_is_shown
            what_a_barred_user_makes_is_refused
            what_a_user_makes_while_being_barred_is_refused_or_erased
            erasing_traces_goes_in_steps_and_counts_down
            traces_on_removed_posts_are_erased_too
            counts_equal_a_recount_after_any_concurrent_work
        }
    };
}

async fn publish(posts: &Arc<dyn PostStore>, post: &Post) {
    posts.add(post, &sample::published(post)).await.unwrap();
}

async fn published(posts: &Arc<dyn PostStore>, author: UserId) -> Post {
    let post = sample::post(author, "hello");
    publish(posts, &post).await;
    post
}

async fn removed(posts: &Arc<dyn PostStore>, post: &Post) -> bool {
    posts.remove(post.id, &sample::deleted(post)).await.unwrap()
}

async fn liked(posts: &Arc<dyn PostStore>, post: &Post, user: UserId) -> Like {
    let like = sample::like(post, user);
    posts.set_like(like, true).await.unwrap();
    like
}

async fn commented(posts: &Arc<dyn PostStore>, post: &Post, author: UserId) -> Comment {
    let comment = sample::comment(post, author, "Ñandú 🦀\n'\"%");
    posts.comment(&comment).await.unwrap();
    comment
}

async fn detail(posts: &Arc<dyn PostStore>, post: PostId) -> Option<PostDetail> {
    posts.details(&[post]).await.unwrap().pop().map(Arc::unwrap_or_clone)
}

/// Likes and comments, as the post counts them.
async fn counted(posts: &Arc<dyn PostStore>, post: &Post) -> (u64, u64) {
    let detail = detail(posts, post.id).await.unwrap();
    (detail.like_count, detail.comment_count)
}

fn ids(posts: &[Post]) -> Vec<PostId> {
    posts.iter().map(|post| post.id).collect()
}

fn assert_gone<T: Debug>(result: Result<T>) {
    assert_eq!(refusal(result), ("not found", "post_not_found".to_owned()));
}

// Posts

pub async fn a_post_reads_back_as_it_was_added(Backend { posts, events, .. }: Backend) {
    let text = |text: &str| Block { id: sample::id(), content: Content::Text(text.to_owned()) };
    let image = |image| Block { id: sample::id(), content: Content::Image(image) };
    let bare = Image { alt: String::new(), variants: vec![], ..sample::image() };
    let blocks = vec![image(sample::image()), text("Zoë \"Ñandú\" 🦀\n\\"), image(bare), text("a"), text("a")];
    let post = Post { blocks, ..sample::post(sample::id(), "") };

    publish(&posts, &post).await;

    let expected = PostDetail { post: post.clone(), like_count: 0, comment_count: 0, likers: vec![], comments: vec![] };
    assert_eq!(detail(&posts, post.id).await, Some(expected));
    assert_eq!(left(&events).await, [sample::published(&post)]);
}

pub async fn adding_the_same_post_again_changes_nothing(Backend { posts, events, .. }: Backend) {
    let (author, fan) = (sample::id(), sample::id());
    let post = published(&posts, author).await;
    liked(&posts, &post, fan).await;

    let other = Post { id: post.id, ..sample::post(fan, "another") };
    publish(&posts, &other).await;

    let found = detail(&posts, post.id).await.unwrap();
    assert_eq!((found.post, found.like_count), (post.clone(), 1));
    assert_eq!(posts.total().await.unwrap(), 1);
    assert_eq!(counts(&posts, [author, fan]).await, [1, 0]);
    assert_eq!(left(&events).await, [sample::published(&post)]);
}

pub async fn twelve_calls_at_once_add_one_post_once(Backend { posts, events, .. }: Backend) {
    let post = sample::post(sample::id(), "hello");

    at_once((0..12).map(|_| {
        let (posts, post) = (posts.clone(), post.clone());
        async move { publish(&posts, &post).await }
    }))
    .await;

    assert_eq!(posts.total().await.unwrap(), 1);
    assert_eq!(counts(&posts, [post.author]).await, [1]);
    assert_eq!(left(&events).await, [sample::published(&post)]);
}

pub async fn only_posts_that_exist_are_found(Backend { posts, .. }: Backend) {
    let author = sample::id();
    let (first, gone, last) =
        (published(&posts, author).await, published(&posts, author).await, published(&posts, author).await);
    published(&posts, author).await;
    removed(&posts, &gone).await;
    let asked = [last.id, sample::id(), gone.id, first.id];

    let found: IdSet<_> = posts.details(&asked).await.unwrap().into_iter().map(|detail| detail.post.id).collect();

    assert_eq!(found, IdSet::from_iter([first.id, last.id]));
    assert_eq!(posts.details(&[]).await.unwrap(), []);
}

pub async fn thousands_are_asked_for_at_once(Backend { posts, .. }: Backend) {
    let post = published(&posts, sample::id()).await;
    let fan = sample::id();
    liked(&posts, &post, fan).await;
    let mut asked: Vec<PostId> = (0..5000).map(|_| sample::id()).collect();
    asked.push(post.id);
    let mut authors: Vec<UserId> = (0..5000).map(|_| sample::id()).collect();
    authors.push(post.author);

    assert_eq!(posts.details(&asked).await.unwrap().len(), 1);
    assert_eq!(posts.liked(fan, &asked).await.unwrap(), IdSet::from_iter([post.id]));
    assert_eq!(posts.counts(&authors).await.unwrap().get(&post.author), Some(&1));
}

pub async fn posts_are_listed_newest_first(Backend { posts, .. }: Backend) {
    let all: Vec<_> = (0..10).map(|n| sample::post(sample::id(), &n.to_string())).collect();
    assert_list(&[], |page| posts.newest(page)).await;

    for post in Dice::new(1).shuffled(&all) {
        publish(&posts, &post).await;
    }

    assert_list(&newest_first(ids(&all)), |page| posts.newest(page)).await;
}

pub async fn posts_by_many_authors_are_the_sorted_union_of_each_ones(Backend { posts, .. }: Backend) {
    let authors: [UserId; 8] = sample::ids();
    let mut dice = Dice::new(2);
    // One writes much more than the others, and one nothing.
    let writers = [0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6].map(|n: usize| authors[n]);
    let all: Vec<_> = (0..90).map(|_| sample::post(*dice.pick(&writers), "hello")).collect();
    for post in dice.shuffled(&all) {
        publish(&posts, &post).await;
    }

    let mut kept = all.clone();
    loop {
        for asked in [&authors[..], &authors[..1], &authors[3..5], &authors[6..], &authors[7..], &[]] {
            let asked = dice.shuffled(asked);
            let by_asked = kept.iter().filter(|post| asked.contains(&post.author));
            let union = newest_first(by_asked.map(|post| post.id).collect::<Vec<_>>());

            assert_list(&union, |page| posts.newest_by(&asked, page)).await;
            assert_list(&union, |page| posts.known_by(&asked, page)).await;
        }
        // And again, when some of each one's are gone, and some new.
        if kept.len() < all.len() {
            return;
        }
        for post in kept.extract_if(.., |_| dice.below(3) == 0) {
            removed(&posts, &post).await;
        }
        let new = sample::post(authors[0], "hello");
        publish(&posts, &new).await;
        kept.push(new);
    }
}

pub async fn posts_by_thousands_of_authors_are_found(Backend { posts, .. }: Backend) {
    let mut authors: Vec<UserId> = (0..5001).map(|_| sample::id()).collect();
    let all = [0, 5000, 2500, 1, 4999].map(|n: usize| sample::post(authors[n], "hello"));
    for post in &all {
        publish(&posts, post).await;
    }
    published(&posts, sample::id()).await;
    authors = Dice::new(3).shuffled(&authors);

    assert_list(&newest_first(ids(&all)), |page| posts.newest_by(&authors, page)).await;
}

pub async fn a_walk_meets_every_lasting_post_once_while_others_come_and_go(Backend { posts, .. }: Backend) {
    let author = sample::id();
    let all: Vec<_> = (0..40).map(|_| sample::post(author, "hello")).collect();
    let (mut lasting, mut passing, mut late) = (Vec::new(), Vec::new(), Vec::new());
    for (n, post) in all.into_iter().enumerate() {
        match n % 4 {
            0 => late.push(post),
            1 => passing.push(post),
            _ => lasting.push(post),
        }
    }
    for post in lasting.iter().chain(&passing) {
        publish(&posts, post).await;
    }

    let walked = walk(2, async |page| {
        let found = posts.newest_by(&[author], page).await?;
        // Those just seen, the one that the next page starts at among them, and the next that is yet to come.
        for post in passing.extract_if(.., |post| found.items.contains(&post.id)) {
            removed(&posts, &post).await;
        }
        if let Some(post) = passing.pop_if(|_| found.items.len() == 2) {
            removed(&posts, &post).await;
        }
        if let Some(post) = late.pop() {
            publish(&posts, &post).await;
        }
        published(&posts, author).await;
        Ok(found)
    })
    .await;

    assert!(walked.is_sorted_by(|a, b| a > b));
    for post in lasting {
        assert!(walked.contains(&post.id));
    }
}

async fn counts<const N: usize>(posts: &Arc<dyn PostStore>, authors: [UserId; N]) -> [u64; N] {
    let counts = posts.counts(&authors).await.unwrap();
    authors.map(|author| counts.get(&author).copied().unwrap_or(0))
}

pub async fn posts_are_counted_in_all_and_by_author(Backend { posts, .. }: Backend) {
    let [alice, bob, nobody] = sample::ids();
    assert_eq!(posts.total().await.unwrap(), 0);
    let first = published(&posts, alice).await;
    published(&posts, alice).await;
    published(&posts, bob).await;

    assert_eq!(posts.total().await.unwrap(), 3);
    assert_eq!(counts(&posts, [bob, nobody, alice]).await, [1, 0, 2]);

    removed(&posts, &first).await;
    removed(&posts, &first).await;

    assert_eq!(posts.total().await.unwrap(), 2);
    assert_eq!(counts(&posts, [bob, nobody, alice]).await, [1, 0, 1]);
}

// Removal

pub async fn a_removed_post_is_gone_at_once_with_its_likes_and_comments(Backend { posts, events, .. }: Backend) {
    let [author, fan] = sample::ids();
    let (gone, stays) = (published(&posts, author).await, published(&posts, author).await);
    liked(&posts, &gone, fan).await;
    let comment = commented(&posts, &gone, fan).await;
    let (like, kept) = (liked(&posts, &stays, fan).await, commented(&posts, &stays, fan).await);

    assert!(removed(&posts, &gone).await);

    assert_eq!(detail(&posts, gone.id).await, None);
    assert_list(&[stays.id], |page| posts.newest(page)).await;
    assert_list(&[stays.id], async |page| posts.newest_by(&[author], page).await).await;
    assert_list(&[], |page| posts.likes(gone.id, page)).await;
    assert_list(&[like], |page| posts.likes_by(fan, page)).await;
    assert_eq!(posts.liked(fan, &[gone.id, stays.id]).await.unwrap(), IdSet::from_iter([stays.id]));
    assert_list(&[], |page| posts.comments(gone.id, page)).await;
    assert_list(&[kept], |page| posts.comments_by(fan, page)).await;
    assert_eq!(posts.find_comment(gone.id, comment.id).await.unwrap(), None);
    assert!(!posts.remove_comment(gone.id, comment.id).await.unwrap());
    assert_eq!(left(&events).await[2..], [sample::deleted(&gone)]);
}

pub async fn nothing_is_added_to_a_post_that_is_gone(Backend { posts, .. }: Backend) {
    let [author, fan] = sample::ids();
    let gone = published(&posts, author).await;
    removed(&posts, &gone).await;

    for gone in [gone, sample::post(author, "never added")] {
        assert_gone(posts.set_like(sample::like(&gone, fan), true).await);
        assert_gone(posts.set_like(sample::like(&gone, fan), false).await);
        assert_gone(posts.toggle_like(sample::like(&gone, fan)).await);
        assert_gone(posts.comment(&sample::comment(&gone, fan, "hello")).await);

        assert_eq!(posts.purge(gone.id, 10).await.unwrap(), 0);
    }
    assert_eq!(posts.erase_traces(fan, 10).await.unwrap(), 0);
}

pub async fn a_post_is_removed_once_with_one_news(Backend { posts, events, .. }: Backend) {
    let post = published(&posts, sample::id()).await;
    let never_added = sample::post(post.author, "hello");

    let removals = at_once((0..12).map(|_| {
        let (posts, post) = (posts.clone(), post.clone());
        async move { removed(&posts, &post).await }
    }))
    .await;

    assert_eq!(removals.into_iter().filter(|removed| *removed).count(), 1);
    assert!(!removed(&posts, &post).await);
    assert!(!removed(&posts, &never_added).await);
    assert_eq!(posts.total().await.unwrap(), 0);
    assert_eq!(counts(&posts, [post.author]).await, [0]);
    assert_eq!(left(&events).await[1..], [sample::deleted(&post)]);
}

pub async fn purging_takes_what_a_removed_post_left_in_steps(Backend { posts, .. }: Backend) {
    let author = sample::id();
    let (gone, stays) = (published(&posts, author).await, published(&posts, author).await);
    for fan in sample::ids::<UserId, 4>() {
        for post in [&gone, &stays] {
            liked(&posts, post, fan).await;
            commented(&posts, post, fan).await;
        }
    }
    removed(&posts, &gone).await;

    assert_eq!(drain(3, || posts.purge(gone.id, 3)).await, 4 + 4);

    assert_eq!(counted(&posts, &stays).await, (4, 4));
    assert_recount(&posts).await;
}

pub async fn purging_a_post_that_is_there_removes_nothing(Backend { posts, .. }: Backend) {
    let [author, fan] = sample::ids();
    let post = published(&posts, author).await;
    let (like, comment) = (liked(&posts, &post, fan).await, commented(&posts, &post, fan).await);

    assert_eq!(posts.purge(post.id, 10).await.unwrap(), 0);

    assert_eq!(counted(&posts, &post).await, (1, 1));
    assert_list(&[like], |page| posts.likes(post.id, page)).await;
    assert_list(&[comment], |page| posts.comments(post.id, page)).await;
}

// Likes

pub async fn liking_twice_counts_once(Backend { posts, .. }: Backend) {
    let [author, fan] = sample::ids();
    let post = published(&posts, author).await;
    let first = sample::like(&post, fan);

    for like in [first, sample::like(&post, fan)] {
        assert_eq!(posts.set_like(like, true).await.unwrap(), LikeState { count: 1, liked: true });
    }

    assert_eq!(counted(&posts, &post).await, (1, 0));
    assert_list(&[first], |page| posts.likes(post.id, page)).await;
}

pub async fn liking_at_once_counts_each_user_once(Backend { posts, .. }: Backend) {
    let fans: [UserId; 6] = sample::ids();
    let post = published(&posts, sample::id()).await;

    let states = at_once(fans.into_iter().cycle().take(36).map(|fan| {
        let (posts, like) = (posts.clone(), sample::like(&post, fan));
        async move { posts.set_like(like, true).await.unwrap() }
    }))
    .await;

    assert!(states.iter().all(|state| state.liked && (1..=6).contains(&state.count)), "{states:?}");
    assert_eq!(states.iter().map(|state| state.count).max(), Some(6));
    assert_eq!(counted(&posts, &post).await, (6, 0));
    assert_recount(&posts).await;
}

pub async fn no_longer_liking_counts_down_once(Backend { posts, .. }: Backend) {
    let [author, fan, other] = sample::ids();
    let post = published(&posts, author).await;
    liked(&posts, &post, fan).await;
    let kept = liked(&posts, &post, other).await;

    for _ in 0..2 {
        let state = posts.set_like(sample::like(&post, fan), false).await.unwrap();
        assert_eq!(state, LikeState { count: 1, liked: false });
    }

    assert_eq!(counted(&posts, &post).await, (1, 0));
    assert_list(&[kept], |page| posts.likes(post.id, page)).await;
}

pub async fn toggling_likes_and_unlikes_in_turn(Backend { posts, .. }: Backend) {
    let [author, fan, other] = sample::ids();
    let post = published(&posts, author).await;
    liked(&posts, &post, other).await;

    for liked in [true, false, true] {
        let state = posts.toggle_like(sample::like(&post, fan)).await.unwrap();

        assert_eq!(state, LikeState { count: 1 + u64::from(liked), liked });
        assert_eq!(posts.liked(fan, &[post.id]).await.unwrap().contains(&post.id), liked);
        assert_recount(&posts).await;
    }
}

pub async fn toggles_at_once_follow_one_another(Backend { posts, .. }: Backend) {
    let [author, fan] = sample::ids();
    let post = published(&posts, author).await;

    for (calls, likes) in [(12, 0), (13, 1)] {
        let states = at_once((0..calls).map(|_| {
            let (posts, like) = (posts.clone(), sample::like(&post, fan));
            async move { posts.toggle_like(like).await.unwrap() }
        }))
        .await;

        // Each sees what the one before left: as many likes as unlikes, or one more.
        assert!(states.iter().all(|state| state.count == u64::from(state.liked)), "{states:?}");
        assert_eq!(states.iter().filter(|state| state.liked).count(), 6 + likes);
        assert_eq!(counted(&posts, &post).await.0, likes as u64);
        assert_recount(&posts).await;
    }
}

pub async fn which_posts_a_user_likes_is_told(Backend { posts, .. }: Backend) {
    let [author, fan, other] = sample::ids();
    let (one, two, three) =
        (published(&posts, author).await, published(&posts, author).await, published(&posts, author).await);
    liked(&posts, &one, fan).await;
    liked(&posts, &two, other).await;
    liked(&posts, &three, fan).await;

    let told = posts.liked(fan, &[one.id, two.id, sample::id()]).await.unwrap();

    assert_eq!(told, IdSet::from_iter([one.id]));
    assert_eq!(posts.liked(fan, &[]).await.unwrap(), IdSet::default());
}

pub async fn likes_are_listed_newest_first(Backend { posts, .. }: Backend) {
    let author = sample::id();
    let (post, other) = (published(&posts, author).await, published(&posts, author).await);
    let mut dice = Dice::new(4);
    // Younger likes by older users, and the other way round.
    let fans = dice.shuffled(&sample::ids::<UserId, 10>());
    let likes: Vec<_> = fans.iter().map(|fan| sample::like(&post, *fan)).collect();
    for like in dice.shuffled(&likes) {
        posts.set_like(like, true).await.unwrap();
        liked(&posts, &other, like.user).await;
    }

    assert_list(&newest_first(likes), |page| posts.likes(post.id, page)).await;
    assert_list(&[], |page| posts.likes(sample::id(), page)).await;
}

pub async fn likes_of_a_user_are_listed_by_post(Backend { posts, .. }: Backend) {
    let [author, fan, other] = sample::ids();
    let mut all = Vec::new();
    for _ in 0..10 {
        all.push(published(&posts, author).await);
    }
    let mut likes = BTreeMap::new();
    for post in Dice::new(5).shuffled(&all) {
        likes.insert(post.id, liked(&posts, &post, fan).await);
        liked(&posts, &post, other).await;
    }

    assert_list(&newest_first(likes.into_values()), |page| posts.likes_by(fan, page)).await;
    assert_list(&[], |page| posts.likes_by(author, page)).await;
}

// Comments

pub async fn a_comment_reads_back_as_it_was_made(Backend { posts, .. }: Backend) {
    let post = published(&posts, sample::id()).await;

    let comment = commented(&posts, &post, sample::id()).await;

    assert_eq!(posts.find_comment(post.id, comment.id).await.unwrap(), Some(comment.clone()));
    assert_list(&[comment], |page| posts.comments(post.id, page)).await;
    assert_eq!(counted(&posts, &post).await, (0, 1));
}

pub async fn the_same_comment_counts_once(Backend { posts, .. }: Backend) {
    let post = published(&posts, sample::id()).await;
    let comment = commented(&posts, &post, sample::id()).await;

    at_once((0..12).map(|n| {
        let posts = posts.clone();
        let again = Comment { content: format!("another {n}"), ..comment.clone() };
        async move { posts.comment(&again).await.unwrap() }
    }))
    .await;

    assert_list(&[comment], |page| posts.comments(post.id, page)).await;
    assert_eq!(counted(&posts, &post).await, (0, 1));
}

pub async fn a_comment_belongs_to_its_post(Backend { posts, .. }: Backend) {
    let author = sample::id();
    let (post, other) = (published(&posts, author).await, published(&posts, author).await);
    let comment = commented(&posts, &post, author).await;

    assert_eq!(posts.find_comment(other.id, comment.id).await.unwrap(), None);
    assert!(!posts.remove_comment(other.id, comment.id).await.unwrap());

    assert_list(&[comment], |page| posts.comments(post.id, page)).await;
    assert_recount(&posts).await;
}

pub async fn a_comment_is_removed_once(Backend { posts, .. }: Backend) {
    let post = published(&posts, sample::id()).await;
    let (gone, stays) = (commented(&posts, &post, sample::id()).await, commented(&posts, &post, sample::id()).await);

    let removals = at_once((0..12).map(|_| {
        let posts = posts.clone();
        async move { posts.remove_comment(post.id, gone.id).await.unwrap() }
    }))
    .await;

    assert_eq!(removals.into_iter().filter(|removed| *removed).count(), 1);
    assert!(!posts.remove_comment(post.id, sample::id()).await.unwrap());
    assert_eq!(posts.find_comment(post.id, gone.id).await.unwrap(), None);
    assert_list(&[stays], |page| posts.comments(post.id, page)).await;
    assert_eq!(counted(&posts, &post).await, (0, 1));
}

pub async fn comments_are_listed_newest_first(Backend { posts, .. }: Backend) {
    let [author, fan, other] = sample::ids();
    let (one, two) = (published(&posts, author).await, published(&posts, author).await);
    let mut dice = Dice::new(6);
    let all: Vec<_> = (0..24)
        .map(|_| sample::comment(dice.pick(&[one.clone(), two.clone()]), *dice.pick(&[fan, other]), "x"))
        .collect();
    for comment in dice.shuffled(&all) {
        posts.comment(&comment).await.unwrap();
    }
    let those = |wanted: &dyn Fn(&Comment) -> bool| newest_first(all.iter().filter(|comment| wanted(comment)).cloned());

    for post in [&one, &two] {
        assert_list(&those(&|comment| comment.post == post.id), |page| posts.comments(post.id, page)).await;
    }
    for user in [fan, other, author] {
        assert_list(&those(&|comment| comment.author == user), |page| posts.comments_by(user, page)).await;
    }
}

pub async fn a_walk_meets_every_lasting_comment_once_while_others_come_and_go(Backend { posts, .. }: Backend) {
    let author = sample::id();
    let post = published(&posts, author).await;
    let (mut lasting, mut passing) = (Vec::new(), Vec::new());
    for _ in 0..15 {
        lasting.push(commented(&posts, &post, author).await.id);
        passing.push(commented(&posts, &post, author).await.id);
    }

    let walked = walk(3, async |page| {
        let found = posts.comments(post.id, page).await?;
        for comment in passing.extract_if(.., |id| found.items.iter().any(|comment| comment.id == *id)) {
            posts.remove_comment(post.id, comment).await?;
        }
        if let Some(comment) = passing.pop_if(|_| !found.items.is_empty()) {
            posts.remove_comment(post.id, comment).await?;
        }
        commented(&posts, &post, author).await;
        Ok(found)
    })
    .await;

    assert!(walked.is_sorted_by(|a, b| a.id > b.id));
    for comment in lasting {
        assert!(walked.iter().any(|walked| walked.id == comment));
    }
}

pub async fn a_detail_shows_the_newest_likes_and_comments(Backend { posts, .. }: Backend) {
    let author = sample::id();
    let (post, quiet) = (published(&posts, author).await, published(&posts, author).await);
    let mut dice = Dice::new(7);
    let fans = dice.shuffled(&sample::ids::<UserId, 53>());
    let likes: Vec<_> = fans.iter().map(|fan| sample::like(&post, *fan)).collect();
    let comments: Vec<_> = fans[..23].iter().map(|fan| sample::comment(&post, *fan, "hello")).collect();
    for like in dice.shuffled(&likes) {
        posts.set_like(like, true).await.unwrap();
    }
    for comment in dice.shuffled(&comments) {
        posts.comment(&comment).await.unwrap();
    }

    let mut details = posts.details(&[quiet.id, post.id]).await.unwrap();
    details.sort_by_key(|detail| detail.post.id);

    let expected = PostDetail {
        post,
        like_count: 53,
        comment_count: 23,
        likers: newest_first(fans[3..].to_vec()),
        comments: comments[3..].to_vec(),
    };
    assert_eq!(*details[0], expected);
    assert_eq!((details[1].likers.len(), details[1].comments.len()), (0, 0));
}

pub async fn when_one_that_is_shown_goes_an_older_one_is_shown(Backend { posts, .. }: Backend) {
    let post = published(&posts, sample::id()).await;
    let (mut fans, mut comments) = (Vec::new(), Vec::new());
    for fan in sample::ids::<UserId, 53>() {
        liked(&posts, &post, fan).await;
        fans.push(fan);
    }
    for fan in &fans[..23] {
        comments.push(commented(&posts, &post, *fan).await);
    }

    // The newest, one that is shown, one that is not, and one more, which leaves none beside those that are shown.
    for gone in [52, 20, 1, 30] {
        posts.set_like(sample::like(&post, fans.remove(gone)), false).await.unwrap();
        let found = detail(&posts, post.id).await.unwrap();
        assert_eq!(found.likers, newest_first(fans[fans.len().saturating_sub(50)..].to_vec()));
    }
    for gone in [22, 10, 1, 5] {
        assert!(posts.remove_comment(post.id, comments.remove(gone).id).await.unwrap());
        let found = detail(&posts, post.id).await.unwrap();
        assert_eq!(found.comments, comments[comments.len().saturating_sub(20)..]);
    }
    assert_eq!(counted(&posts, &post).await, (49, 19));
}

// Erasure

pub async fn what_a_barred_user_makes_is_refused(Backend { posts, events, .. }: Backend) {
    let [author, gone] = sample::ids();
    let post = published(&posts, author).await;
    liked(&posts, &post, gone).await;
    for _ in 0..2 {
        posts.bar(gone).await.unwrap();
    }
    let late = sample::post(gone, "late");
    let before = left(&events).await;

    let refused = ("unauthenticated", "account_deleted".to_owned());
    assert_eq!(refusal(posts.add(&late, &sample::published(&late)).await), refused);
    assert_eq!(refusal(posts.comment(&sample::comment(&post, gone, "late")).await), refused);
    assert_eq!(refusal(posts.set_like(sample::like(&post, gone), true).await), refused);
    assert_eq!(refusal(posts.toggle_like(sample::like(&post, gone)).await), refused);

    assert_eq!(detail(&posts, late.id).await, None);
    assert_eq!(counted(&posts, &post).await, (1, 0));
    assert_eq!(left(&events).await, before);
    assert_eq!(posts.erase_traces(gone, 5).await.unwrap(), 1);
    published(&posts, author).await;
}

pub async fn what_a_user_makes_while_being_barred_is_refused_or_erased(Backend { posts, .. }: Backend) {
    let [author, gone] = sample::ids();
    let mut all = Vec::new();
    for _ in 0..12 {
        all.push(published(&posts, author).await);
    }
    let making = all.iter().cloned().map(|post| {
        let posts = posts.clone();
        tokio::spawn(async move {
            let late = sample::post(gone, "late");
            let made = [
                posts.set_like(sample::like(&post, gone), true).await.map(drop),
                posts.comment(&sample::comment(&post, gone, "late")).await,
                posts.add(&late, &sample::published(&late)).await,
            ];
            assert!(made.iter().all(|made| matches!(made, Ok(()) | Err(Error::Unauthenticated(_)))), "{made:?}");
        })
    });
    let making: Vec<_> = making.collect();

    posts.bar(gone).await.unwrap();
    drain(5, || posts.erase_traces(gone, 5)).await;
    let written = counts(&posts, [gone]).await;
    for made in making {
        made.await.unwrap();
    }

    assert_list(&[], |page| posts.likes_by(gone, page)).await;
    assert_list(&[], |page| posts.comments_by(gone, page)).await;
    assert_eq!(counts(&posts, [gone]).await, written);
    assert_recount(&posts).await;
}

pub async fn erasing_traces_goes_in_steps_and_counts_down(Backend { posts, .. }: Backend) {
    let [author, gone, other] = sample::ids();
    let mut all = Vec::new();
    for _ in 0..4 {
        let post = published(&posts, author).await;
        liked(&posts, &post, gone).await;
        commented(&posts, &post, gone).await;
        commented(&posts, &post, gone).await;
        liked(&posts, &post, other).await;
        commented(&posts, &post, other).await;
        all.push(post);
    }

    let erased = drain(5, async || {
        let erased = posts.erase_traces(gone, 5).await?;
        assert_recount(&posts).await;
        Ok(erased)
    })
    .await;

    assert_eq!(erased, 4 * 3);
    assert_list(&[], |page| posts.likes_by(gone, page)).await;
    assert_list(&[], |page| posts.comments_by(gone, page)).await;
    for post in &all {
        assert_eq!(counted(&posts, post).await, (1, 1));
    }
    assert_eq!(posts.erase_traces(sample::id(), 5).await.unwrap(), 0);
}

pub async fn traces_on_removed_posts_are_erased_too(Backend { posts, .. }: Backend) {
    let [author, gone, other] = sample::ids();
    let (removed_post, stays) = (published(&posts, author).await, published(&posts, author).await);
    for post in [&removed_post, &stays] {
        liked(&posts, post, gone).await;
        commented(&posts, post, gone).await;
        liked(&posts, post, other).await;
    }
    removed(&posts, &removed_post).await;

    assert_eq!(drain(3, || posts.erase_traces(gone, 3)).await, 4);

    assert_eq!(drain(3, || posts.purge(removed_post.id, 3)).await, 1);
    assert_eq!(counted(&posts, &stays).await, (1, 0));
    assert_recount(&posts).await;
}

// All of it together

pub async fn counts_equal_a_recount_after_any_concurrent_work(Backend { posts, .. }: Backend) {
    const TASKS: u64 = 8;
    const STEPS: usize = 60;
    let users: [UserId; 5] = sample::ids();
    for author in users {
        published(&posts, author).await;
    }

    at_once((0..TASKS).map(|seed| {
        let posts = posts.clone();
        async move {
            let mut dice = Dice::new(seed);
            for _ in 0..STEPS {
                do_anything(&posts, &users, &mut dice).await;
            }
        }
    }))
    .await;

    assert_recount(&posts).await;
    let by_author: u64 = counts(&posts, users).await.iter().sum();
    assert_eq!(by_author, posts.total().await.unwrap());
    for user in users {
        drain(7, || posts.erase_traces(user, 7)).await;
    }
    assert_recount(&posts).await;
    for post in posts.details(&walk(100, async |page| posts.newest(page).await).await).await.unwrap() {
        assert_eq!((post.like_count, post.comment_count), (0, 0));
    }
}

/// One step of somebody, on one of the newest posts; that it was just removed is all that may go wrong.
async fn do_anything(posts: &Arc<dyn PostStore>, users: &[UserId], dice: &mut Dice) {
    let user = *dice.pick(users);
    let newest = posts.newest(PageRequest::first(6)).await.unwrap().items;
    let Some(found) = posts.details(&newest).await.unwrap().into_iter().nth(dice.below(6)) else { return };
    let post = found.post.clone();
    let done = match dice.below(20) {
        0 | 1 => posts.add(&sample::post(user, "hello"), &Event::AccountRenamed { account: user }).await,
        2 => posts.remove(post.id, &sample::deleted(&post)).await.map(|_| ()),
        3 => posts.purge(post.id, 2).await.map(|_| ()),
        4 => posts.erase_traces(user, 2).await.map(|_| ()),
        5..8 => posts.set_like(sample::like(&post, user), false).await.map(|_| ()),
        8..11 => posts.set_like(sample::like(&post, user), true).await.map(|_| ()),
        11..14 => posts.toggle_like(sample::like(&post, user)).await.map(|_| ()),
        14..17 => match found.comments.first() {
            Some(comment) => posts.remove_comment(post.id, comment.id).await.map(|_| ()),
            None => Ok(()),
        },
        _ => posts.comment(&sample::comment(&post, user, "hello")).await,
    };
    assert!(matches!(done, Ok(()) | Err(Error::NotFound(_))), "{done:?}");
}

/// Every count equals what the lists have.
async fn assert_recount(posts: &Arc<dyn PostStore>) {
    let all = walk(3, async |page| posts.newest(page).await).await;
    assert_eq!(posts.total().await.unwrap(), all.len() as u64);

    let mut by_author: BTreeMap<UserId, u64> = BTreeMap::new();
    let (mut likers, mut commenters) = (BTreeMap::new(), BTreeMap::new());
    for id in all {
        let detail = detail(posts, id).await.unwrap();
        *by_author.entry(detail.post.author).or_default() += 1;

        let likes = walk(3, async |page| posts.likes(id, page).await).await;
        assert_eq!(detail.like_count, likes.len() as u64);
        assert!(detail.likers.iter().eq(likes.iter().take(PostDetail::LIKERS).map(|like| &like.user)));
        let users: IdSet<_> = likes.iter().map(|like| like.user).collect();
        assert_eq!(users.len(), likes.len());
        for like in likes {
            likers.entry(like.user).or_insert_with(Vec::new).push(like);
        }

        let comments = walk(3, async |page| posts.comments(id, page).await).await;
        assert_eq!(detail.comment_count, comments.len() as u64);
        assert!(detail.comments.iter().rev().eq(comments.iter().take(PostDetail::COMMENTS)));
        for comment in comments {
            commenters.entry(comment.author).or_insert_with(Vec::new).push(comment);
        }
    }
    for (author, count) in by_author {
        assert_eq!(counts(posts, [author]).await, [count]);
    }
    for (user, likes) in likers {
        assert_eq!(walk(3, async |page| posts.likes_by(user, page).await).await, likes);
    }
    for (user, mut comments) in commenters {
        comments.sort_by_key(|comment| std::cmp::Reverse(comment.id));
        assert_eq!(walk(3, async |page| posts.comments_by(user, page).await).await, comments);
    }
}
