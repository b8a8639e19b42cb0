//! Copies everything from one store to another.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

use super::{Checkpoint, Key, Kind, Source, Target, insist};

/// How many records go at a time. A post may have a hundred thousand characters.
const PAGE: usize = 200;

/// Where a copy goes on.
#[derive(Serialize, Deserialize)]
struct Place {
    kind: Kind,
    after: Option<Key>,
}

/// Copies what the target does not have yet, going on from `reached`; `moved` hears how many came with each page.
///
/// # Errors
/// Of either store. What was copied stays, and the same call goes on from there.
pub async fn copy(
    source: &dyn Source,
    target: &dyn Target,
    name: &str,
    reached: Option<&Checkpoint>,
    moved: impl Fn(Kind, u64),
) -> Result<()> {
    if reached.is_some_and(|reached| reached.done) {
        return Ok(());
    }
    let place = reached.map(|reached| serde_json::from_str(&reached.place)).transpose().map_err(Error::internal)?;
    let Place { kind: first, mut after } = place.unwrap_or(Place { kind: Kind::ALL[0], after: None });
    for kind in Kind::ALL.into_iter().skip_while(|kind| *kind != first) {
        loop {
            let page = source.page(kind, after.as_ref(), PAGE).await?;
            let Some(last) = page.last() else { break };
            let (key, n_records) = (last.key(), page.len());
            insist(target, page, &checkpoint(name, kind, Some(key.clone()))?).await?;
            moved(kind, n_records as u64);
            after = Some(key);
        }
        after = None;
    }
    insist(target, Vec::new(), &Checkpoint { source: name.to_owned(), done: true, place: String::new() }).await
}

fn checkpoint(name: &str, kind: Kind, after: Option<Key>) -> Result<Checkpoint> {
    let place = serde_json::to_string(&Place { kind, after }).map_err(Error::internal)?;
    Ok(Checkpoint { source: name.to_owned(), done: false, place })
}
