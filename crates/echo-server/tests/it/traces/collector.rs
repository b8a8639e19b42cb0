//! A collector that takes what Echo exports, as a process of a test's own: oteltap, which prints what it gets.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use serde::Deserialize;
use serde_json::Value;

use crate::cluster::servers::{await_port, free_port};

/// It is killed when it goes out of scope.
pub struct Collector {
    child: Child,
    port: u16,
    lines: Arc<Mutex<Vec<String>>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Span {
    pub name: String,
    pub trace_id: String,
    pub span_id: String,
    /// Empty at the start of a trace.
    pub parent_span_id: String,
    kind: u8,
    status: Status,
    attributes: Vec<Attribute>,
}

#[derive(Debug, Clone, Deserialize)]
struct Status {
    code: u8,
}

#[derive(Debug, Clone, Deserialize)]
struct Attribute {
    key: String,
    /// By its type.
    value: BTreeMap<String, Value>,
}

impl Collector {
    pub fn start() -> Self {
        let port = free_port();
        let mut command = Command::new(oteltap());
        command.args(["--port", &port.to_string()]).env("PYTHONUNBUFFERED", "1");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}; scripts/test installs it"));
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let (output, kept) = (child.stdout.take().unwrap(), lines.clone());
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                kept.lock().unwrap().push(line);
            }
        });
        await_port(port);
        Self { child, port, lines }
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// All that it got, as text.
    pub fn text(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }

    pub fn spans(&self) -> Vec<Span> {
        self.lines.lock().unwrap().iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Those of one trace.
    pub fn trace(&self, id: &str) -> Vec<Span> {
        self.spans().into_iter().filter(|span| span.trace_id == id).collect()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Span {
    /// As <https://github.com/open-telemetry/opentelemetry-proto> numbers them.
    pub fn is_servers(&self) -> bool {
        self.kind == 2
    }

    pub fn is_clients(&self) -> bool {
        self.kind == 3
    }

    pub fn is_consumers(&self) -> bool {
        self.kind == 5
    }

    pub fn has_failed(&self) -> bool {
        self.status.code == 2
    }

    pub fn attribute(&self, key: &str) -> Option<String> {
        let found = self.attributes.iter().find(|it| it.key == key)?;
        let value = found.value.values().next()?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }

    /// The names of those that it is below, from the nearest to the first of them that is among `spans`.
    pub fn above<'a>(&self, spans: &'a [Self]) -> Vec<&'a str> {
        let parent = spans.iter().find(|it| it.span_id == self.parent_span_id);
        parent.map_or_else(Vec::new, |parent| [vec![parent.name.as_str()], parent.above(spans)].concat())
    }
}

fn oteltap() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "the tests' own setting, no server's")]
    let given = std::env::var("OTELTAP").ok();
    given.map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/venv/bin/oteltap"), PathBuf::from)
}
