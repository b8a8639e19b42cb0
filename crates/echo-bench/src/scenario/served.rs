//! Images out of the data folder, beside nginx with the same file.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::{
    Bench,
    data::{self, Size},
    load::{Load, Request},
    report::{Line, Target},
    server::Server,
};

/// In the folder that its id says; nothing asks for its record.
const NAME: &str = "6553f10001020304ff0000a7.webp";
const FOLDER: &str = "a7";

pub(super) fn run(bench: &Bench) -> Result<Vec<Line>> {
    [20, 200].into_iter().map(|kilobytes| beside_nginx(bench, kilobytes)).collect()
}

fn beside_nginx(bench: &Bench, kilobytes: usize) -> Result<Line> {
    Bench::say(&format!("served: {kilobytes} kB"));
    let bytes = vec![7; kilobytes * 1000];
    let data = data::copy(Size::SMALL, &bench.folder)?;
    let echod = bench.serve(data.path())?;
    write(&data.path().join("media").join(FOLDER), &bytes)?;
    let root = tempfile::tempdir_in(&bench.folder)?;
    write(&root.path().join("media"), &bytes)?;
    let nginx = Server::nginx(root.path())?;
    let load = Load::new(vec![Request::get(&format!("/media/{NAME}"), None)]);
    let (ours, theirs) = bench.rounds.compare((&echod, &load), (&nginx, &load))?;
    let what = format!("an image of {kilobytes} kB, of nginx's rate");
    Ok(Line::ratio(what, Target::AtLeast(0.8), ("echod", &ours), ("nginx", &theirs)))
}

fn write(folder: &Path, bytes: &[u8]) -> Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join(NAME), bytes).with_context(|| format!("cannot write into {}", folder.display()))
}
