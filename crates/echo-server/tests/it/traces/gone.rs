//! A collector that hangs, or is not there.

use std::{
    io::Read,
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use rustix::process::Signal;

use crate::{
    app::eventually,
    echod::{OwnServer, echod, own_folder, run},
};

/// Accepts connections and says nothing, ever.
fn silent() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut connection in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || while connection.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {});
        }
    });
    address
}

/// The lines about the collector.
fn told(echo: &OwnServer) -> Vec<String> {
    echo.log.lines().into_iter().filter(|line| line.contains("the collector")).collect()
}

#[tokio::test]
async fn a_collector_that_hangs_holds_up_nobody() {
    let Some(mut echo) = OwnServer::start_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &silent())]).await else { return };
    let ana = echo.sign_up("ana").await;

    // Until more wait than may.
    eventually("spans are dropped", Duration::from_secs(120), async || {
        join_all((0..200).map(|_| async { ana.get("/api/users/me").await.expect(200) })).await;
        echo.figures().await.contains("echo_trace_spans_total{outcome=\"dropped\"}")
    })
    .await;
    eventually("it is said", Duration::from_secs(30), async || !told(&echo).is_empty()).await;
    ana.publish("hello").await;
    let lines = told(&echo);
    assert!(lines.len() == 1 && lines[0].contains("WARN"), "{lines:?}");
    let stopping = Instant::now();
    assert!(echo.stop(Signal::TERM).success());
    assert!(stopping.elapsed() < Duration::from_secs(15), "{:?}", stopping.elapsed());
}

#[test]
fn what_is_not_understood_is_refused_by_the_name_of_the_setting() {
    let Some(folder) = own_folder() else { return };
    for (setting, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
        ("OTEL_TRACES_SAMPLER_ARG", "5%"),
    ] {
        let output = run(echod(folder.path()).env(setting, value), "");

        let error = String::from_utf8(output.stderr).unwrap();
        let flag = setting.to_lowercase().replace('_', "-");
        assert!(!output.status.success() && (error.contains(setting) || error.contains(&flag)), "{setting}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}
