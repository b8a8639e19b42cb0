//! Images come and go at random while the server is killed again and again: in the end there is a file for each image, and
//! none too many.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use reqwest::multipart::Form;
use rusqlite::Connection;
use serde_json::json;

use crate::{
    app::{PASSWORD, Person, Post, eventually},
    client::{Blocks, Reply, file},
    echod::OwnServer,
    picture::png,
};

const PATIENCE: Duration = Duration::from_secs(90);

/// Somebody who does things with images.
struct Busy {
    person: Person,
    /// What everybody uploads, so that many images are equal.
    pictures: Arc<Vec<Vec<u8>>>,
    replies: Arc<AtomicUsize>,
    /// Chooses what comes next, differently in each run.
    chance: AtomicU32,
}

impl Busy {
    /// Until the server goes away.
    async fn live(self) {
        let mut posts = Vec::new();
        while self.one_thing(&mut posts).await.is_some() {}
    }

    async fn one_thing(&self, posts: &mut Vec<Post>) -> Option<()> {
        let picture = match self.below(4) {
            0 => png(20, 20),
            _ => self.pictures[self.below(self.pictures.len())].clone(),
        };
        match self.below(5) {
            0 => {
                let form = Form::new().part("file", file(picture));
                self.answered(self.person.post("/api/media").form(form).try_send().await?).expect(201);
            }
            1 => {
                let form = Form::new().part("profilePicture", file(picture));
                self.answered(self.person.patch("/api/users/profile").form(form).try_send().await?).expect(200);
            }
            2 if !posts.is_empty() => {
                let post = posts.swap_remove(self.below(posts.len()));
                self.answered(self.person.delete(&post.path()).try_send().await?).expect(200);
            }
            3 => {
                // A part of it cannot be shown, so nothing is kept of the other.
                let form = Form::new().image_block(0, picture).image_block(1, b"no image".to_vec());
                self.answered(self.person.post("/api/posts").form(form).try_send().await?).expect(415);
            }
            _ => {
                let form = Form::new().image_block(0, picture.clone()).image_block(1, picture);
                let reply = self.answered(self.person.post("/api/posts").form(form).try_send().await?).expect(201);
                posts.push(Post::from(&reply.data()));
            }
        }
        Some(())
    }

    fn answered(&self, reply: Reply) -> Reply {
        self.replies.fetch_add(1, Ordering::Relaxed);
        reply
    }

    fn below(&self, bound: usize) -> usize {
        let chance = self.chance.load(Ordering::Relaxed).wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.chance.store(chance, Ordering::Relaxed);
        (chance >> 8) as usize % bound
    }
}

/// Somebody who joins, shows an image, and leaves, with all of theirs.
async fn pass_by(server: &OwnServer, picture: Vec<u8>) {
    let guest = server.sign_up("guest").await;
    guest.upload(picture.clone()).await;
    let form = Form::new().image_block(0, picture);
    guest.post("/api/posts").form(form).await.expect(201);
    guest.delete("/api/users/me").json(json!({"password": PASSWORD})).await.expect(200);
}

#[tokio::test]
async fn no_file_is_left_over_or_missing_after_kill_9_again_and_again() {
    let Some(mut server) = OwnServer::start().await else { return };
    let mut people = Vec::new();
    for _ in 0..4 {
        people.push(server.sign_up("busy").await);
    }
    let pictures = Arc::new((0..3).map(|n| png(30 + n, 30)).collect::<Vec<_>>());

    for round in 1..=4 {
        let replies = Arc::new(AtomicUsize::new(0));
        let start = |person: &Person| {
            let (person, pictures, replies) = (person.clone(), pictures.clone(), replies.clone());
            let chance = AtomicU32::from(std::process::id().wrapping_mul(round * 2 + 1));
            tokio::spawn(Busy { person, pictures, replies, chance }.live())
        };
        let living: Vec<_> = people.iter().map(start).collect();
        pass_by(&server, pictures[0].clone()).await;
        let busy = async || replies.load(Ordering::Relaxed) >= 40;
        eventually("images come and go", PATIENCE, busy).await;
        server.kill();
        join_all(living).await.into_iter().for_each(|ended| ended.unwrap());
        server.restart();
    }

    // As if an hour had passed for what nothing shows.
    let records = Connection::open(server.data().join("echo.db")).unwrap();
    records.busy_timeout(PATIENCE).unwrap();
    let settled = async || {
        records.execute("UPDATE media SET expires = 1 WHERE expires > 1", []).unwrap();
        let left = "SELECT (SELECT count(*) FROM media WHERE expires IS NOT NULL)
             + (SELECT count(*) FROM events WHERE position > (SELECT min(position) FROM event_consumers))";
        records.query_row(left, [], |row| row.get::<_, i64>(0)).unwrap() == 0
    };
    eventually("what nothing shows goes", PATIENCE, settled).await;

    let named = names(&records);
    assert!(!named.is_empty());
    let media = server.data().join("media");
    eventually("there are the files that are named, and no others", PATIENCE, async || files(&media) == named).await;
    let examined = server.run(&["doctor", "--json"], "");
    assert!(examined.status.success(), "{}", String::from_utf8_lossy(&examined.stdout));
}

/// What all sets of blobs name.
fn names(records: &Connection) -> BTreeSet<String> {
    let names = "SELECT shape ->> '$.location' FROM blobs
         UNION SELECT variant.value ->> '$.location' FROM blobs, json_each(shape, '$.variants') AS variant";
    records.prepare(names).unwrap().query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn files(media: &Path) -> BTreeSet<String> {
    let list = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let folders = list(media).into_iter().filter(|folder| !folder.ends_with("unfinished"));
    let files = folders.flat_map(|folder| list(&folder));
    files.map(|file| file.file_name().unwrap().to_string_lossy().into_owned()).collect()
}
