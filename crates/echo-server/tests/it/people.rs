//! Finding people and following them.

use serde_json::{Value, json};

use crate::{
    app::{TestApp, fields, ids, text, together, unique},
    hostile::NOBODY,
};

#[tokio::test]
async fn people_are_found_by_any_part_of_a_name_in_any_case() {
    let app = TestApp::start().await;
    let ana = app.sign_up("Finda").await;
    let mark = unique("").to_lowercase();
    ana.patch("/api/users/profile").json(json!({"name": format!("Zoë {mark} Ñandú")})).await.expect(200);
    let search = async |query: &str| {
        let found = ana.get(&format!("/api/users/search?query={query}&limit=100")).await.expect(200).data();
        ids(&found["users"])
    };

    for part in
        [&mark[..], &mark[1..], &mark.to_uppercase(), &format!("ZO%C3%8B%20{mark}%20%C3%91"), &ana.username[2..]]
    {
        let found = search(part).await;
        assert!(found.contains(&ana.id), "{part} finds {found:?}");
    }
    assert!(search(&format!("x{mark}")).await.is_empty());
}

#[tokio::test]
async fn a_search_shows_public_profiles_only() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;

    let found = ana.get(&format!("/api/users/search?query={}", ana.username)).await.expect(200).data();

    assert_eq!(fields(&found), ["pagination", "users"]);
    assert_eq!(found["pagination"]["hasNextPage"], false);
    let shown = fields(&found["users"][0]);
    let expected = "_id bio createdAt followersCount followingCount name postsCount profilePicture updatedAt username";
    let shown: Vec<_> = shown.iter().filter(|field| *field != "role").collect();
    assert_eq!(shown, expected.split_whitespace().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_search_is_for_text_and_never_for_a_pattern() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let mark = unique("p");
    ana.patch("/api/users/profile").json(json!({"name": format!("100% {mark} \"a_b\" (.*)")})).await.expect(200);
    let search = async |query: &str| {
        let query: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        ids(&ana.get(&format!("/api/users/search?query={query}")).await.expect(200).data()["users"])
    };

    for query in [&format!("100% {mark}"), &format!("{mark} \"a_b\""), &format!("{mark} \"a_b\" (.*)")] {
        assert_eq!(search(query).await, [ana.id.as_str()], "{query}");
    }
    for query in [
        format!("{mark}%a"),
        format!("{mark}.*"),
        format!("1__% {mark}"),
        format!("({mark}"),
        format!("{mark}' OR 1=1 --"),
    ] {
        assert!(search(&query).await.is_empty(), "{query}");
    }
    ana.get("/api/users/search").await.names(&["query"]);
    ana.get("/api/users/search?query=").await.names(&["query"]);
    ana.get(&format!("/api/users/search?query={}", "x".repeat(51))).await.names(&["query"]);
}

#[tokio::test]
async fn a_search_goes_on_after_the_last_id() {
    let app = TestApp::start().await;
    let mark = unique("walk");
    let mut people = Vec::new();
    for _ in 0..5 {
        people.push(app.sign_up(&mark[..12]).await);
    }
    let common = people[0].username[..16.min(people[0].username.len())].to_owned();

    let mut found = Vec::new();
    let mut last = String::new();
    loop {
        let page = people[0].get(&format!("/api/users/search?query={common}&limit=2{last}")).await.expect(200).data();
        found.extend(ids(&page["users"]));
        if page["pagination"]["hasNextPage"] == false {
            break;
        }
        assert_eq!(page["users"].as_array().map(Vec::len), Some(2));
        assert_eq!(page["pagination"]["lastId"], page["users"][1]["_id"]);
        last = format!("&lastId={}", text(&page["pagination"]["lastId"]));
    }

    found.retain(|id| people.iter().any(|person| person.id == *id));
    let newest_first: Vec<_> = people.iter().rev().map(|person| person.id.clone()).collect();
    assert_eq!(found, newest_first);
}

#[tokio::test]
async fn following_follows_its_rules() {
    let app = TestApp::start().await;
    let (ana, bob) = (app.sign_up("ana").await, app.sign_up("bob_").await);
    let patch = async |who: &str, what: &str| ana.patch(&format!("/api/users/{who}/{what}")).await;

    let reply = patch(&bob.id, "follow").await.expect(200);
    assert_eq!((reply.message(), reply.data()), (format!("Following {}", bob.username), Value::Null));
    patch(&bob.id, "follow").await.refused(409, "already_following");
    let reply = patch(&bob.id, "unfollow").await.expect(200);
    assert_eq!((reply.message(), reply.data()), (format!("Unfollowed {}", bob.username), Value::Null));
    patch(&bob.id, "unfollow").await.refused(409, "not_following");

    for what in ["follow", "unfollow"] {
        patch(&ana.id, what).await.expect(400);
        patch(NOBODY, what).await.refused(404, "user_not_found");
        patch("nonsense", what).await.expect(400);
    }
    assert_eq!(bob.get("/api/users/me").await.expect(200).data()["followersCount"], 0);
}

#[tokio::test]
async fn of_twelve_follows_exactly_one_counts() {
    let app = TestApp::start().await;
    let (ana, bob) = (app.sign_up("ana").await, app.sign_up("bob_").await);

    let replies = together(12, async |_| ana.patch(&format!("{}/follow", bob.path())).await).await;

    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1, "{replies:?}");
    assert_eq!(replies.iter().filter(|reply| reply.status == 409).count(), 11, "{replies:?}");
    let bob = bob.get("/api/users/me").await.expect(200).data();
    assert_eq!((&bob["followersCount"], &bob["followers"]), (&json!(1), &json!([ana.id])));
}

#[tokio::test]
async fn followers_following_and_posts_are_walked_newest_first() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let mut others = Vec::new();
    for _ in 0..5 {
        let other = app.sign_up("other").await;
        other.follow(&ana).await;
        ana.follow(&other).await;
        others.insert(0, other.id.clone());
    }
    let mut posts = Vec::new();
    for i in 0..5 {
        posts.insert(0, ana.publish(&format!("post {i}")).await.id);
    }
    let walk =
        async |list: &str| ids(&app.anonymous().walk(&format!("{}/{list}", ana.path()), 2, |_| false).await.into());

    assert_eq!(walk("followers").await, others);
    assert_eq!(walk("following").await, others);
    assert_eq!(walk("posts").await, posts);
    app.anonymous().get(&format!("/api/users/{NOBODY}/followers")).await.refused(404, "user_not_found");
}
