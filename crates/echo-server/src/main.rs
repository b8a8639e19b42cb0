//! `echod`: Echo as one program.

mod archive;
mod assemble;
mod commands;
mod config;
mod data_dir;
mod from_file;
mod interrupt;
mod listener;
mod progress;
mod rehearsal;
mod roles;
mod swap;
mod system;
mod telemetry;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};
use commands::{
    Cli, Command, backup, bench, config::show, doctor, health, import_legacy, media, migrate, mongo, restore, seed,
    serve, user,
};
use rustix::{fs::Mode, process::umask};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Whatever is made in the data folder is nobody else's: hashes, addresses, keys.
    umask(Mode::RWXG | Mode::RWXO);
    if let Err(error) = config::read_dot_env() {
        return fail(&error);
    }
    let matches = config::empty::is_unset(Cli::command()).get_matches();
    let outcome = Cli::from_arg_matches(&matches).map_err(|error| error.exit()).and_then(|cli: Cli| {
        let settings = cli.settings;
        match cli.command.unwrap_or(Command::Serve) {
            Command::Doctor(asked) => return doctor::run(&settings, &asked),
            Command::Serve => serve::run(settings),
            Command::User { command } => user::run(&settings, command),
            Command::Seed(demo) => seed::run(&settings, &demo),
            Command::Backup(asked) => backup::run(&settings, &asked),
            Command::Restore(asked) => restore::run(&settings, &asked),
            Command::Media { command } => media::run(&settings, &command),
            Command::Migrate(asked) => migrate::run(&settings, &asked),
            Command::ImportLegacy(asked) => import_legacy::run(&settings, &asked),
            Command::Mongo { command } => mongo::run(&settings, &command),
            Command::Bench(asked) => bench::run(settings, &asked),
            Command::Config => show(&settings, &matches),
            Command::Health(asked) => health::run(&settings, &asked),
        }?;
        Ok(ExitCode::SUCCESS)
    });
    outcome.unwrap_or_else(|error| fail(&error))
}

/// One clear line, whatever went wrong.
fn fail(error: &anyhow::Error) -> ExitCode {
    system::complain(&format!("echod: {error:#}"));
    ExitCode::FAILURE
}
