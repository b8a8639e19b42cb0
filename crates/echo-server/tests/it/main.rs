//! Echo's API told as stories: the real `echod`, driven over HTTP.
//!
//! The stories share one server, started by the first of them. With `ECHO_TEST_URL` set they are told to the Echo at that
//! address instead; those that need a process of their own are then left out, with a line that says so.

#![expect(unreachable_pub, reason = "`pub` is what a module offers to the stories; there is nobody else")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stderr, reason = "a story that is left out says so")]

mod app;
mod client;
#[expect(dead_code, reason = "some of it is for its own tests")]
#[path = "../../../echo-media/tests/cloudinary/double.rs"]
mod cloudinary;
mod contract;
mod echod;
mod legacy;
mod mongo;
mod picture;
#[path = "../../../echo-mongo/src/watched/places.rs"]
mod places_named;
#[expect(dead_code, reason = "some of it is for its own tests")]
#[path = "../../../echo-media/tests/s3/server.rs"]
mod s3;
#[expect(dead_code, reason = "some of it is for its own tests")]
#[path = "../../../echo-media/tests/s3/giver.rs"]
mod s3_role;
mod wire;
mod wiretap;

mod account_end;
mod apart;
mod auth;
mod backup;
mod bench;
mod cli;
mod cluster;
mod conventions;
mod crash;
mod discretion;
mod doctor;
mod faults;
mod feed;
mod figures;
mod hostile;
mod hostile_bodies;
mod hostile_images;
mod idempotency;
mod import_legacy;
mod limits;
mod log;
mod media;
mod media_keeper;
mod media_orphans;
mod media_usage;
mod metrics;
mod migrate;
mod moving;
mod observed;
mod on_mongodb;
mod openapi;
mod people;
mod places;
mod posts;
mod reactions;
mod readme;
mod restore;
mod seed;
mod services;
mod sessions;
mod sharding;
mod start;
mod traces;
mod users;
