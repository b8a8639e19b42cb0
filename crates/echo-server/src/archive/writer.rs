//! Writes a backup, from its first byte to its last.

use std::io::{self, Read, Write};

use super::{BLOCK, END, Hashing, MANIFEST, Manifest, SEAL, SUMS, padding, sum_line};

/// A backup that is being written.
pub(crate) struct Writer<W> {
    out: Hashing<W>,
    sums: String,
    /// In seconds since 1970: what files are dated.
    time: u64,
}

impl<W: Write> Writer<W> {
    /// Begins with the manifest.
    ///
    /// # Errors
    /// Of `out`.
    pub(crate) fn new(out: W, manifest: &Manifest, time: u64) -> io::Result<Self> {
        let mut writer = Self { out: Hashing::new(out), sums: String::new(), time };
        let mut text = serde_json::to_vec_pretty(manifest)?;
        text.push(b'\n');
        writer.add(MANIFEST, text.len() as u64, text.as_slice())?;
        Ok(writer)
    }

    /// Adds a file of `size` bytes.
    ///
    /// # Errors
    /// Of `out` and `content`, also when that is shorter or longer.
    pub(crate) fn add(&mut self, name: &str, size: u64, content: impl Read) -> io::Result<()> {
        self.head(name, size)?;
        let mut content = Hashing::new(content);
        io::copy(&mut content, &mut self.out)?;
        if content.at != size {
            return Err(io::Error::other(format!("{name} changed its length while it was copied")));
        }
        self.sums.push_str(&sum_line(&content.hash.finish(), name));
        self.pad(size)
    }

    /// Ends with the hashes, and gives back what it wrote to.
    ///
    /// # Errors
    /// Of `out`.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        let sums = std::mem::take(&mut self.sums);
        self.add(SUMS, sums.len() as u64, sums.as_bytes())?;
        let size = sum_line(&self.out.hash.clone().finish(), "-").len() as u64;
        self.head(SEAL, size)?;
        let seal = sum_line(&self.out.hash.clone().finish(), "-");
        self.out.write_all(seal.as_bytes())?;
        self.pad(size)?;
        self.out.write_all(&[0; END])?;
        self.out.flush()?;
        Ok(self.out.inner)
    }

    fn head(&mut self, name: &str, size: u64) -> io::Result<()> {
        let mut header = tar::Header::new_ustar();
        header.set_path(name)?;
        header.set_size(size);
        header.set_mode(0o600);
        header.set_mtime(self.time);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        self.out.write_all(header.as_bytes())
    }

    fn pad(&mut self, size: u64) -> io::Result<()> {
        self.out.write_all(&[0; BLOCK][..padding(size)])
    }
}
