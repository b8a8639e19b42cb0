//! Profiles, search and follows.

use std::time::Duration;

use reqwest::multipart::Form;
use serde_json::{Value, json};

use crate::{
    app::{PASSWORD, TestApp, eventually, fields, ids, text, together, unique},
    client::file,
    hostile::NOBODY,
    picture::png,
};

const NO_PICTURE: fn() -> Value = || json!({"secure_url": "", "public_id": ""});

#[tokio::test]
async fn the_own_profile_shows_everything() {
    let app = TestApp::start().await;
    let (ana, bob) = (app.sign_up("ana").await, app.sign_up("bob_").await);
    ana.follow(&bob).await;
    ana.publish("hello").await;

    let me = ana.get("/api/users/me").await.expect(200).data();

    let expected = "_id bio createdAt email followers followersCount following followingCount name postsCount \
                    profilePicture role updatedAt username";
    assert_eq!(fields(&me), expected.split_whitespace().collect::<Vec<_>>());
    assert_eq!((&me["_id"], &me["username"], &me["email"]), (&json!(ana.id), &json!(ana.username), &json!(ana.email)));
    assert_eq!((&me["name"], &me["bio"], &me["role"]), (&json!("ana"), &json!(""), &json!("user")));
    assert_eq!(fields(&me["profilePicture"]), ["public_id", "secure_url"]);
    assert_eq!((&me["followers"], &me["following"]), (&json!([]), &json!([bob.id])));
    assert_eq!((&me["followersCount"], &me["followingCount"], &me["postsCount"]), (&json!(0), &json!(1), &json!(1)));
}

#[tokio::test]
async fn anothers_profile_hides_the_address_and_tells_how_we_stand() {
    let app = TestApp::start().await;
    let (ana, bob) = (app.sign_up("ana").await, app.sign_up("bob_").await);
    bob.follow(&ana).await;
    let posts = [ana.publish("one").await, ana.publish("two").await];

    let profile = bob.get(&ana.path()).await.expect(200).data();

    let expected = "_id bio createdAt followers followersCount following followingCount followsYou isFollowing name \
                    nextPostsCursor posts postsCount profilePicture updatedAt username";
    let found: Vec<_> = fields(&profile).into_iter().filter(|field| field != "role").collect();
    assert_eq!(found, expected.split_whitespace().collect::<Vec<_>>());
    assert_eq!(fields(&profile["followers"][0]), ["_id", "name", "profilePicture", "username"]);
    assert_eq!(profile["followers"][0]["_id"], bob.id);
    assert_eq!((&profile["isFollowing"], &profile["followsYou"]), (&json!(true), &json!(false)));
    assert_eq!(ids(&profile["posts"]), [posts[1].id.as_str(), &posts[0].id]);
    assert_eq!(profile["nextPostsCursor"], Value::Null);
    let the_other_way = ana.get(&bob.path()).await.expect(200).data();
    assert_eq!((&the_other_way["isFollowing"], &the_other_way["followsYou"]), (&json!(false), &json!(true)));
    bob.get(&format!("/api/users/{NOBODY}")).await.refused(404, "user_not_found");
}

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
async fn a_profile_is_changed_as_json() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let (username, email) = (unique("Anna"), format!("{}@example.com", unique("anna")));
    let change =
        json!({"name": "Anna 😀", "bio": " I write.\nA lot. ", "username": username, "email": email.to_uppercase()});

    let reply = ana.patch("/api/users/profile").json(change).await.expect(200);

    let me = reply.data();
    assert_eq!(reply.message(), "Profile updated successfully");
    assert_eq!((&me["name"], &me["bio"]), (&json!("Anna 😀"), &json!("I write.\nA lot.")));
    assert_eq!((&me["username"], &me["email"]), (&json!(username), &json!(email)));
    assert_eq!(ana.get("/api/users/me").await.expect(200).data(), me);
    app.log_in(&username.to_lowercase(), PASSWORD).await;
    let old = json!({"username": ana.username, "password": PASSWORD});
    app.anonymous().post("/api/auth/login").json(old).await.expect(401);
}

#[tokio::test]
async fn what_is_left_out_of_a_change_stays() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    ana.patch("/api/users/profile").json(json!({"bio": "here to stay"})).await.expect(200);

    ana.patch("/api/users/profile").json(json!({"name": "Anna"})).await.expect(200);
    ana.patch("/api/users/profile").json(json!({})).await.expect(200);

    let me = ana.get("/api/users/me").await.expect(200).data();
    assert_eq!(
        (&me["name"], &me["bio"], &me["username"]),
        (&json!("Anna"), &json!("here to stay"), &json!(ana.username))
    );
}

#[tokio::test]
async fn a_new_name_shows_on_old_posts_within_a_second() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let post = ana.publish("hello").await;
    let username = unique("anna");

    ana.patch("/api/users/profile").json(json!({"username": username})).await.expect(200);

    let renamed = async || app.anonymous().view(&post).await["user"]["username"] == username;
    eventually("the post shows the new name", Duration::from_secs(1), renamed).await;
}

#[tokio::test]
async fn a_new_picture_replaces_the_old_one() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let post = ana.publish("hello").await;
    let form = |picture| Form::new().text("bio", "with a face").part("profilePicture", file(picture));

    let first = ana.patch("/api/users/profile").form(form(png(40, 40))).await.expect(200).data();
    let first = text(&first["profilePicture"]["secure_url"]);
    app.anonymous().get(&first).await.expect(200);
    let me = ana.patch("/api/users/profile").form(form(png(50, 50))).await.expect(200).data();

    assert_eq!(me["bio"], "with a face");
    let second = text(&me["profilePicture"]["secure_url"]);
    assert_ne!(first, second);
    assert_ne!(me["profilePicture"]["public_id"], "");
    app.anonymous().get(&second).await.expect(200);
    let gone = async || app.anonymous().get(&first).await.status == 404;
    eventually("the old picture is deleted", Duration::from_secs(60), gone).await;
    let shown = async || app.anonymous().view(&post).await["user"]["profilePicture"] == me["profilePicture"];
    eventually("the post shows the new picture", Duration::from_secs(1), shown).await;
}

#[tokio::test]
async fn a_refused_change_changes_nothing() {
    let app = TestApp::start().await;
    let (ana, bob) = (app.sign_up("ana").await, app.sign_up("bob_").await);
    let before = ana.get("/api/users/me").await.expect(200).data();
    let form = Form::new().text("bio", "new").text("username", bob.username.to_uppercase());

    ana.patch("/api/users/profile")
        .form(form.part("profilePicture", file(png(8, 8))))
        .await
        .refused(409, "username_taken");
    ana.patch("/api/users/profile").json(json!({"bio": "new", "email": bob.email})).await.refused(409, "email_taken");
    let bad = json!({"name": "", "bio": "x".repeat(301), "username": "a b", "email": "nowhere"});
    ana.patch("/api/users/profile").json(bad).await.names(&["bio", "email", "name", "username"]);
    let no_image = Form::new().text("bio", "new").part("profilePicture", file(b"no image".to_vec()));
    ana.patch("/api/users/profile").form(no_image).await.expect(415);

    assert_eq!(ana.get("/api/users/me").await.expect(200).data(), before);
    assert_eq!(before["profilePicture"], NO_PICTURE());
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
