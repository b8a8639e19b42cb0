//! A restore gives everything back or changes nothing.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use rustix::fs::{FlockOperation, flock};

use crate::{
    app::{Person, Post},
    cli::{complaint, said},
    echod::{OwnServer, echod, run, with_little_room},
};

/// A server with two posts, and a backup of it from between them.
struct Kept {
    server: OwnServer,
    ana: Person,
    old: Post,
    new: Post,
    file: PathBuf,
}

async fn kept() -> Option<Kept> {
    let server = OwnServer::start().await?;
    let ana = server.sign_up("ana").await;
    ana.upload(crate::picture::png(20, 20)).await;
    let old = ana.publish("old").await;
    let file = server.data().with_file_name("backup.tar");
    said(&server.run(&["backup", file.to_str().unwrap()], ""));
    let new = ana.publish("new").await;
    Some(Kept { server, ana, old, new, file })
}

impl Kept {
    fn restore(&self, file: &Path, how: &[&str]) -> std::process::Output {
        let mut arguments = vec!["restore", file.to_str().unwrap()];
        arguments.extend(how);
        self.server.run(&arguments, "")
    }

    /// Whether the newer post is there; the older one is, always, and who wrote them.
    async fn has_new(&mut self) -> bool {
        self.server.restart();
        let nobody = self.server.anonymous();
        nobody.get(&self.old.path()).await.expect(200);
        self.ana.get("/api/users/me").await.expect(200);
        let has_new = nobody.get(&self.new.path()).await.status == 200;
        self.server.kill();
        has_new
    }
}

#[tokio::test]
async fn what_is_served_or_there_is_replaced_only_when_asked() {
    let Some(mut kept) = kept().await else { return };

    let served = complaint(&kept.restore(&kept.file, &["--replace"]));
    kept.server.kill();
    let there = complaint(&kept.restore(&kept.file, &[]));

    assert!(served.contains("serves"), "{served}");
    assert!(there.contains("--replace"), "{there}");
    assert!(kept.has_new().await);
    assert!(said(&kept.restore(&kept.file, &["--replace", "--verify"])).contains("1 accounts, 1 posts"));
    assert!(!kept.has_new().await);
    let fresh = kept.file.with_file_name("fresh");
    said(&run(echod(&fresh).arg("restore").arg(&kept.file), ""));
    said(&run(echod(&fresh).arg("doctor"), ""));
}

#[tokio::test]
async fn a_damaged_backup_is_refused_and_nothing_changes() {
    let Some(mut kept) = kept().await else { return };
    kept.server.kill();
    let whole = fs::read(&kept.file).unwrap();
    let bad = kept.file.with_file_name("bad.tar");
    let length = whole.len();
    let mut cases: Vec<(Vec<u8>, &str)> =
        [0, 700, length / 3, length / 2, length - 1].map(|end| (whole[..end].to_vec(), "")).into();
    for at in [3, 600, length / 4, length / 2, length - 1100] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        cases.push((damaged, ""));
    }
    let page = whole.windows(15).position(|it| it == b"SQLite format 3").unwrap() + 5000;
    let mut damaged = whole.clone();
    damaged[page] ^= 1;
    cases.push((damaged, "echo.db in it is damaged"));

    for (bytes, why) in cases {
        fs::write(&bad, &bytes).unwrap();
        for how in [&["--replace"][..], &["--verify-only"]] {
            let refused = complaint(&kept.restore(&bad, how));
            assert!(refused.contains("bad.tar") && refused.contains(why), "{refused}");
        }
    }

    assert!(kept.has_new().await);
    assert!(said(&kept.restore(&kept.file, &["--verify-only"])).contains("is good"));
    assert!(kept.has_new().await);
}

#[tokio::test]
async fn one_that_does_not_fit_or_meets_another_command_changes_nothing() {
    let Some(mut kept) = kept().await else { return };
    kept.server.kill();
    let (data, file) = (kept.server.data(), kept.file.to_str().unwrap());
    // As every command has it that is at work.
    let lock = fs::File::open(&data).unwrap();

    let full = complaint(&run(&mut with_little_room(&data, &["restore", file, "--replace"]), ""));
    flock(&lock, FlockOperation::LockShared).unwrap();
    let held = complaint(&kept.restore(&kept.file, &["--replace"]));

    assert!(full.contains("cannot write") && full.contains("echo.db"), "{full}");
    assert!(held.contains("another command"), "{held}");
    drop(lock);
    assert!(!data.join("restoring").exists());
    assert!(kept.has_new().await);
}

#[tokio::test]
async fn while_one_goes_on_nobody_writes_to_what_it_replaces() {
    let Some(mut kept) = kept().await else { return };
    kept.server.kill();
    let lock = fs::File::open(kept.server.data()).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();

    for command in [
        &["user", "suspend", &kept.ana.username][..],
        &["user", "create", "--username", "late", "--email", "late@example.com"],
        &["seed", "--users", "2", "--posts", "1", "--force"],
        &["doctor", "--repair"],
        &["backup", "late.tar"],
        &["migrate"],
        &["serve"],
    ] {
        let refused = complaint(&kept.server.run(command, "a fine password"));
        assert!(refused.contains("a restore or a migration of"), "{refused}");
    }

    drop(lock);
    assert!(kept.has_new().await);
}

#[tokio::test]
async fn images_that_lie_elsewhere_are_not_exchanged_and_echo_starts() {
    let Some(mut kept) = kept().await else { return };
    kept.server.kill();
    let (media, elsewhere) = (kept.server.data().join("media"), kept.server.data().with_file_name("elsewhere"));
    fs::rename(&media, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &media).unwrap();

    let refused = complaint(&kept.restore(&kept.file, &["--replace"]));

    assert!(refused.contains("media is a symbolic link") && refused.contains("DATA_DIR"), "{refused}");
    assert!(!kept.server.data().join("restoring").exists());
    assert!(kept.has_new().await);
}

#[tokio::test]
async fn what_is_no_file_leaves_no_folder_behind() {
    let Some(kept) = kept().await else { return };
    let (fresh, folder) = (kept.file.with_file_name("fresh"), kept.server.data());

    let missing = complaint(&run(echod(&fresh).args(["restore", "no.tar"]), ""));
    let is_folder = complaint(&run(echod(&fresh).arg("restore").arg(folder), ""));

    assert!(missing.contains("no.tar") && is_folder.contains("it is a folder"), "{missing}\n{is_folder}");
    assert!(!fresh.exists());
}

#[tokio::test]
async fn one_killed_within_the_swap_is_finished_by_the_next_start() {
    let Some(mut kept) = kept().await else { return };
    kept.server.kill();
    let as_it_was = kept.file.with_file_name("as_it_was.tar");
    said(&kept.server.run(&["backup", as_it_was.to_str().unwrap()], ""));
    let data = kept.server.data();
    let under_way = || ["restored", "arriving"].iter().any(|folder| data.join(folder).exists());
    let mut within = 0;
    for _ in 0..30 {
        let mut command = echod(&data);
        command.arg("restore").arg(&kept.file).arg("--replace");
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while !under_way() && child.try_wait().unwrap().is_none() {}
        child.kill().unwrap();
        child.wait().unwrap();
        within += usize::from(under_way());

        assert!(!kept.has_new().await);

        assert!(!under_way());
        said(&kept.restore(&as_it_was, &["--replace"]));
        if within == 3 {
            break;
        }
    }
    assert!(within > 0, "not one was killed within the swap");
    assert!(kept.has_new().await);
}

#[tokio::test]
async fn an_interrupted_restore_leaves_the_old_or_the_new_and_never_a_mix() {
    let Some(mut kept) = kept().await else { return };
    kept.server.kill();
    let as_it_was = kept.file.with_file_name("as_it_was.tar");
    said(&kept.server.run(&["backup", as_it_was.to_str().unwrap()], ""));
    let mut ended = 0;
    for pause in [1, 3, 5, 8, 12, 16, 20, 25, 30, 40, 60, 100] {
        let mut command = echod(&kept.server.data());
        command.arg("restore").arg(&kept.file).args(["--replace", "--verify"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(pause));
        child.kill().unwrap();
        let done = child.wait().unwrap().success();

        let has_new = kept.has_new().await;

        assert!(!(done && has_new), "it ended after {pause} ms and changed nothing");
        let doctor = kept.server.run(&["doctor"], "");
        assert!(doctor.status.success(), "{pause}: {}", String::from_utf8_lossy(&doctor.stdout));
        ended += usize::from(!has_new);
        if !has_new {
            said(&kept.restore(&as_it_was, &["--replace"]));
        }
    }
    assert!(ended < 12, "not one was interrupted");
    assert!(kept.has_new().await);
}
