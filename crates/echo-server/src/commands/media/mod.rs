//! `echod media`

mod moving;

use anyhow::Result;
use clap::Subcommand;

use crate::config::Settings;

#[derive(Debug, Subcommand)]
pub(crate) enum MediaCommand {
    /// Copy all images from where they are to S3, Cloudinary or the data folder
    Move(moving::Move),
}

/// Does it on whatever the settings say, whether or not it is being served.
///
/// # Errors
/// In one line.
pub(crate) fn run(settings: &Settings, command: &MediaCommand) -> Result<()> {
    match command {
        MediaCommand::Move(asked) => moving::run(settings, asked),
    }
}
