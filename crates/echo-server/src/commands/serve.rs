//! `echod serve`

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinSet,
};

use crate::{
    assemble,
    config::{Settings, Switch},
    data_dir::DataDir,
    listener,
    roles::Roles,
    system::say,
    telemetry,
};

/// Serves until Ctrl-C or SIGTERM.
///
/// # Errors
/// When it cannot start: one line that names the setting and the cure.
pub(crate) fn run(settings: Settings) -> Result<()> {
    settings.check()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    let traces = telemetry::start(&settings, runtime.handle())?;
    raise_file_limit();
    let served = runtime.block_on(serve(settings));
    if let Some(traces) = traces {
        traces.end();
    }
    served
}

async fn serve(settings: Settings) -> Result<()> {
    // First: what is made before counts nothing.
    let metrics = telemetry::metrics(&settings)?;
    let data = DataDir::open(&settings.data.data_dir)?;
    let read_only = settings.data.read_only == Switch::On;
    // Records in MongoDB are shared, and so may the folder of images be.
    let _served = match settings.cluster.mongodb_uri() {
        Some(_) => None,
        None if read_only => Some(data.keep_still()?),
        None => Some(data.serve()?),
    };
    let public = listener::bind(SocketAddr::new(settings.listen.host, settings.listen.port), "PORT or HOST").await?;
    let internal = match settings.listen.internal_addr.0 {
        Some(address) => Some(listener::bind(address, "INTERNAL_ADDR").await?),
        None => None,
    };
    let here = format!("http://localhost:{}", public.local_addr()?.port());
    let public_url = settings.listen.public_url.as_ref().map_or(here.as_str(), |url| url.as_str());

    assemble::migrate(&settings, &data)?;
    let base = assemble::base(&settings, &data, settings.cluster.roles).await?;
    let records = base.records.clone();
    if settings.cluster.redis_url().is_none() {
        records.require_alone().await?;
    }
    if read_only {
        records.keep_still().await?;
    }
    let images = assemble::images(&settings, &data, &base).await?;
    let (leave, leaving) = watch::channel(false);
    let (stop, stopped) = watch::channel(false);
    let echo = assemble::echo(&settings, images.as_ref(), base, public_url, leaving.clone(), metrics)?;
    stop_on_signals(leave, stop, Duration::from_secs(settings.listen.stop_delay.into()))?;
    let (app, inside) = (echo.app.clone(), echo.internal.clone());
    let background = echo.start_background(&stopped);

    let told = internal.as_ref().filter(|_| settings.log.metrics == Switch::On);
    let told_at = told.map(tokio::net::TcpListener::local_addr).transpose()?;
    // Nobody reading is no reason not to serve.
    let _ = say(&welcome(&here, &records.whereabouts(&data, images.as_ref()), settings.cluster.roles, told_at));
    if read_only {
        let _ = say("READ_ONLY is on: every change is refused, and what follows from earlier ones waits.\n");
    }
    let inside = async {
        if let Some(listener) = internal {
            listener::serve("internal", listener, inside, leaving.clone(), stopped.clone()).await;
        }
    };
    tokio::join!(listener::serve("public", public, app, leaving.clone(), stopped.clone()), inside);
    if tokio::time::timeout(WIND_DOWN, join(background)).await.is_err() {
        tracing::warn!("some clean-up was cut short: it goes on at the next start");
    }
    records.close().await?;
    let _ = say("Echo has stopped. Everything is kept.");
    Ok(())
}

fn welcome(here: &str, whereabouts: &str, roles: Roles, metrics: Option<SocketAddr>) -> String {
    let metrics = metrics.map_or_else(|| "off".to_owned(), |address| format!("http://{address}/metrics"));
    if roles.is_split() {
        return format!(
            "\nEcho {version} is ready at {here}, as {roles}\n\n  {whereabouts}\n  Metrics {metrics}\n",
            version = env!("CARGO_PKG_VERSION")
        );
    }
    format!(
        "\nEcho {version} is ready at {here}\n\n  \
           API     {here}/docs\n  \
           {whereabouts}\n  \
           Metrics {metrics}\n\n\
         Try it:\n\n  \
           curl -H 'Content-Type: application/json' {here}/api/auth/signup \\\n    \
             -d '{{\"name\":\"Ana\",\"username\":\"ana_lima\",\"email\":\"ana@example.com\",\"password\":\"correct horse\"}}'\n\n\
         `echod --help` tells the settings. Ctrl-C stops it.\n",
        version = env!("CARGO_PKG_VERSION"),
    )
}

/// How long what goes on beside requests may take to end. What it did not confirm comes again.
const WIND_DOWN: Duration = Duration::from_secs(5);

async fn join(mut background: JoinSet<()>) {
    while let Some(ended) = background.join_next().await {
        if let Err(error) = ended {
            tracing::error!(error = &error as &dyn std::error::Error, "a task in the background broke off");
        }
    }
}

/// Ctrl-C and SIGTERM end it in peace, after `delay`; a second one at once.
fn stop_on_signals(leave: watch::Sender<bool>, stop: watch::Sender<bool>, delay: Duration) -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if leave.send_replace(true) {
                std::process::exit(130);
            }
            let stop = stop.clone();
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                let _ = say("Stopping: running requests end, nothing new is accepted.");
                stop.send_replace(true);
            });
        }
    });
    Ok(())
}

/// Every connection is a file: as many as the system lets this process have.
fn raise_file_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(error = &error as &dyn std::error::Error, "the limit of open files stays");
    }
}
