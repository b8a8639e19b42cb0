//! Starts Echo on a folder without letting anybody in, to see whether it would run.

use std::path::Path;

use anyhow::{Result, ensure};
use axum::{body::Body, http::Request};
use tokio::sync::watch;
use tower::ServiceExt;

use crate::{assemble, config::Settings, data_dir::DataDir, roles::Roles};

/// Opens the records and keys, puts all of Echo together, and asks it what a first visitor asks. Nothing goes on beside
/// that, so what is kept stays as it is; an older schema is brought up to date, whatever `MIGRATE` says: else it could
/// not be looked at. The folder is the caller's own.
///
/// # Errors
/// Of the start, or when a page does not come.
pub(crate) fn start(settings: &Settings, folder: &Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let data = DataDir::open(folder)?;
    runtime.block_on(async {
        echo_sqlite::migrate(&data.database())?;
        let base = assemble::base(settings, &data, Roles::ALL).await?;
        let records = base.records.clone();
        let images = assemble::images(settings, &data, &base).await?;
        let (_stay, leaving) = watch::channel(false);
        let echo = assemble::echo(settings, images.as_ref(), base, "http://localhost", leaving, None)?;
        for page in ["/readyz", "/api/posts"] {
            let status = echo.app.clone().oneshot(Request::get(page).body(Body::empty())?).await?.status();
            ensure!(status.is_success(), "{page} answers {status}");
        }
        drop(echo);
        records.close().await
    })
}
