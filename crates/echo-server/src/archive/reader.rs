//! Reads a backup and trusts nothing in it: every byte is checked against a hash, every name against what a backup has.

use std::{
    collections::HashSet,
    io::{self, Read},
};

use anyhow::{Context, Result, bail, ensure};

use super::{BLOCK, END, Hashing, MANIFEST, Manifest, SEAL, SUMS, padding, place, sum_line};

/// More bytes than any manifest has.
const MANIFEST_MAX: u64 = 64 << 20;

/// A backup of which the manifest was read.
pub(crate) struct Reader<R> {
    input: Hashing<R>,
    sums: String,
    pub(crate) manifest: Manifest,
}

/// A backup that was read to its end and is whole.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) manifest: Manifest,
    sums: String,
}

impl Checked {
    /// The files in it: the hash and the name of each.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.sums.lines().filter_map(|line| line.split_once("  "))
    }
}

/// A file's head.
struct Entry {
    name: String,
    size: u64,
}

impl<R: Read> Reader<R> {
    /// Reads the manifest.
    ///
    /// # Errors
    /// In words that follow a colon, when it is no backup, damaged, or of a newer layout.
    pub(crate) fn open(input: R) -> Result<Self> {
        const FOREIGN: &str = "it is no backup that echod made";
        let mut input = Hashing::new(input);
        let entry = next(&mut input).context(FOREIGN)?;
        ensure!(entry.name == MANIFEST, FOREIGN);
        ensure!(entry.size <= MANIFEST_MAX, "its manifest has {} bytes: that is too long", entry.size);
        let (text, hash) = read_whole(&mut input, &entry)?;
        let json: serde_json::Value = serde_json::from_slice(&text).context(FOREIGN)?;
        match json["echoBackup"].as_u64() {
            None => bail!(FOREIGN),
            Some(format) if format > Manifest::FORMAT.into() => {
                bail!(
                    "a newer echod made it, {}: run that one",
                    json["echod"].as_str().unwrap_or("of which it does not tell")
                )
            }
            Some(_) => {}
        }
        let mut manifest: Manifest = serde_json::from_value(json).context("its manifest is damaged")?;
        // The first backups name all and do not count.
        manifest.n_missing = manifest.n_missing.max(manifest.missing.len() as u64);
        Ok(Self { input, sums: sum_line(&hash, MANIFEST), manifest })
    }

    /// Hands each file to `take`, which may leave some of it, and checks everything. Only after this is anything that was
    /// handed out known to be good.
    ///
    /// # Errors
    /// In words that follow a colon: what is wrong.
    pub(crate) fn check(mut self, mut take: impl FnMut(&str, &mut dyn Read) -> Result<()>) -> Result<Checked> {
        let mut names = HashSet::new();
        loop {
            let entry = next(&mut self.input)?;
            if entry.name == SUMS {
                self.compare(&entry)?;
                break;
            }
            ensure!(place(&entry.name).is_some(), "it has a file {:?}, which no backup has", entry.name);
            ensure!(names.insert(entry.name.clone()), "it has {} twice", entry.name);
            let hash = copy(&mut self.input, &entry, |content| take(&entry.name, content))?;
            self.sums.push_str(&sum_line(&hash, &entry.name));
        }
        self.check_seal()?;
        Ok(Checked { manifest: self.manifest, sums: self.sums })
    }

    /// Whether the files are those that were hashed when the backup was made.
    fn compare(&mut self, entry: &Entry) -> Result<()> {
        // Whatever its head says: no more than that is read.
        ensure!(entry.size == self.sums.len() as u64, "its list of files is damaged");
        let (listed, _) = read_whole(&mut self.input, entry)?;
        if listed == self.sums.as_bytes() {
            return Ok(());
        }
        let listed = String::from_utf8_lossy(&listed);
        let differs = self.sums.lines().zip(listed.lines()).find(|(found, listed)| found != listed);
        match differs.map(|(found, listed)| (found.split_once("  "), listed.split_once("  "))) {
            Some((Some((_, found)), Some((_, listed)))) if found == listed => bail!("{found} in it is damaged"),
            _ => bail!("its list of files is damaged"),
        }
    }

    /// Whether all else is as it was, too: heads and what fills the blocks.
    fn check_seal(&mut self) -> Result<()> {
        let entry = next(&mut self.input)?;
        let expected = sum_line(&self.input.hash.clone().finish(), "-");
        ensure!(entry.name == SEAL && entry.size == expected.len() as u64, "its end is damaged");
        let (seal, _) = read_whole(&mut self.input, &entry)?;
        ensure!(seal == expected.as_bytes(), "it is damaged, in no file but around them");
        let mut end = Vec::new();
        (&mut self.input).take(END as u64 + 1).read_to_end(&mut end)?;
        ensure!(end.len() >= END, "it is cut short, at its very end");
        ensure!(end == [0; END], "something follows its end");
        Ok(())
    }
}

/// The next file's head.
fn next(input: &mut Hashing<impl Read>) -> Result<Entry> {
    let at = input.at;
    let damaged = || format!("it is damaged at byte {at}");
    let mut block = [0; BLOCK];
    read_exact(input, &mut block)?;
    let header = tar::Header::from_byte_slice(&block);
    // What the sum itself stands in counts as spaces.
    let sum: u32 =
        block.iter().enumerate().map(|(i, byte)| if (148..156).contains(&i) { 32 } else { u32::from(*byte) }).sum();
    ensure!(header.cksum().ok() == Some(sum) && header.entry_type().is_file(), damaged());
    let name = String::from_utf8(header.path_bytes().into_owned()).with_context(damaged)?;
    Ok(Entry { name, size: header.size().with_context(damaged)? })
}

/// Hands the content to `take`, reads what that leaves, and returns its hash.
fn copy(
    input: &mut Hashing<impl Read>,
    entry: &Entry,
    take: impl FnOnce(&mut dyn Read) -> Result<()>,
) -> Result<String> {
    let mut content = Hashing::new(input.take(entry.size));
    take(&mut content)?;
    io::copy(&mut content, &mut io::sink()).context("it cannot be read")?;
    ensure!(content.at == entry.size, "it is cut short, in {}", entry.name);
    let hash = content.hash.finish();
    let mut rest = [0; BLOCK];
    let rest = &mut rest[..padding(entry.size)];
    read_exact(input, rest)?;
    ensure!(rest.iter().all(|byte| *byte == 0), "it is damaged, after {}", entry.name);
    Ok(hash)
}

/// The content and its hash.
fn read_whole(input: &mut Hashing<impl Read>, entry: &Entry) -> Result<(Vec<u8>, String)> {
    let mut bytes = Vec::new();
    let hash = copy(input, entry, |content| {
        content.read_to_end(&mut bytes).context("it cannot be read")?;
        Ok(())
    })?;
    Ok((bytes, hash))
}

fn read_exact(input: &mut Hashing<impl Read>, buffer: &mut [u8]) -> Result<()> {
    let at = input.at;
    input.read_exact(buffer).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => anyhow::anyhow!("it is cut short, after byte {at}"),
        _ => anyhow::Error::new(error).context("it cannot be read"),
    })
}
