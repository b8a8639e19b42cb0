//! A backup is read as it was written, and otherwise refused.

use super::*;

fn manifest() -> Manifest {
    Manifest {
        echo_backup: Manifest::FORMAT,
        echod: "0.1.0".to_owned(),
        schema: 1,
        made: "2026-01-02T03:04:05Z".to_owned(),
        rows: BTreeMap::from([("posts".to_owned(), 2)]),
        files: 3,
        bytes: 1520,
        n_missing: 0,
        missing: Vec::new(),
    }
}

const IMAGE: &str = "media/67/0123456789abcdef01234567.webp";

fn written(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &manifest(), 0).unwrap();
    for (name, content) in files {
        writer.add(name, content.len() as u64, *content).unwrap();
    }
    writer.finish().unwrap()
}

fn whole() -> Vec<u8> {
    written(&[(DATABASE, &[7; 1000]), ("keys/secret.key", b"12345678"), (IMAGE, &[9; 512])])
}

/// The files in it, or what is wrong with it.
fn read(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, String> {
    let mut files = Vec::new();
    let take = |name: &str, content: &mut dyn std::io::Read| {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes)?;
        files.push((name.to_owned(), bytes));
        Ok(())
    };
    let checked = Reader::open(bytes).and_then(|reader| reader.check(take)).map_err(|error| format!("{error:#}"))?;
    assert_eq!(checked.manifest, manifest());
    assert!(checked.files().map(|(_, name)| name).skip(1).eq(files.iter().map(|(name, _)| name.as_str())));
    Ok(files)
}

#[test]
fn it_is_read_as_it_was_written() {
    let files = read(&whole()).unwrap();

    let lengths: Vec<_> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.len())).collect();
    assert_eq!(lengths, [(DATABASE, 1000), ("keys/secret.key", 8), (IMAGE, 512)]);
}

#[test]
fn other_programs_read_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("backup.tar"), whole()).unwrap();

    let script = "tar xf backup.tar && sha256sum --check SHA256SUMS";
    let done = std::process::Command::new("sh").args(["-c", script]).current_dir(&folder).output().unwrap();

    assert!(done.status.success(), "{done:?}");
    assert_eq!(String::from_utf8_lossy(&done.stdout).matches(": OK").count(), 4);
}

#[test]
fn a_change_of_any_byte_is_seen() {
    let whole = whole();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x20;

        let refused = read(&damaged).unwrap_err();

        assert!(!refused.contains('\n'), "{at}: {refused}");
    }
    let mut damaged = whole;
    let at = damaged.iter().position(|byte| *byte == 7).unwrap();
    damaged[at] = 8;
    assert_eq!(read(&damaged).unwrap_err(), "echo.db in it is damaged");
}

#[test]
fn a_missing_or_added_end_is_seen() {
    let mut whole = whole();
    for length in 0..whole.len() {
        read(&whole[..length]).unwrap_err();
    }
    assert!(read(&whole[..3000]).unwrap_err().contains("cut short"));
    whole.push(0);
    assert_eq!(read(&whole).unwrap_err(), "something follows its end");
}

/// Writes another name and size into a file's head, whose sum is right again.
fn with_head(mut archive: Vec<u8>, name: &str, change: impl FnOnce(&mut tar::Header)) -> Vec<u8> {
    let named = |block: &[u8]| block.starts_with(name.as_bytes()) && block[name.len()] == 0;
    let at = archive.chunks(BLOCK).position(named).unwrap() * BLOCK;
    let mut header = tar::Header::from_byte_slice(&archive[at..at + BLOCK]).clone();
    change(&mut header);
    header.set_cksum();
    archive[at..at + BLOCK].copy_from_slice(header.as_bytes());
    archive
}

/// Also to what no writer of tars would write.
fn renamed(archive: Vec<u8>, name: &str, to: &str) -> Vec<u8> {
    with_head(archive, name, |header| {
        let field = &mut header.as_old_mut().name;
        field.fill(0);
        field[..to.len()].copy_from_slice(to.as_bytes());
    })
}

#[test]
fn a_name_comes_once() {
    let twice = written(&[(DATABASE, &[7; 1000]), (DATABASE, &[8; 1000])]);

    assert_eq!(read(&twice).unwrap_err(), "it has echo.db twice");
}

#[test]
fn lengths_in_heads_are_not_believed() {
    let long = |name, size| with_head(whole(), name, |header| header.set_size(size));

    assert_eq!(read(&long(SUMS, 1 << 40)).unwrap_err(), "its list of files is damaged");
    assert_eq!(read(&long(MANIFEST, 1 << 40)).unwrap_err(), "its manifest has 1099511627776 bytes: that is too long");
}

#[test]
fn no_path_leads_out() {
    for name in ["../echo.db", "/etc/passwd", "media/../echo.db", "media/67/../../x", "keys/authorized_keys", "x"] {
        let refused = read(&renamed(whole(), IMAGE, name)).unwrap_err();

        assert_eq!(refused, format!("it has a file {name:?}, which no backup has"));
        assert_eq!(place(name), None);
    }
    let elsewhere = IMAGE.replace("/67/", "/68/");
    assert_eq!((place(&elsewhere), place(IMAGE)), (None, Some(IMAGE.into())));
}

#[test]
fn what_is_no_backup_or_newer_is_told_apart() {
    let other = Manifest { echo_backup: 2, echod: "9.0.0".to_owned(), ..manifest() };
    let newer = Writer::new(Vec::new(), &other, 0).unwrap().finish().unwrap();
    assert_eq!(read(&newer).unwrap_err(), "a newer echod made it, 9.0.0: run that one");

    let mut tar = tar::Header::new_ustar();
    tar.set_path("holiday.jpg").unwrap();
    tar.set_size(0);
    tar.set_cksum();
    for foreign in [&b""[..], b"PK\x03\x04", &[0; 4096], tar.as_bytes()] {
        assert!(read(foreign).unwrap_err().starts_with("it is no backup that echod made"));
    }
}
