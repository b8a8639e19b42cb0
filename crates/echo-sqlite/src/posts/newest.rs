//! The newest posts, of all or of some authors, by their index alone.

use std::{cmp::Reverse, collections::BinaryHeap};

use echo_domain::{Page, PageRequest, PostId, UserId};
use rusqlite::{Connection, params};

use crate::{
    error::Outcome,
    sql::{self, Sql, key},
};

pub(super) fn of_all(conn: &Connection, page: PageRequest<PostId>) -> Outcome<Page<PostId, PostId>> {
    let sql = "SELECT id FROM posts WHERE id < ?1 ORDER BY id DESC LIMIT ?2";
    let posts = conn.all(sql, params![sql::before(&page), sql::one_more(&page)], |row| sql::id(row, 0))?;
    Ok(Page::cut(posts, page.limit, |post| *post))
}

/// One seek per author. As soon as there are enough posts, only newer ones than the oldest of them are read, which
/// most authors do not have.
pub(super) fn by(
    conn: &Connection,
    mut authors: Vec<UserId>,
    page: PageRequest<PostId>,
) -> Outcome<Page<PostId, PostId>> {
    // Twice the same author would be twice the same posts.
    authors.sort_unstable();
    authors.dedup();
    let wanted = page.one_more();
    let mut newest = BinaryHeap::with_capacity(wanted + 1);
    for author in authors {
        let floor = if newest.len() == wanted { newest.peek().map(|Reverse(post)| *post) } else { None };
        for post in of_author(conn, author, floor, page)? {
            newest.push(Reverse(post));
            if newest.len() > wanted {
                newest.pop();
            }
        }
    }
    let posts = newest.into_sorted_vec().into_iter().map(|Reverse(post)| post).collect();
    Ok(Page::cut(posts, page.limit, |post| *post))
}

fn of_author(
    conn: &Connection,
    author: UserId,
    floor: Option<PostId>,
    page: PageRequest<PostId>,
) -> Outcome<Vec<PostId>> {
    let sql = "SELECT id FROM posts WHERE author = ?1 AND id < ?2 AND id > ?3 ORDER BY id DESC LIMIT ?4";
    let floor = floor.map_or([0; 12], key);
    Ok(conn.all(sql, params![key(author), sql::before(&page), floor, sql::one_more(&page)], |row| sql::id(row, 0))?)
}
