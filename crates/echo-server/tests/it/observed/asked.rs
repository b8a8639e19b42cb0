//! What the dashboards ask, as Grafana would put it.

use std::{fs, path::Path};

use serde_json::Value;

use crate::app::text;

/// A query, and where it is from.
#[derive(Clone)]
pub struct Asked {
    pub place: String,
    pub query: String,
}

/// The query of each panel, with everything chosen at the top of its dashboard.
pub fn panels() -> Vec<Asked> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/grafana/dashboards");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.flat_map(|file| panels_of(&serde_json::from_slice(&fs::read(file).unwrap()).unwrap())).collect()
}

fn panels_of(dashboard: &Value) -> Vec<Asked> {
    let mut all = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap().iter().filter(|it| it["type"] != "row") {
        for target in panel["targets"].as_array().unwrap() {
            let place = format!("{}, {}", text(&dashboard["title"]), text(&panel["title"]));
            all.push(Asked { place, query: with_all_chosen(&text(&target["expr"])) });
        }
    }
    all
}

fn with_all_chosen(query: &str) -> String {
    let query = query.replace("$__rate_interval", "30s");
    ["$job", "$role", "$instance"].into_iter().fold(query, |query, variable| query.replace(variable, ".*"))
}
