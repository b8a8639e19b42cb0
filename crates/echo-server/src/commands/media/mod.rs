//! `echod media`

mod moving;
mod usage;

use anyhow::Result;
use clap::Subcommand;

use crate::config::Settings;

#[derive(Debug, Subcommand)]
pub(crate) enum MediaCommand {
    /// Copy all images from where they are to S3, Cloudinary or the data folder
    Move(moving::Move),
    /// Say what the room for images goes to: by what shows them, by age and by person
    Usage(usage::UsageArgs),
}

/// Does it on whatever the settings say, whether or not it is being served.
///
/// # Errors
/// In one line.
pub(crate) fn run(settings: &Settings, command: &MediaCommand) -> Result<()> {
    match command {
        MediaCommand::Move(asked) => moving::run(settings, asked),
        MediaCommand::Usage(asked) => usage::run(settings, asked),
    }
}
