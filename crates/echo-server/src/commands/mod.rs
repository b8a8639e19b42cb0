//! What `echod` can be told to do.

pub(crate) mod backup;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod health;
pub(crate) mod migrate;
pub(crate) mod restore;
pub(crate) mod seed;
pub(crate) mod serve;
pub(crate) mod user;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the API; what happens without a command
    Serve,
    /// Create, list and change accounts, also while the server runs
    User {
        #[command(subcommand)]
        command: user::UserCommand,
    },
    /// Write everything kept into one file, also while the server runs
    Backup(backup::Backup),
    /// Put a backup into the data folder
    Restore(restore::Restore),
    /// Look whether everything kept fits together, also while the server runs; exits 1 when it does not
    Doctor(doctor::DoctorArgs),
    /// Bring the database of an older Echo up to date
    Migrate(migrate::Migrate),
    /// Write a world of demo people, posts and pictures, of any size
    Seed(seed::Seed),
    /// Show every setting, where it comes from, and no secret
    Config,
    /// Ask the running server whether it is well; exits 1 when it is not
    Health,
}
