//! The secrets that everything else is derived from, and where they are kept.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use aws_lc_rs::{
    hmac,
    signature::{Ed25519KeyPair, KeyPair},
};

use crate::random_bytes;

/// What the folder `keys` may hold.
pub const KEY_FILES: [&str; 2] = ["secret.key", "ed25519.pk8"];

/// One secret of 32 bytes, and any number of keys from it.
pub struct Keys {
    secret: hmac::Key,
}

impl Keys {
    /// From a secret of any length, so that every node with the same `JWT_SECRET` has the same keys.
    #[must_use]
    pub fn from_secret(secret: &[u8]) -> Self {
        // HKDF-Extract (RFC 5869 §2.2): what is derived tells nothing about the secret itself.
        let salt = hmac::Key::new(hmac::HMAC_SHA256, b"echo keys");
        Self::new(hmac::sign(&salt, secret).as_ref())
    }

    /// From the file `keys/secret.key` in the data folder, which is made on the first start.
    ///
    /// # Errors
    /// When the file cannot be read or made, or is not 32 bytes long; the message names it.
    pub fn load_or_create(data: &Path) -> io::Result<Self> {
        let secret = kept(data, "secret.key", || Ok(random_bytes::<32>().to_vec()), |bytes| bytes.len() == 32)?;
        Ok(Self::new(&secret))
    }

    /// A key for one purpose: the same for the same label, and telling nothing about any other.
    #[must_use]
    pub fn derive(&self, label: &str) -> [u8; 32] {
        mac(&self.secret, &[label.as_bytes()])
    }

    fn new(secret: &[u8]) -> Self {
        Self { secret: hmac::Key::new(hmac::HMAC_SHA256, secret) }
    }
}

/// The key pair (Ed25519) that signs access tokens where no secret is configured.
pub struct SigningKey {
    pub(crate) pkcs8: Vec<u8>,
    pub(crate) public: Vec<u8>,
}

impl SigningKey {
    /// From the file `keys/ed25519.pk8` in the data folder, which is made on the first start.
    ///
    /// # Errors
    /// When the file cannot be read or made, or holds no key; the message names it.
    pub fn load_or_create(data: &Path) -> io::Result<Self> {
        let is_key = |bytes: &[u8]| Ed25519KeyPair::from_pkcs8(bytes).is_ok();
        let pkcs8 = kept(data, "ed25519.pk8", new_pair, is_key)?;
        let pair = Ed25519KeyPair::from_pkcs8(&pkcs8).map_err(io::Error::other)?;
        Ok(Self { public: pair.public_key().as_ref().to_vec(), pkcs8 })
    }
}

/// HMAC-SHA256 of the parts, one after the other.
pub(crate) fn mac(key: &hmac::Key, parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(part);
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.sign().as_ref());
    bytes
}

fn new_pair() -> io::Result<Vec<u8>> {
    let pkcs8 = Ed25519KeyPair::generate().and_then(|pair| pair.to_pkcs8()).map_err(io::Error::other)?;
    Ok(pkcs8.as_ref().to_vec())
}

/// What the file holds; `make` says what to put there when it is missing.
fn kept(
    data: &Path,
    name: &str,
    make: impl FnOnce() -> io::Result<Vec<u8>>,
    good: impl FnOnce(&[u8]) -> bool,
) -> io::Result<Vec<u8>> {
    let folder = data.join("keys");
    let path = folder.join(name);
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make().and_then(|new| create(&folder, name, &new)).and_then(|()| fs::read(&path))
        }
        read => read,
    };
    match bytes {
        Ok(bytes) if good(&bytes) => Ok(bytes),
        Ok(_) => Err(io::Error::new(io::ErrorKind::InvalidData, format!("{} is damaged", path.display()))),
        Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
    }
}

/// Makes the file, whole or not at all. When another process was faster, its file stays.
fn create(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let temporary = folder.join(format!(".{name}.{:032x}", u128::from_le_bytes(random_bytes())));
    let linked = write_durably(&temporary, bytes).and_then(|()| fs::hard_link(&temporary, folder.join(name)));
    fs::remove_file(&temporary)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => File::open(folder)?.sync_all(),
    }
}

fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt, thread};

    use super::*;

    #[test]
    fn keys_survive_a_restart() {
        let data = tempfile::tempdir().unwrap();

        let (keys, pair) =
            (Keys::load_or_create(data.path()).unwrap(), SigningKey::load_or_create(data.path()).unwrap());

        assert_eq!(Keys::load_or_create(data.path()).unwrap().derive("a"), keys.derive("a"));
        assert_eq!(SigningKey::load_or_create(data.path()).unwrap().public, pair.public);
    }

    #[test]
    fn key_files_are_for_their_owner_alone_and_nothing_else_is_left() {
        let data = tempfile::tempdir().unwrap();

        Keys::load_or_create(data.path()).unwrap();
        SigningKey::load_or_create(data.path()).unwrap();

        let folder = data.path().join("keys");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&folder.join("secret.key")), 0o600);
        assert_eq!(mode(&folder.join("ed25519.pk8")), 0o600);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
    }

    #[test]
    fn concurrent_first_starts_agree() {
        let data = tempfile::tempdir().unwrap();

        let derived: Vec<_> = thread::scope(|scope| {
            let starts: Vec<_> =
                (0..8).map(|_| scope.spawn(|| Keys::load_or_create(data.path()).unwrap().derive("a"))).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });

        assert!(derived.iter().all(|key| key == &derived[0]));
    }

    #[test]
    fn a_damaged_file_is_named_and_not_replaced() {
        let data = tempfile::tempdir().unwrap();
        Keys::load_or_create(data.path()).unwrap();
        let path = data.path().join("keys/secret.key");
        fs::write(&path, b"short").unwrap();

        let error = Keys::load_or_create(data.path()).err().unwrap();

        assert!(error.to_string().contains("secret.key"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"short");
    }

    #[test]
    fn labels_and_secrets_tell_keys_apart() {
        let keys = Keys::from_secret(b"one");

        assert_eq!(keys.derive("a"), Keys::from_secret(b"one").derive("a"));
        assert_ne!(keys.derive("a"), keys.derive("b"));
        assert_ne!(keys.derive("a"), Keys::from_secret(b"two").derive("a"));
    }
}
