//! Records that cannot be read: each is read as its store reads it.

use echo_domain::{
    Event,
    doctor::{Checked, Cure, UNREADABLE},
};
use rusqlite::{Connection, Result, Row};

use crate::{
    media::{media_of, sets},
    posts::post_of,
    sql,
};

/// How rows are read, and what they are; the column `told` tells of one.
struct Rows {
    of: &'static str,
    select: &'static str,
    read: fn(&Row<'_>) -> Result<()>,
}

const ROWS: [Rows; 5] = [
    Rows {
        of: "post",
        select: "SELECT id, author, created, content, lower(hex(id)) AS told FROM posts",
        read: |row| post_of(row).map(drop),
    },
    Rows {
        of: "image",
        select: "SELECT image, account, holder, expires, blobs, bytes, lower(hex(id)) AS told FROM media",
        read: |row| media_of(row).map(drop),
    },
    Rows {
        of: "set of blobs",
        select: "SELECT digest, stem, shape, bytes, lower(hex(stem)) AS told FROM blobs",
        read: |row| sets::set_of(row).map(drop),
    },
    Rows {
        of: "doomed set of blobs",
        select: "SELECT stem, names, lower(hex(stem)) AS told FROM blobs_doomed",
        read: |row| sets::doomed_of(row).map(drop),
    },
    Rows {
        of: "event",
        select: "SELECT body, CAST(position AS TEXT) AS told FROM events",
        read: |row| sql::from_json::<Event>(row, 0).map(drop),
    },
];

/// As much as is told of why.
const WHY: usize = 200;

pub(super) fn unreadable(conn: &Connection) -> Checked {
    let (mut wrong, mut examples) = (0, Vec::new());
    for rows in ROWS {
        let read = each(conn, rows.select, |row| {
            if let Err(error) = (rows.read)(row) {
                wrong += 1;
                if examples.len() < Checked::EXAMPLES {
                    let told: String = row.get("told")?;
                    examples.push(format!("{} {told}: {:.WHY$}", rows.of, error.to_string()));
                }
            }
            Ok(())
        });
        if let Err(error) = read {
            return Checked::failed(UNREADABLE, error);
        }
    }
    Checked {
        name: UNREADABLE,
        what: "posts, images, sets of blobs and events that cannot be read",
        wrong,
        examples,
        cure: Cure::Person,
    }
}

fn each(conn: &Connection, select: &str, mut read: impl FnMut(&Row<'_>) -> Result<()>) -> Result<()> {
    let mut statement = conn.prepare(select)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        read(row)?;
    }
    Ok(())
}
