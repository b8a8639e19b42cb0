//! Migrations explain themselves. What they do to older schemas is tested in echo-sqlite.

use std::fs;

use rusqlite::Connection;

use crate::{
    cli::{complaint, said},
    echod::{OwnServer, echod, own_folder, run},
};

#[tokio::test]
async fn a_current_database_needs_nothing() {
    let Some(mut server) = OwnServer::start_with(&[("MIGRATE", "off")]).await else { return };

    assert!(said(&server.run(&["migrate", "--plan"], "")).contains("up to date"));
    assert!(complaint(&server.run(&["migrate"], "")).contains("serves"));

    server.kill();
    assert!(said(&server.run(&["migrate"], "")).contains("up to date"));
}

#[test]
fn a_plan_changes_nothing_and_is_then_carried_out() {
    let Some(folder) = own_folder() else { return };
    let database = folder.path().join("echo.db");
    fs::write(&database, "").unwrap();
    let migrate = |arguments: &[&str]| run(echod(folder.path()).arg("migrate").args(arguments), "");

    let plan = said(&migrate(&["--plan"]));

    assert!(plan.contains("initial") && plan.contains("0 rows") && plan.contains("Nothing was done"), "{plan}");
    assert_eq!(fs::metadata(&database).unwrap().len(), 0);
    assert!(said(&migrate(&[])).contains("Done."));
    assert!(said(&migrate(&["--plan"])).contains("up to date"));
}

#[test]
fn a_newer_database_is_refused_by_every_command() {
    let Some(folder) = own_folder() else { return };
    let connection = Connection::open(folder.path().join("echo.db")).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();

    for command in [&["serve"][..], &["migrate"], &["migrate", "--plan"], &["doctor"], &["backup", "x.tar"]] {
        let refused = complaint(&run(echod(folder.path()).args(command), ""));
        assert!(refused.contains("run a newer echod"), "{refused}");
    }
    assert!(!folder.path().join("x.tar").exists());
}
