//! A Prometheus with the rules that the project ships, which asks once a second.

use std::{
    fmt::Write,
    fs,
    process::{Child, Command, Stdio},
    time::Duration,
};

use reqwest::Url;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    app::{eventually, text},
    cluster::servers::free_port,
    echod::own_folder,
};

use super::asked::Asked;

/// How long its start may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The internal listener of a process.
pub struct Target {
    pub role: Option<&'static str>,
    pub address: String,
}

/// It is killed when it goes out of scope.
pub struct Prometheus {
    port: u16,
    http: reqwest::Client,
    child: Child,
    _folder: TempDir,
}

impl Prometheus {
    pub async fn start(targets: &[Target]) -> Self {
        let (folder, port) = (own_folder().unwrap(), free_port());
        let (config, data) = (folder.path().join("prometheus.yml"), folder.path().join("data"));
        fs::write(&config, settings(targets)).unwrap();
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", config.display()));
        command.arg(format!("--storage.tsdb.path={}", data.display()));
        command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}; scripts/test installs it"));
        let prometheus = Self { port, http: reqwest::Client::new(), child, _folder: folder };
        eventually("Prometheus is ready", PATIENCE, async || prometheus.is_ready().await).await;
        prometheus
    }

    async fn is_ready(&self) -> bool {
        let reply = self.http.get(format!("http://127.0.0.1:{}/-/ready", self.port)).send().await;
        reply.is_ok_and(|reply| reply.status().is_success())
    }

    /// Whether the query has an answer that is a number.
    pub async fn tells(&self, query: &str) -> bool {
        let answer = self.ask("query", &[("query", query)]).await;
        answer["result"].as_array().unwrap().iter().any(|it| it["value"][1] != "NaN")
    }

    /// What the recording rules ask, and each figure that an alert is about.
    pub async fn rules(&self) -> Vec<Asked> {
        let mut all = Vec::new();
        for rule in self.loaded().await {
            let (place, query) = (text(&rule["name"]), text(&rule["query"]));
            match rule["type"].as_str() {
                Some("recording") => all.push(Asked { place, query }),
                _ => all.extend(figures(&query).map(|query| Asked { place: place.clone(), query })),
            }
        }
        assert!(all.len() > 40, "rules are missing: there are {}", all.len());
        all
    }

    /// Those that could not be evaluated, with the reason.
    pub async fn broken_rules(&self) -> Vec<String> {
        let rules = self.loaded().await.into_iter().filter(|it| it["health"] != "ok");
        rules.map(|it| format!("{}: {} {}", it["name"], it["health"], it["lastError"])).collect()
    }

    async fn loaded(&self) -> Vec<Value> {
        let groups = self.ask("rules", &[]).await["groups"].take();
        groups.as_array().unwrap().iter().flat_map(|it| it["rules"].as_array().unwrap().clone()).collect()
    }

    async fn ask(&self, what: &str, parameters: &[(&str, &str)]) -> Value {
        let url = format!("http://127.0.0.1:{}/api/v1/{what}", self.port);
        let reply = self.http.get(Url::parse_with_params(&url, parameters).unwrap()).send().await.unwrap();
        let mut body: Value = serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap();
        assert!(body["status"] == "success", "{parameters:?}: {body}");
        body["data"].take()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn settings(targets: &[Target]) -> String {
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/prometheus/rules/*.yml");
    let mut settings = format!(
        "global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }}\nrule_files: [\"{rules}\"]\n\
         scrape_configs:\n- job_name: echo\n  static_configs:\n"
    );
    for Target { role, address } in targets {
        let labels = role.map(|role| format!(", labels: {{ role: {role} }}")).unwrap_or_default();
        writeln!(settings, "  - {{ targets: [\"{address}\"]{labels} }}").unwrap();
    }
    settings
}

/// The names of figures in a query.
fn figures(query: &str) -> impl Iterator<Item = String> {
    let words = query.split(|c: char| !(c.is_ascii_alphanumeric() || "_:".contains(c)));
    words.filter(|it| ["echo_", "process_", "slo:"].iter().any(|start| it.starts_with(start))).map(str::to_owned)
}
