//! Every setting: a flag, an environment variable, a default and a line of help in one declaration.

mod cluster;
pub(crate) mod empty;
mod images;
mod traces;

use std::{fmt, net::IpAddr, path::PathBuf, str::FromStr};

use anyhow::{Result, bail, ensure};
use clap::{Args, ValueEnum};
use ipnet::IpNet;

pub(crate) use cluster::Cluster;
pub(crate) use images::Access;
use images::Images;
pub(crate) use traces::Traces;

/// All settings. Crates below receive values, never this.
#[derive(Debug, Clone, Args)]
pub(crate) struct Settings {
    #[command(flatten)]
    pub(crate) listen: Listen,
    #[command(flatten)]
    pub(crate) data: Data,
    #[command(flatten)]
    pub(crate) images: Images,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
    #[command(flatten)]
    pub(crate) clients: Clients,
    #[command(flatten)]
    pub(crate) log: Log,
    #[command(flatten)]
    pub(crate) traces: Traces,
}

/// Where Echo listens.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Where it listens")]
pub(crate) struct Listen {
    /// Port of the API; 0 takes a free one
    #[arg(long, env = "PORT", default_value_t = 8000, global = true, hide_env_values = true)]
    pub(crate) port: u16,
    /// Address of the API; 0.0.0.0 for every network
    #[arg(long, env = "HOST", default_value = "127.0.0.1", global = true, hide_env_values = true)]
    pub(crate) host: IpAddr,
    /// Address clients use, which links to images start with; https makes cookies Secure [default: http://localhost:PORT]
    #[arg(long, env = "PUBLIC_URL", value_name = "URL", global = true, hide_env_values = true)]
    pub(crate) public_url: Option<Url>,
    /// Address for metrics and for processes with other roles, as HOST:PORT, or off
    #[arg(
        long,
        env = "INTERNAL_ADDR",
        value_name = "ADDR",
        default_value = "127.0.0.1:9464",
        global = true,
        hide_env_values = true
    )]
    pub(crate) internal_addr: InternalAddr,
    /// Seconds between saying "not ready" and accepting nothing new, when it is to stop: as long as balancers take to notice
    #[arg(
        long,
        env = "STOP_DELAY",
        value_name = "SECONDS",
        default_value_t = 0,
        global = true,
        hide_env_values = true
    )]
    pub(crate) stop_delay: u8,
}

/// Where everything is kept.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "What it keeps")]
pub(crate) struct Data {
    /// Folder for the database, images and keys
    #[arg(long, env = "DATA_DIR", value_name = "DIR", default_value = "./data", global = true, hide_env_values = true)]
    pub(crate) data_dir: PathBuf,
    /// Bring an older database up to date at the start; off refuses it instead
    #[arg(long, env = "MIGRATE", value_name = "ON|OFF", default_value = "on", global = true, hide_env_values = true)]
    pub(crate) migrate: Switch,
    /// Refuse every change and go on with what is only read, as while everything is moved to another store
    #[arg(
        long,
        env = "READ_ONLY",
        value_name = "ON|OFF",
        default_value = "off",
        global = true,
        hide_env_values = true
    )]
    pub(crate) read_only: Switch,
    /// Signs access tokens with HS256; at least 32 bytes. Without it, a key pair in the data folder does (EdDSA)
    #[arg(long, env = "JWT_SECRET", value_name = "SECRET", global = true, hide_env_values = true)]
    pub(crate) jwt_secret: Option<Secret>,
}

/// How clients are treated.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Who may call, and how often")]
pub(crate) struct Clients {
    /// Web pages that may call, comma-separated
    #[arg(
        long,
        env = "CORS_ORIGINS",
        value_name = "URLS",
        value_delimiter = ',',
        default_value = "http://localhost:5173",
        global = true,
        hide_env_values = true
    )]
    pub(crate) cors_origins: Vec<Origin>,
    /// Turn away who asks too often; off for load tests
    #[arg(
        long,
        env = "RATE_LIMITS",
        value_name = "ON|OFF",
        default_value = "on",
        global = true,
        hide_env_values = true
    )]
    pub(crate) rate_limits: Switch,
    /// Networks of proxies whose X-Forwarded-For counts, comma-separated: 10.0.0.0/8,192.168.1.5/32
    #[arg(
        long,
        env = "TRUSTED_PROXIES",
        value_name = "NETS",
        value_delimiter = ',',
        global = true,
        hide_env_values = true
    )]
    pub(crate) trusted_proxies: Vec<Network>,
}

/// What is logged and counted, and how.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "What it logs")]
pub(crate) struct Log {
    /// One line for people, or JSON for programs
    #[arg(
        long,
        env = "LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "readable",
        global = true,
        hide_env_values = true
    )]
    pub(crate) log_format: LogFormat,
    /// Which messages: error, warn, info, debug, or by part; info,echo::request=debug has a line for every request
    #[arg(
        long,
        env = "RUST_LOG",
        value_name = "FILTER",
        default_value = "info",
        global = true,
        hide_env_values = true
    )]
    pub(crate) rust_log: String,
    /// Count what happens, for /metrics on the internal listener
    #[arg(long, env = "METRICS", value_name = "ON|OFF", default_value = "on", global = true, hide_env_values = true)]
    pub(crate) metrics: Switch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    On,
    Off,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Readable,
    Json,
}

/// A value that is never shown.
#[derive(Clone)]
pub(crate) struct Secret(String);

/// An http or https address, without a slash at its end.
#[derive(Debug, Clone)]
pub(crate) struct Url(String);

/// The origin of a web page: scheme, host and port.
#[derive(Debug, Clone)]
pub(crate) struct Origin(pub(crate) axum::http::HeaderValue);

/// A network, or one address.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Network(pub(crate) IpNet);

/// The internal listener's address; `None` is off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InternalAddr(pub(crate) Option<std::net::SocketAddr>);

/// Takes settings from `.env` in the working directory; what the environment already has goes first.
///
/// # Errors
/// When the file cannot be read. Its lines are not quoted: they may hold secrets.
pub(crate) fn read_dot_env() -> Result<()> {
    match dotenvy::from_path(".env") {
        Err(dotenvy::Error::LineParse(..)) => {
            bail!(".env has a line that is not NAME=value; put values with spaces or # in single quotes")
        }
        Err(error) if !error.not_found() => bail!("cannot read .env: {error}"),
        _ => Ok(()),
    }
}

impl Settings {
    /// What the types alone do not rule out.
    ///
    /// # Errors
    /// Naming the setting and the cure.
    pub(crate) fn check(&self) -> Result<()> {
        self.check_for_move()?;
        self.images.require_one_place()?;
        self.cluster.check_split(self.data.jwt_secret.is_some(), self.listen.internal_addr.0.is_some())
    }

    /// The same, for what knows two places for images.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub(crate) fn check_for_move(&self) -> Result<()> {
        self.images.check()?;
        if let Some(secret) = &self.data.jwt_secret
            && secret.expose().len() < 32
        {
            bail!("JWT_SECRET has {} bytes, but needs at least 32: try `openssl rand -hex 32`", secret.expose().len());
        }
        self.traces.check()?;
        self.cluster.check()
    }

    /// For commands that look after the data folder as a whole.
    ///
    /// # Errors
    /// When the records are not in it; `cure` says what to do instead.
    pub(crate) fn require_folder(&self, command: &str, cure: &str) -> Result<()> {
        ensure!(
            self.cluster.mongodb_uri().is_none(),
            "`echod {command}` looks after records in the data folder, but MONGODB_URI is set: {cure}"
        );
        Ok(())
    }
}

impl Secret {
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl Url {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Url {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uri: axum::http::Uri = text.parse().map_err(|_| "must be an address such as https://echo.example.com")?;
        match uri.scheme_str() {
            Some("http" | "https") if uri.query().is_none() => Ok(Self(text.trim_end_matches('/').to_owned())),
            _ => Err("must start with http:// or https:// and have no query"),
        }
    }
}

impl FromStr for Origin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Url(origin) = text.trim().parse()?;
        if origin.matches('/').count() > 2 {
            return Err("must be scheme, host and port only, such as https://app.example.com");
        }
        origin.try_into().map(Self).map_err(|_| "must be plain ASCII")
    }
}

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map(Self).map_err(|_| "must be a network such as 10.0.0.0/8, or an address")
    }
}

impl FromStr for InternalAddr {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.eq_ignore_ascii_case("off") {
            return Ok(Self(None));
        }
        text.parse().map(|addr| Self(Some(addr))).map_err(|_| "must be HOST:PORT such as 127.0.0.1:9464, or off")
    }
}

/// Empty is unset, also as a flag.
fn set(value: Option<&str>) -> Option<&str> {
    value.filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_no_path() {
        assert!("https://app.example.com:8443".parse::<Origin>().is_ok());
        assert!("https://app.example.com/".parse::<Origin>().is_ok());
        assert!("https://app.example.com/app".parse::<Origin>().is_err());
        assert!("app.example.com".parse::<Origin>().is_err());
    }

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", "hunter2".parse::<Secret>()), "Ok(***)");
    }
}
