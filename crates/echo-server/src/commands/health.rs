//! `echod health`

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{config::Settings, system::say};

const TIMEOUT: Duration = Duration::from_secs(5);

/// What is asked.
#[derive(Debug, Clone, Args)]
pub(crate) struct Health {
    /// Ask whether it can do its work, too: whether what it needs, such as the database, answers
    #[arg(long)]
    ready: bool,
}

impl Health {
    const fn path(&self) -> &'static str {
        if self.ready { "/readyz" } else { "/healthz" }
    }

    const fn wanted(&self) -> &'static str {
        if self.ready { "ready" } else { "alive" }
    }
}

/// Asks the server that these settings describe whether it lives, or is ready.
///
/// # Errors
/// When it does not answer, or is not.
pub(crate) fn run(settings: &Settings, asked: &Health) -> Result<()> {
    let address = SocketAddr::new(reachable(settings.listen.host), settings.listen.port);
    let reply = ask(address, asked.path())
        .with_context(|| format!("no Echo answers at http://{address} (PORT and HOST say where)"))?;
    let (head, body) = reply.split_once("\r\n\r\n").unwrap_or((&reply, ""));
    let status = head.split_ascii_whitespace().nth(1).unwrap_or_default();
    let wanted = asked.wanted();
    if status != "200" {
        bail!("Echo at http://{address} is not {wanted}: {status} {body}");
    }
    say(&format!("Echo at http://{address} is {wanted}: {body}"))?;
    Ok(())
}

fn ask(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut reply = String::new();
    stream.take(64 * 1024).read_to_string(&mut reply)?;
    Ok(reply)
}

/// Who listens everywhere is asked on the loopback address.
fn reachable(host: IpAddr) -> IpAddr {
    match host {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        host => host,
    }
}
