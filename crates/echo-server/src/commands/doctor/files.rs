//! Images' records and files, held against one another.

use std::{collections::HashSet, path::PathBuf, time::Duration};

use anyhow::Result;
use echo_domain::doctor::{Checked, Cure, Doctor, NamedBlob};
use echo_media::{BlobFile, BlobFolder, FileBlobs};

/// Records come before their files, so a file without a record is one to remove. This long it is left alone all the same.
const GRACE: Duration = Duration::from_secs(3600);

pub(super) async fn check(doctor: &dyn Doctor, images: &BlobFolder) -> Result<[Checked; 2]> {
    let stray = stray(doctor, images).await?;
    let lost = lost(doctor, images).await?;
    let strays = stray.iter().map(|file| file.place.display().to_string());
    Ok([
        Checked {
            name: "images-without-file",
            what: "files that records of images name and that are not there, or empty",
            wrong: lost.len() as u64,
            examples: lost.iter().take(Checked::EXAMPLES).map(|blob| blob.name.clone()).collect(),
            cure: Cure::Person,
        },
        Checked {
            name: "files-without-record",
            what: "files that no record of an image names",
            wrong: stray.len() as u64,
            examples: strays.take(Checked::EXAMPLES).collect(),
            cure: Cure::Mend,
        },
    ])
}

/// Moves the files that nothing names aside. They stay, for it may be the records that are not what they should be.
pub(super) async fn mend(doctor: &dyn Doctor, images: &BlobFolder) -> Result<Option<(&'static str, u64)>> {
    let stray = stray(doctor, images).await?;
    stray.iter().try_for_each(|file| images.set_aside(file))?;
    Ok((!stray.is_empty()).then_some(("files-without-record", stray.len() as u64)))
}

/// The files are listed first: whatever names one of them by now is among the records.
async fn stray(doctor: &dyn Doctor, images: &BlobFolder) -> Result<Vec<BlobFile>> {
    let mut files = images.files()?;
    let named = places(&doctor.named_blobs().await?);
    files.retain(|file| file.age > GRACE && !named.contains(&file.place));
    Ok(files)
}

/// The records are read first, and again: what is gone by then was removed in between, record and file.
async fn lost(doctor: &dyn Doctor, images: &BlobFolder) -> Result<Vec<NamedBlob>> {
    let mut named = doctor.named_blobs().await?;
    let there: HashSet<_> = images.files()?.into_iter().filter(|file| file.length > 0).map(|file| file.place).collect();
    named.retain(|blob| blob.needed && FileBlobs::place(&blob.name).is_none_or(|place| !there.contains(&place)));
    if !named.is_empty() {
        let now: HashSet<_> =
            doctor.named_blobs().await?.into_iter().filter(|it| it.needed).map(|it| it.name).collect();
        named.retain(|blob| now.contains(&blob.name));
    }
    Ok(named)
}

fn places(named: &[NamedBlob]) -> HashSet<PathBuf> {
    named.iter().filter_map(|blob| FileBlobs::place(&blob.name)).collect()
}
