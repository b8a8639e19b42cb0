//! A post of the first Echo, with its likes and comments.

use std::collections::HashSet;

use bson::oid::ObjectId;
use echo_domain::{
    IdSet, RawId, UserId,
    media::{Holder, Image, Media},
    posts::{Block, Comment, Content, Like, Post},
    transfer::Record,
};

use crate::{
    fields::{Fields, id_of, raw},
    ids,
    report::Report,
    users::{is_address, linked},
};

const LEFT_OUT: &str = "on a post that is left out";
const GONE: &str = "of somebody who is gone";

/// Everybody whom the post names.
pub(crate) fn people(post: Fields<'_>) -> Vec<ObjectId> {
    let commenters = comments(post).filter_map(|comment| comment.id("user"));
    post.id("user").into_iter().chain(post.list("likes").filter_map(id_of)).chain(commenters).collect()
}

/// The post with its images, likes and comments; nothing when there is nobody whose it is, or nothing in it.
pub(crate) fn read<'a>(id: RawId, fields: Fields<'a>, there: &'a IdSet<UserId>, report: &'a mut Report) -> Vec<Record> {
    report.posts.read += 1;
    let Some(post) = post(id, fields, there, report) else {
        let (n_likes, n_comments) = (fields.list("likes").count() as u64, comments(fields).count() as u64);
        report.likes.read += n_likes;
        report.likes.leave_some_out(LEFT_OUT, n_likes);
        report.comments.read += n_comments;
        report.comments.leave_some_out(LEFT_OUT, n_comments);
        return Vec::new();
    };
    report.posts.kept += 1;
    let images = post.blocks.iter().filter_map(|block| match &block.content {
        Content::Image(image) => Some(Record::Image(shown(image.clone(), &post))),
        Content::Text(_) => None,
    });
    let mut records: Vec<_> = images.collect();
    records.push(Record::Post { post, likes: 0, comments: 0 });
    records.extend(likes(id, fields, there, report));
    records.extend(all_comments(id, fields, there, report));
    records
}

fn post(id: RawId, fields: Fields<'_>, there: &IdSet<UserId>, report: &mut Report) -> Option<Post> {
    let author = fields.id("user").map(|user| UserId(raw(user))).filter(|user| there.contains(user));
    let Some(author) = author else {
        report.posts.leave_out(GONE, id);
        return None;
    };
    let blocks = blocks(id, fields, report);
    if blocks.is_empty() {
        report.posts.leave_out("nothing in it", id);
        return None;
    }
    let created = fields.time("createdAt").unwrap_or_else(|| {
        report.posts.mend("without createdAt: since the time in its id", id);
        id.created()
    });
    Some(Post { id: id.into(), author, blocks, created })
}

fn blocks(id: RawId, fields: Fields<'_>, report: &mut Report) -> Vec<Block> {
    if let Some(text) = fields.text("content").filter(|text| !text.trim().is_empty()) {
        report.posts.mend("a text instead of blocks: a block of text", id);
        return vec![Block { id: ids::placed(id, 0, &[id]).into(), content: Content::Text(text) }];
    }
    let mut taken = HashSet::new();
    let blocks = fields.list("content").enumerate().filter_map(|(place, value)| {
        let block = value.as_document().map(Fields);
        let own = block.and_then(|block| block.id("_id")).map(raw).filter(|own| taken.insert(*own));
        let block_id = own.unwrap_or_else(|| ids::placed(id, place, &[id]));
        let content = block.and_then(|block| content(id, block_id, place, block, report));
        if content.is_none() {
            report.posts.mend("a block without text or image: without the block", id);
        }
        Some(Block { id: block_id.into(), content: content? })
    });
    blocks.collect()
}

fn content(id: RawId, block_id: RawId, place: usize, block: Fields<'_>, report: &mut Report) -> Option<Content> {
    let value = block.text("value").filter(|value| !value.trim().is_empty());
    match block.text("type")?.as_str() {
        "text" => value.map(Content::Text),
        "image" => {
            report.images.read += 1;
            let Some(location) = value.filter(|value| is_address(value)) else {
                report.images.leave_out("no address of an image", format!("of post {id}"));
                return None;
            };
            report.images.kept += 1;
            Some(Content::Image(linked(ids::placed(id, place, &[id, block_id]), location)))
        }
        _ => None,
    }
}

fn shown(image: Image, post: &Post) -> Media {
    Media { image, account: post.author, holder: Some(Holder::Post(post.id)), expires: None, blobs: None, bytes: 0 }
}

fn likes(id: RawId, fields: Fields<'_>, there: &IdSet<UserId>, report: &mut Report) -> Vec<Record> {
    let mut seen = HashSet::new();
    let like = |(place, value)| {
        report.likes.read += 1;
        let user = id_of(value).map(|user| UserId(raw(user))).filter(|user| there.contains(user));
        let Some(user) = user else {
            report.likes.leave_out(GONE, format!("on post {id}"));
            return None;
        };
        if !seen.insert(user) {
            report.likes.leave_out("twice by the same", format!("{user} on post {id}"));
            return None;
        }
        report.likes.kept += 1;
        let like = ids::placed(id, place, &[id, user.into()]);
        Some(Record::Like(Like { id: like.into(), post: id.into(), user }))
    };
    fields.list("likes").enumerate().filter_map(like).collect()
}

fn comments<'a>(post: Fields<'a>) -> impl Iterator<Item = Fields<'a>> {
    post.list("comments").filter_map(|value| value.as_document().map(Fields))
}

fn all_comments(id: RawId, fields: Fields<'_>, there: &IdSet<UserId>, report: &mut Report) -> Vec<Record> {
    let mut taken = HashSet::new();
    let comment = |(place, comment): (usize, Fields<'_>)| {
        report.comments.read += 1;
        let own = comment.id("_id").map(raw).filter(|own| taken.insert(*own));
        let comment_id = own.unwrap_or_else(|| ids::placed(id, place, &[id]));
        let author = comment.id("user").map(|user| UserId(raw(user))).filter(|user| there.contains(user));
        let content = comment.text("content").filter(|text| !text.trim().is_empty());
        let (Some(author), Some(content)) = (author, content) else {
            let why = if author.is_none() { GONE } else { "nothing in it" };
            report.comments.leave_out(why, format!("{comment_id} on post {id}"));
            return None;
        };
        report.comments.kept += 1;
        if own.is_none() {
            report.comments.mend("without an id of its own: given one", format!("on post {id}"));
        }
        let created = comment.time("createdAt").unwrap_or_else(|| {
            report.comments.mend("without createdAt: since the time in its id", comment_id);
            comment_id.created()
        });
        Some(Record::Comment(Comment { id: comment_id.into(), post: id.into(), author, content, created }))
    };
    comments(fields).enumerate().filter_map(comment).collect()
}
