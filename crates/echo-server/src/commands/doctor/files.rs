//! Images' records and files, held against one another.

use std::{collections::HashSet, io, path::PathBuf, time::Duration};

use anyhow::Result;
use echo_domain::doctor::{Checked, Cure, Doctor, Mended, NamedBlob};
use echo_media::{BlobFile, BlobFolder, FileBlobs};

/// Records come before their files, so a file without a record is one to remove. This long it is left alone all the same.
const GRACE: Duration = Duration::from_secs(3600);

const LOST: &str = "images-without-file";
const STRAY: &str = "files-without-record";

pub(super) async fn check(doctor: &dyn Doctor, images: &BlobFolder) -> [Checked; 2] {
    let lost = lost(doctor, images).await.map(|lost| Checked {
        name: LOST,
        what: "files that records of images name and that are not there, or empty",
        wrong: lost.len() as u64,
        examples: lost.iter().take(Checked::EXAMPLES).map(|blob| blob.name.clone()).collect(),
        cure: Cure::Person,
    });
    let stray = stray(doctor, images).await.map(|stray| Checked {
        name: STRAY,
        what: "files that no record of an image names",
        wrong: stray.len() as u64,
        examples: stray.iter().take(Checked::EXAMPLES).map(|file| file.place.display().to_string()).collect(),
        cure: Cure::Mend,
    });
    [
        lost.unwrap_or_else(|error| Checked::failed(LOST, format!("{error:#}"))),
        stray.unwrap_or_else(|error| Checked::failed(STRAY, format!("{error:#}"))),
    ]
}

/// Moves the files that nothing names aside. They stay, for it may be the records that are not what they should be.
pub(super) async fn mend(doctor: &dyn Doctor, images: &BlobFolder) -> Option<Mended> {
    let mut mended = Mended::nothing(STRAY);
    match stray(doctor, images).await {
        Ok(stray) => set_aside(images, &stray, &mut mended),
        Err(error) => mended.fail(format!("{error:#}")),
    }
    (!mended.is_nothing()).then_some(mended)
}

fn set_aside(images: &BlobFolder, stray: &[BlobFile], mended: &mut Mended) {
    for file in stray {
        match images.set_aside(file) {
            Ok(()) => mended.done += 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => mended.fail(format!("{}: {error}", file.place.display())),
        }
    }
    if mended.done > 0 {
        mended.told.push(format!("moved to {}", images.strays().display()));
    }
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
