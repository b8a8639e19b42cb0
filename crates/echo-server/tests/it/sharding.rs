//! `echod mongo shard`: what spreads the collections over the shards of a cluster.

use crate::{
    cli::{complaint, said},
    echod::{echod, own_folder, run},
    mongo::OwnDatabase,
};

const COMMANDS: &str = r#"db.getSiblingDB("echo").requests.createIndex({ "_id": "hashed" })
sh.shardCollection("echo.requests", { "_id": "hashed" })
db.getSiblingDB("echo_auth").sessions.createIndex({ "_id": "hashed" })
sh.shardCollection("echo_auth.sessions", { "_id": "hashed" })
db.getSiblingDB("echo_users").profiles.createIndex({ "_id": "hashed" })
sh.shardCollection("echo_users.profiles", { "_id": "hashed" })
sh.shardCollection("echo_users.follows", { "follower": 1, "followee": 1 })
db.getSiblingDB("echo_posts").posts.createIndex({ "author": "hashed" })
sh.shardCollection("echo_posts.posts", { "author": "hashed" })
db.getSiblingDB("echo_posts").post_writers.createIndex({ "_id": "hashed" })
sh.shardCollection("echo_posts.post_writers", { "_id": "hashed" })
db.getSiblingDB("echo_posts").likes.createIndex({ "post": "hashed" })
sh.shardCollection("echo_posts.likes", { "post": "hashed" })
db.getSiblingDB("echo_posts").comments.createIndex({ "post": "hashed" })
sh.shardCollection("echo_posts.comments", { "post": "hashed" })
db.getSiblingDB("echo_media").media.createIndex({ "_id": "hashed" })
sh.shardCollection("echo_media.media", { "_id": "hashed" })
db.getSiblingDB("echo_media").blobs.createIndex({ "_id": "hashed" })
sh.shardCollection("echo_media.blobs", { "_id": "hashed" })
db.getSiblingDB("echo_media").blobs_doomed.createIndex({ "_id": "hashed" })
sh.shardCollection("echo_media.blobs_doomed", { "_id": "hashed" })
db.getSiblingDB("echo_media").media_writers.createIndex({ "_id": "hashed" })
sh.shardCollection("echo_media.media_writers", { "_id": "hashed" })
"#;

#[test]
fn the_commands_are_printed_for_the_databases_of_the_address_without_asking_anybody() {
    let Some(folder) = own_folder() else { return };
    let printed = |uri: &str| said(&run(echod(folder.path()).env("MONGODB_URI", uri).args(["mongo", "shard"]), ""));

    assert_eq!(printed(""), COMMANDS);
    assert_eq!(printed("mongodb://ana:hunter2@db.invalid/"), COMMANDS);
    let other = printed("mongodb+srv://ana:hunter2@db.invalid/social?retryWrites=true");
    assert_eq!(other, COMMANDS.replace("\"echo", "\"social"));
}

#[test]
fn an_address_that_is_none_is_told() {
    let Some(folder) = own_folder() else { return };
    let mut command = echod(folder.path());

    let refused =
        complaint(&run(command.env("MONGODB_URI", "postgres://ana:hunter2@db/").args(["mongo", "shard"]), ""));

    assert!(refused.contains("MONGODB_URI is not understood") && !refused.contains("hunter2"), "{refused}");
}

#[tokio::test]
async fn a_server_that_is_not_sharded_is_told() {
    let Some(folder) = own_folder() else { return };
    let mongo = OwnDatabase::new().await;
    let apply = |uri: &str| {
        complaint(&run(echod(folder.path()).env("MONGODB_URI", uri).args(["mongo", "shard", "--apply"]), ""))
    };

    let refused = apply(&mongo.address);
    let nowhere = apply("");

    assert!(refused.contains("is not sharded") && refused.contains("mongos"), "{refused}");
    assert!(nowhere.contains("MONGODB_URI must say where the cluster is"), "{nowhere}");
    mongo.drop().await;
}
