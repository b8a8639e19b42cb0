//! The first Echo: its database, Mongoose on MongoDB, read with forbearance and brought in as records of this one.
//!
//! Its code wrote both ends of a follow one after the other, let two people take names that differ by case, and deleted
//! accounts without what they had made. What such races left behind is mended or left out, and told in the [`Report`].

mod database;
mod fields;
mod follows;
mod ids;
mod import;
mod intake;
mod names;
mod people;
mod posts;
mod report;
mod users;

pub use database::{Legacy, OpenError};
pub use import::{Import, Step};
pub use report::{Noted, Report, Tally};
