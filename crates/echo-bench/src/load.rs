//! The load: requests, and `wrk`, which sends them.

use std::{
    io::{self, Write},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use tempfile::NamedTempFile;

use crate::{machine, server::Server};

const REPLAY: &str = include_str!("../lua/replay.lua");

/// An HTTP/1.1 request as it goes over the wire.
#[derive(Clone)]
pub(crate) struct Request(Vec<u8>);

impl Request {
    pub(crate) fn get(path: &str, token: Option<&str>) -> Self {
        Self::new("GET", path, token, None)
    }

    pub(crate) fn put(path: &str, token: &str) -> Self {
        Self::new("PUT", path, Some(token), Some(("application/json", b"")))
    }

    pub(crate) fn post(path: &str, token: Option<&str>, kind: &str, body: &[u8]) -> Self {
        Self::new("POST", path, token, Some((kind, body)))
    }

    fn new(method: &str, path: &str, token: Option<&str>, body: Option<(&str, &[u8])>) -> Self {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: echo\r\n");
        if let Some(token) = token {
            head += &format!("Authorization: Bearer {token}\r\n");
        }
        if let Some((kind, body)) = body {
            head += &format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len());
        }
        head += "\r\n";
        Self([head.as_bytes(), body.map_or(&[], |(_, body)| body)].concat())
    }
}

/// Connections, each of which sends its next request as soon as it has the reply to the last one.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) requests: Vec<Request>,
    pub(crate) connections: usize,
    /// How long each waits before each request, on average.
    pub(crate) pause: Duration,
}

impl Load {
    /// As many connections as most lines of the report use.
    pub(crate) const CONNECTIONS: usize = 64;

    pub(crate) fn new(requests: Vec<Request>) -> Self {
        Self { requests, connections: Self::CONNECTIONS, pause: Duration::ZERO }
    }

    /// Drives the server, and returns when that is done.
    ///
    /// # Errors
    /// When `wrk` cannot run.
    pub(crate) fn run(&self, server: &Server, seconds: u64) -> Result<Sample> {
        let before = server.cpu()?;
        let summary = self.start(server, seconds)?.wait()?;
        Ok(Sample { summary, cpu: server.cpu()?.saturating_sub(before) })
    }

    /// Begins to drive the server.
    ///
    /// # Errors
    /// When `wrk` cannot run.
    pub(crate) fn start(&self, server: &Server, seconds: u64) -> Result<Running> {
        let (script, requests) = (file(REPLAY.as_bytes())?, self.written()?);
        let threads = (machine::cores() / 2).clamp(1, self.connections);
        let child = Command::new("wrk")
            .arg(format!("-t{threads}"))
            .arg(format!("-c{}", self.connections))
            .arg(format!("-d{seconds}s"))
            .args(["--timeout", "10s", "-s"])
            .arg(script.path())
            .arg(&server.url)
            .arg("--")
            .arg(requests.path())
            .args([threads.to_string(), self.pause.as_millis().to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run wrk, which makes the load: apt-get install wrk")?;
        Ok(Running { child: Some(child), _files: [script, requests] })
    }

    fn written(&self) -> io::Result<NamedTempFile> {
        let mut bytes = Vec::new();
        for Request(request) in &self.requests {
            writeln!(bytes, "{}", request.len())?;
            bytes.extend_from_slice(request);
        }
        file(&bytes)
    }
}

fn file(bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut file = NamedTempFile::new()?;
    file.write_all(bytes)?;
    Ok(file)
}

/// A load that goes on until it is waited for, or dropped.
pub(crate) struct Running {
    child: Option<Child>,
    _files: [NamedTempFile; 2],
}

impl Running {
    /// # Errors
    /// When `wrk` failed.
    pub(crate) fn wait(mut self) -> Result<Summary> {
        let child = self.child.take().context("it was waited for already")?;
        let output = child.wait_with_output()?;
        if !output.status.success() {
            bail!("wrk failed ({})", output.status);
        }
        parse(&String::from_utf8_lossy(&output.stdout))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What `wrk` saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct Summary {
    pub(crate) requests: u64,
    pub(crate) micros: u64,
    /// Replies of 400 and above, connections that broke, and requests without a reply.
    pub(crate) failed: u64,
    pub(crate) p50_micros: u64,
    pub(crate) p99_micros: u64,
}

impl Summary {
    /// What several runs at the same time came to; latencies are those of the slowest.
    pub(crate) fn together(all: &[Self]) -> Self {
        let most = |value: fn(&Self) -> u64| all.iter().map(value).max().unwrap_or_default();
        Self {
            requests: all.iter().map(|one| one.requests).sum(),
            micros: most(|one| one.micros),
            failed: all.iter().map(|one| one.failed).sum(),
            p50_micros: most(|one| one.p50_micros),
            p99_micros: most(|one| one.p99_micros),
        }
    }
}

/// One run against one server, or against several at the same time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) summary: Summary,
    /// What the server spent.
    pub(crate) cpu: Duration,
}

fn parse(output: &str) -> Result<Summary> {
    let line = output.lines().find(|line| line.starts_with('{')).context("wrk printed no summary")?;
    serde_json::from_str(line).with_context(|| format!("wrk printed {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_a_head_and_a_body() {
        let request = Request::post("/api/posts", Some("abc"), "text/plain", b"hello");

        let expected = "POST /api/posts HTTP/1.1\r\nHost: echo\r\nAuthorization: Bearer abc\r\n\
                        Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(String::from_utf8(request.0).unwrap(), expected);
    }

    #[test]
    fn runs_at_the_same_time_are_one_as_slow_as_the_slowest() {
        let of =
            |requests, micros, failed| Summary { requests, micros, failed, p50_micros: micros / 2, p99_micros: micros };

        assert_eq!(Summary::together(&[of(10, 100, 0), of(20, 90, 1)]), of(30, 100, 1));
    }

    #[test]
    fn the_summary_is_found_among_what_wrk_says() {
        let output = "Running 1s test\n  2 requests in 1.00s\n\
                      {\"requests\":2,\"micros\":1000000,\"failed\":1,\"p50_micros\":70,\"p99_micros\":90}\n";

        let summary = Summary { requests: 2, micros: 1_000_000, failed: 1, p50_micros: 70, p99_micros: 90 };
        assert_eq!(parse(output).unwrap(), summary);
        assert!(parse("Running 1s test").is_err());
    }
}
