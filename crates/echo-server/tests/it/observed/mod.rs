//! Echo as Prometheus sees it: of one that is used, each panel of the dashboards and each rule that the project ships has
//! something to tell.

mod asked;
mod life;
mod prometheus;

use std::time::{Duration, Instant};

use crate::{cluster::servers::free_port, echod::OwnServer, services::Services};

use asked::Asked;
use prometheus::{Prometheus, Target};

/// Some figures are gathered every minute.
const PATIENCE: Duration = Duration::from_secs(240);

#[tokio::test]
async fn each_panel_and_each_rule_tells_something_of_an_echo_that_is_used() {
    let internal = format!("127.0.0.1:{}", free_port());
    let Some(alone) = OwnServer::start_with(&[("INTERNAL_ADDR", &internal)]).await else { return };
    let Some(services) = Services::start().await else { return };
    let mut targets = vec![Target { role: None, address: internal }];
    targets.extend(services.internal().map(|(role, address)| Target { role: Some(role), address }));
    let prometheus = Prometheus::start(&targets).await;

    let asked = [asked::panels(), prometheus.rules().await].concat();
    let silent = use_until_told(&alone, &services, &prometheus, asked).await;

    assert!(silent.is_empty(), "these tell nothing:\n{}", silent.join("\n"));
    assert_eq!(prometheus.broken_rules().await, Vec::<String>::new());
}

/// People do everything there is to do, again and again, until all that is asked has an answer. Gives what still has none.
async fn use_until_told(
    alone: &OwnServer,
    services: &Services,
    prometheus: &Prometheus,
    mut asked: Vec<Asked>,
) -> Vec<String> {
    let deadline = Instant::now() + PATIENCE;
    while !asked.is_empty() && Instant::now() < deadline {
        tokio::join!(life::everything(alone), life::everything(&services.front));
        let mut silent = Vec::new();
        for it in asked {
            if !prometheus.tells(&it.query).await {
                silent.push(it);
            }
        }
        asked = silent;
    }
    asked.into_iter().map(|it| format!("{}: {}", it.place, it.query)).collect()
}

#[test]
fn there_are_panels_to_ask() {
    assert!(asked::panels().len() > 80);
}
