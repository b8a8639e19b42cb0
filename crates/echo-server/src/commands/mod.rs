//! What `echod` can be told to do.

pub(crate) mod backup;
pub(crate) mod bench;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod health;
pub(crate) mod import_legacy;
pub(crate) mod media;
pub(crate) mod migrate;
pub(crate) mod mongo;
pub(crate) mod restore;
pub(crate) mod seed;
pub(crate) mod serve;
pub(crate) mod user;

use clap::{Parser, Subcommand};

use crate::config::Settings;

/// Echo, a social media backend.
#[derive(Debug, Parser)]
#[command(
    name = "echod",
    version,
    about = "Echo, a social media backend: accounts, profiles, follows, posts, likes, comments, feeds and images.",
    long_about = "Echo, a social media backend: accounts, profiles, follows, posts, likes, comments, feeds and images.\n\n\
        Without a command it serves: at http://localhost:8000, keeping everything in ./data.",
    after_help = "Every setting can be given as a flag, in the environment, or in a file .env in the working directory.\n\n\
        Examples:\n  \
        echod                                     serve at http://localhost:8000\n  \
        PORT=9000 DATA_DIR=/srv/echo echod        elsewhere, with other data\n  \
        echod user create --username ana_lima --name 'Ana Lima' --email ana@example.com --role moderator\n  \
        echod backup echo.tar                     everything into one file, also while it is served\n  \
        echod doctor                              look whether everything kept fits together\n  \
        echod health                              ask the running server whether it lives"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) settings: Settings,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

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
    /// Look after images, also while the server runs
    Media {
        #[command(subcommand)]
        command: media::MediaCommand,
    },
    /// Bring the database of an older Echo up to date
    Migrate(migrate::Migrate),
    /// Bring in what the first Echo kept in its MongoDB
    ImportLegacy(import_legacy::ImportLegacy),
    /// Spread what is kept in MongoDB over the shards of a cluster
    Mongo {
        #[command(subcommand)]
        command: mongo::MongoCommand,
    },
    /// Write a world of demo people, posts and pictures, of any size
    Seed(seed::Seed),
    /// Measure how many people this box carries, in about a minute, with an Echo of its own
    Bench(bench::Bench),
    /// Show every setting, where it comes from, and no secret
    Config,
    /// Ask the running server whether it lives, or is ready; exits 1 when it is not
    Health(health::Health),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
