//! Records that cannot be read: each is read as its store reads it.

use echo_domain::{
    Event,
    doctor::{Checked, Cure, UNREADABLE},
};
use rusqlite::{Connection, Result, Row};

use crate::{media::media_of, posts::post_of, sql};

/// How rows are read, and what they are; the column `told` tells of one.
struct Rows {
    of: &'static str,
    select: &'static str,
    read: fn(&Row<'_>) -> Result<()>,
}

const ROWS: [Rows; 3] = [
    Rows {
        of: "post",
        select: "SELECT id, author, created, content, lower(hex(id)) AS told FROM posts",
        read: |row| post_of(row).map(drop),
    },
    Rows {
        of: "image",
        select: "SELECT image, account, holder, expires, lower(hex(id)) AS told FROM media",
        read: |row| media_of(row).map(drop),
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
        what: "posts, images and events that cannot be read",
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
