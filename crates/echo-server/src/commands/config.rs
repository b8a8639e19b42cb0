//! `echod config`

use anyhow::Result;
use clap::{ArgMatches, CommandFactory, parser::ValueSource};

use crate::{
    commands::Cli,
    config::{Secret, Settings},
    system::say,
};

/// The settings with a [`Secret`]; addresses of databases have passwords in them.
const SECRET: [&str; 7] = [
    "jwt_secret",
    "mongodb_uri",
    "redis_url",
    "service_token",
    "aws_secret_access_key",
    "cloudinary_api_secret",
    "otel_exporter_otlp_headers",
];

/// Shows each setting with its value and where that comes from.
///
/// # Errors
/// After showing, what is wrong with the settings.
pub(crate) fn show(settings: &Settings, matches: &ArgMatches) -> Result<()> {
    let command = Cli::command();
    for argument in command.get_arguments().filter(|argument| argument.get_env().is_some()) {
        let id = argument.get_id().as_str();
        let name = argument.get_env().unwrap_or_default().to_string_lossy();
        let value = if SECRET.contains(&id) { masked(matches, id) } else { given(matches, id) };
        let source = match matches.value_source(id) {
            Some(ValueSource::CommandLine) => "flag",
            Some(ValueSource::EnvVariable) => "environment",
            Some(_) => "default",
            None => "not set",
        };
        say(&format!("{name:<27} {value:<28} {source}"))?;
    }
    settings.check()
}

fn masked(matches: &ArgMatches, id: &str) -> String {
    matches.get_one::<Secret>(id).map_or_else(|| "-".to_owned(), |secret| format!("{secret:?}"))
}

fn given(matches: &ArgMatches, id: &str) -> String {
    let values = matches.get_raw(id).into_iter().flatten();
    let values: Vec<_> = values.map(|value| value.to_string_lossy()).collect();
    if values.is_empty() { "-".to_owned() } else { values.join(",") }
}
