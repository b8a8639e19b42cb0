//! `echod import-legacy`: the first Echo comes in whole, with what its races left behind mended and told.

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};

use mongodb::bson::{Bson, doc, oid::ObjectId};
use rusqlite::{Connection, OpenFlags, types::Value as Cell};
use serde_json::{Value, json};

use crate::{
    app::{PASSWORD, eventually, ids, text},
    cli::{complaint, said},
    echod::{OwnServer, echod, own_folder, run},
    legacy::{id, moment, post, user},
    mongo::OwnDatabase,
};

const PICTURE: &str = "https://res.cloudinary.com/echo/image/upload/v1620000000/posts/sunset.jpg";

fn import(data: &Path, legacy: &OwnDatabase, more: &[&str]) -> Output {
    run(echod(data).args(["import-legacy", &legacy.address]).args(more), "")
}

#[track_caller]
fn report(output: &Output) -> Value {
    serde_json::from_str(&said(output)).unwrap()
}

/// How many of a kind were mended or left out, by what was wrong.
fn noted(noted: &Value) -> BTreeMap<&str, u64> {
    let noted = noted.as_object().unwrap().iter();
    noted.map(|(why, it)| (why.as_str(), it["count"].as_u64().unwrap())).collect()
}

/// Whoever the story is about, and somebody who is gone.
const fn people() -> [u32; 6] {
    [1, 2, 3, 4, 5, 99]
}

/// What races, older versions and people with a shell left behind.
pub async fn hostile() -> OwnDatabase {
    let legacy = OwnDatabase::new().await;
    let [ana, ben, cleo, late, husk, ghost] = people().map(|n| id(n, n));
    let mut anas = user(ana, "Ana_Lima", &[ben, ben], &[ben, ben, ghost, ana]);
    anas.insert("profilePicture", doc! { "public_id": "profiles/ana", "secure_url": PICTURE });
    let mut lates = user(late, "ANA_LIMA", &[], &[]);
    lates.insert("email", "ANA_lima@Example.com");
    let husks = doc! {
        "_id": husk, "username": 42, "email": Bson::Null, "password": "in the clear", "followers": "nobody",
        "following": [17, Bson::Null], "createdAt": "2021-05-06T07:08:09.123Z", "isAdmin": true,
        "name": "n".repeat(60), "profilePicture": "none", "bio": "a\0b",
    };
    let no_id = doc! { "_id": "root", "username": "root" };
    let users = [anas, user(ben, "ben_ito", &[ana], &[]), user(cleo, "cleo", &[], &[ana]), lates, husks, no_id];
    legacy.insert("users", users).await;

    let comment =
        |n, user, content: &str| doc! { "_id": id(20, n), "user": user, "content": content, "createdAt": moment(9) };
    let mut full = post(id(10, 1), ana, "hello", &[ben, ben, ghost, cleo]);
    full.insert(
        "content",
        vec![
            Bson::from(doc! { "_id": id(11, 1), "type": "text", "value": "hello" }),
            doc! { "_id": id(11, 2), "type": "image", "value": PICTURE, "public_id": "posts/sunset" }.into(),
            doc! { "_id": id(11, 1), "type": "text", "value": "an id twice" }.into(),
            doc! { "type": "video", "value": "?" }.into(),
            doc! { "type": "image", "value": "javascript:alert(1)" }.into(),
            "no block at all".into(),
        ],
    );
    let nameless = doc! { "user": ana, "content": "no id", "createdAt": "never" };
    let comments = [comment(1, ben, "first!"), comment(1, cleo, "an id twice"), comment(2, ghost, "boo"), nameless];
    full.insert("comments", comments.to_vec());
    let mut old = post(id(10, 3), cleo, "", &[]);
    old.insert("content", "only a text");
    old.remove("createdAt");
    let mut empty = post(id(10, 4), ben, "", &[ana]);
    empty.insert("content", Vec::<Bson>::new());
    let ghosts = post(id(10, 2), ghost, "boo", &[ana, ben]);
    legacy.insert("posts", [full, ghosts, old, empty, doc! { "_id": id(10, 5) }]).await;

    let chat = || doc! { "chatName": "sender", "isGroupChat": false, "users": [ana, ben] };
    legacy.insert("chats", [chat(), chat()]).await;
    legacy.insert("messages", [doc! { "sender": ana, "content": "hi" }]).await;
    legacy
}

#[tokio::test]
async fn everything_that_made_sense_is_there_and_people_sign_in_as_before() {
    let Some(mut server) = OwnServer::start().await else { return };
    server.kill();
    let legacy = hostile().await;
    let collections = ["users", "posts", "chats", "messages"];
    let before = legacy.contents(&collections).await;
    let [ana, ben, cleo, late, ..] = people().map(|n| id(n, n).to_hex());

    said(&import(&server.data(), &legacy, &[]));

    assert!(legacy.contents(&collections).await == before, "the first Echo's database was changed");
    let examined = server.run(&["doctor"], "");
    assert!(examined.status.success(), "{}", String::from_utf8_lossy(&examined.stdout));
    server.restart();
    let person = server.log_in("ana_lima", PASSWORD).await;
    assert_eq!((&person.id, person.email.as_str()), (&ana, "ana_lima@example.com"));
    assert_eq!(server.log_in("ana_lima_2", PASSWORD).await.id, late);

    let me = person.get("/api/users/me").await.expect(200).data();
    assert_eq!((&me["name"], &me["bio"]), (&json!("Name of Ana_Lima"), &json!("¡Hola!")));
    assert_eq!(me["profilePicture"]["secure_url"], PICTURE);
    assert_eq!(
        (&me["createdAt"], &me["updatedAt"]),
        (&json!("2021-05-03T00:00:01.123Z"), &json!("2021-05-03T00:00:02.123Z"))
    );
    assert_eq!((&me["followersCount"], &me["followingCount"], &me["postsCount"]), (&json!(2), &json!(1), &json!(1)));
    assert_eq!(me["following"], json!([ben]));
    let followers: Vec<_> = ids(&person.walk(&format!("/api/users/{ana}/followers"), 1, |_| false).await.into());
    assert!(followers.contains(&ben) && followers.contains(&cleo), "{followers:?}");

    let feed = person.get("/api/posts").await.expect(200).data();
    assert_eq!((ids(&feed["posts"]), &feed["totalPosts"]), (vec![id(10, 3).to_hex(), id(10, 1).to_hex()], &json!(2)));
    let post = &feed["posts"][1];
    assert_eq!((&post["likeCount"], &post["likes"]), (&json!(2), &json!([ben, cleo])));
    assert_eq!(post["createdAt"], "2021-05-03T00:00:03.123Z");
    let [hello, picture, again] = post["content"].as_array().unwrap().as_slice() else { panic!("{post}") };
    assert_eq!((&hello["_id"], &hello["value"]), (&json!(id(11, 1).to_hex()), &json!("hello")));
    assert_eq!((&picture["_id"], &picture["value"]), (&json!(id(11, 2).to_hex()), &json!(PICTURE)));
    assert!(picture.get("width").is_none() && picture.get("blurhash").is_none(), "{picture}");
    assert_eq!(again["value"], "an id twice");
    let comments = post["comments"].as_array().unwrap();
    let said: Vec<_> = comments.iter().map(|comment| text(&comment["content"])).collect();
    assert_eq!((said.len(), &post["commentCount"]), (3, &json!(3)));
    assert!(comments.iter().any(|it| it["_id"] == json!(id(20, 1).to_hex()) && it["content"] == "first!"), "{said:?}");
    legacy.drop().await;
}

#[tokio::test]
async fn what_was_mended_and_left_out_is_told() {
    let Some(folder) = own_folder() else { return };
    let legacy = hostile().await;

    let report = report(&import(folder.path(), &legacy, &["--json"]));
    let told = said(&import(folder.path(), &legacy, &[]));

    let figures = |kind: &str| ["read", "kept"].map(|it| report[kind][it].as_u64().unwrap());
    assert_eq!(["users", "posts", "images"].map(figures), [[6, 5], [5, 2], [3, 2]]);
    assert_eq!(["likes", "comments"].map(figures), [[7, 2], [4, 3]]);
    assert_eq!(["chats", "messages"].map(figures), [[2, 0], [1, 0]]);
    let follows = &report["follows"];
    assert_eq!((&follows["kept"], follows["read"].as_u64()), (&json!(3), Some(9)));
    let at_one_end = [("only the one who follows had it", 1), ("only the one who is followed had it", 1)];
    assert_eq!(noted(&follows["mended"]), BTreeMap::from(at_one_end));
    let expected = [("listed twice", 2), ("no id of anybody", 2), ("of oneself", 1), ("of somebody who is gone", 1)];
    assert_eq!(noted(&follows["leftOut"]), BTreeMap::from(expected));
    assert_eq!(
        noted(&report["posts"]["leftOut"]),
        BTreeMap::from([("nothing in it", 1), ("of somebody who is gone", 2)])
    );
    let renamed = &report["users"]["mended"]["username of an older account: renamed"]["examples"];
    assert_eq!(renamed, &json!([format!("{}: ANA_LIMA is now ANA_LIMA_2", id(4, 4))]));
    assert!(noted(&report["users"]["mended"]).len() >= 5, "{report:#}");
    for part in ["ANA_LIMA is now ANA_LIMA_2", "no chat yet", "twice by the same", "with their passwords of before"] {
        assert!(told.contains(part), "{part} in {told}");
    }
    assert!(!told.contains("@"), "{told}");
    legacy.drop().await;
}

/// Every row of every table, but not how far the import came.
pub fn rows(data: &Path) -> BTreeMap<String, Vec<Vec<Cell>>> {
    let connection = Connection::open(data.join("echo.db")).unwrap();
    let tables =
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'transfer'";
    let mut tables = connection.prepare(tables).unwrap();
    let tables = tables.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap);
    let rows_of = |table: &String| {
        let columns = connection.prepare(&format!("SELECT * FROM {table}")).unwrap().column_count();
        let order = if columns > 1 { "1, 2" } else { "1" };
        let mut all = connection.prepare(&format!("SELECT * FROM {table} ORDER BY {order}")).unwrap();
        let rows = all.query_map([], |row| (0..columns).map(|column| row.get(column)).collect()).unwrap();
        rows.map(Result::unwrap).collect()
    };
    tables.map(|table| (table.clone(), rows_of(&table))).collect()
}

#[tokio::test]
async fn a_second_import_changes_nothing_and_tells_the_same() {
    let Some(folder) = own_folder() else { return };
    let legacy = hostile().await;
    let first = said(&import(folder.path(), &legacy, &["--json"]));
    let before = rows(folder.path());

    let second = said(&import(folder.path(), &legacy, &["--json"]));

    assert_eq!(second, first);
    assert!(rows(folder.path()) == before, "something has changed");
    legacy.drop().await;
}

/// Enough of everything to be killed in the middle of it.
async fn large() -> OwnDatabase {
    const PEOPLE: u32 = 1500;
    let legacy = OwnDatabase::new().await;
    let all: Vec<ObjectId> = (0..PEOPLE).map(|n| id(n, n)).collect();
    let next = |n: u32, by: u32| all[((n + by) % PEOPLE) as usize];
    let users = (0..PEOPLE).map(|n| {
        let following: Vec<_> = (1..=8).map(|by| next(n, by)).collect();
        let followers: Vec<_> = (1..=9).map(|by| next(n, PEOPLE - by)).collect();
        user(all[n as usize], &format!("user{n}"), &followers, &following)
    });
    legacy.insert("users", users).await;
    let posts = (0..PEOPLE).map(|n| post(id(5000 + n, n), next(n, 3), "hello", &[next(n, 1), next(n, 2)]));
    legacy.insert("posts", posts).await;
    legacy
}

#[tokio::test]
async fn an_import_that_is_killed_goes_on_and_ends_the_same() {
    let (Some(whole), Some(killed)) = (own_folder(), own_folder()) else { return };
    let legacy = large().await;
    let expected = said(&import(whole.path(), &legacy, &["--json"]));

    for (table, least) in [("accounts", 200), ("follows", 1000), ("posts", 200)] {
        let mut command = echod(killed.path());
        command.args(["import-legacy", &legacy.address]).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let reached = async || count(killed.path(), table) >= least;
        eventually("the import gets there", Duration::from_secs(60), reached).await;
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let told = said(&import(killed.path(), &legacy, &["--json"]));

    assert_eq!(told, expected);
    assert!(rows(killed.path()) == rows(whole.path()), "a killed import ends otherwise");
    let examined = run(echod(killed.path()).arg("doctor"), "");
    assert!(examined.status.success(), "{}", String::from_utf8_lossy(&examined.stdout));
    legacy.drop().await;
}

/// How many rows a table has, whoever writes to it.
fn count(data: &Path, table: &str) -> u64 {
    let connection = Connection::open_with_flags(data.join("echo.db"), OpenFlags::SQLITE_OPEN_READ_ONLY);
    let count = connection.and_then(|it| it.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)));
    count.map_or(0, |count: i64| u64::try_from(count).unwrap())
}

#[tokio::test]
async fn what_cannot_be_imported_is_refused_in_one_line() {
    let Some(server) = OwnServer::start().await else { return };
    let Some(folder) = own_folder() else { return };
    let (legacy, nothing) = (hostile().await, OwnDatabase::new().await);
    let refused = |data: &Path, address: &str| complaint(&run(echod(data).args(["import-legacy", address]), ""));

    assert!(refused(folder.path(), &nothing.address).contains("no users"));
    let nameless = refused(folder.path(), "mongodb://ana:hunter2@127.0.0.1:1/");
    assert!(nameless.contains("name of the first Echo's database") && !nameless.contains("hunter2"), "{nameless}");
    assert!(refused(folder.path(), "postgres://localhost/echo").contains("not understood"));
    assert!(refused(&server.data(), &legacy.address).contains("serves"));

    let form = ["user", "create", "--username", "somebody", "--email", "somebody@example.com"];
    said(&run(echod(folder.path()).args(form), PASSWORD));
    assert!(refused(folder.path(), &legacy.address).contains("something else"));
    legacy.drop().await;
}

#[test]
fn an_address_may_come_by_standard_input() {
    let Some(folder) = own_folder() else { return };

    let refused = complaint(&run(echod(folder.path()).args(["import-legacy", "-"]), "mongodb://127.0.0.1/\n"));

    assert!(refused.contains("name of the first Echo's database"), "{refused}");
}
