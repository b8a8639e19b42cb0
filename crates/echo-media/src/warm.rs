//! Files that the system has in memory are read at once: that needs no thread that may wait for a disk.
//!
//! What is looked at often is in memory, and handing work to another thread costs more than such a read.

use std::path::Path;

use bytes::Bytes;
use echo_domain::media::Part;

use crate::files::Opened;

/// The longest part that is read at once, in bytes: about a tenth of a millisecond of copying.
const LONGEST: u64 = 512 << 10;

/// The part of a file, if nothing of it has to be waited for; `None` says nothing about the file.
#[cfg(target_os = "linux")]
pub(crate) fn read(path: &Path, part: &Part) -> Option<Opened<Bytes>> {
    use std::io::IoSliceMut;

    use rustix::{
        fs::{CWD, Mode, OFlags, ResolveFlags, fstat, openat2},
        io::{ReadWriteFlags, preadv2},
    };

    let file = openat2(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::CACHED).ok()?;
    let length = u64::try_from(fstat(&file).ok()?.st_size).ok()?;
    let part = part.of(length);
    let wanted = usize::try_from((part.end - part.start).min(LONGEST + 1)).ok()?;
    if wanted as u64 > LONGEST {
        return None;
    }
    let mut bytes = vec![0; wanted];
    if wanted > 0 {
        let mut room = [IoSliceMut::new(&mut bytes)];
        // Some file systems cannot tell, and refuse.
        let read = preadv2(&file, &mut room, part.start, ReadWriteFlags::NOWAIT).ok()?;
        if read < wanted {
            return None;
        }
    }
    Some(Opened { length, part, bytes: bytes.into() })
}

#[cfg(not(target_os = "linux"))]
pub(crate) const fn read(_: &Path, _: &Part) -> Option<Opened<Bytes>> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_in_memory_is_read_at_once_unless_it_is_long() {
        let folder = tempfile::tempdir().unwrap();
        let (short, long) = (folder.path().join("short"), folder.path().join("long"));
        fs::write(&short, b"0123456789").unwrap();
        fs::write(&long, vec![7; 1 << 20]).unwrap();
        // Whatever this file system can tell, it tells of all files alike.
        let Some(whole) = read(&short, &Part::WHOLE) else { return };

        assert_eq!((whole.length, whole.part, &whole.bytes[..]), (10, 0..10, &b"0123456789"[..]));
        let part = read(&short, &Part::Within(3..5)).unwrap();
        assert_eq!((part.length, part.part, &part.bytes[..]), (10, 3..5, &b"34"[..]));
        assert_eq!(read(&long, &Part::NOTHING).map(|it| it.length), Some(1 << 20));
        assert_eq!(read(&long, &Part::Last(10)).map(|it| it.bytes.len()), Some(10));
        assert!(read(&long, &Part::WHOLE).is_none());
        assert!(read(&folder.path().join("nothing"), &Part::WHOLE).is_none());
    }
}
