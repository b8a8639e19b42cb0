//! A post, and the rules for what goes into one.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{
    BlockId, CommentId, Error, MediaId, PostId, Result, Timestamp, UserId,
    media::{AltText, Image},
    text,
};

/// Blocks of text and images, in the author's order. Never changes once published.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Post {
    pub id: PostId,
    pub author: UserId,
    pub blocks: Vec<Block>,
    pub created: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Block {
    pub id: BlockId,
    pub content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Content {
    Text(String),
    Image(Image),
}

impl Post {
    /// The images that it shows.
    pub fn media(&self) -> Vec<MediaId> {
        let image = |block: &Block| match &block.content {
            Content::Image(image) => Some(image.id),
            Content::Text(_) => None,
        };
        self.blocks.iter().filter_map(image).collect()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Comment {
    pub id: CommentId,
    pub post: PostId,
    pub author: UserId,
    pub content: String,
    pub created: Timestamp,
}

/// A comment's text: 1 to 300 characters after trimming.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommentText(String);

impl CommentText {
    /// # Errors
    /// [`Error::Invalid`] on `content`.
    pub fn parse(text: &str) -> Result<Self> {
        text::parse("content", text, 1, 300).map(Self)
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

/// A post before it is one. Each block has the number that its client gave it.
#[derive(Debug, Default)]
pub struct Draft {
    blocks: Vec<DraftBlock>,
}

#[derive(Debug)]
pub struct DraftBlock {
    /// The client's number: what an error names.
    pub index: usize,
    pub content: DraftContent,
}

#[derive(Debug)]
pub enum DraftContent {
    Text(String),
    /// An image sent along.
    Upload {
        bytes: Bytes,
        alt: String,
    },
    /// An image uploaded before, with other words for it if some are given.
    Uploaded {
        media: MediaId,
        alt: Option<String>,
    },
}

impl Draft {
    pub const BLOCKS_MAX: usize = 20;
    pub const TEXT_MAX: usize = 5000;

    /// Blocks in the order of their numbers; gaps close up. Texts and descriptions are trimmed.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming each block that breaks a rule.
    pub fn parse(blocks: BTreeMap<usize, DraftContent>) -> Result<Self> {
        if blocks.is_empty() {
            return Err(Error::invalid("content", "must have at least one block"));
        }
        if blocks.len() > Self::BLOCKS_MAX {
            return Err(Error::invalid("content", format!("must have at most {} blocks", Self::BLOCKS_MAX)));
        }
        let mut errors = Vec::new();
        let mut parsed = Vec::with_capacity(blocks.len());
        for (index, mut content) in blocks {
            let checked = match &mut content {
                DraftContent::Text(text) => text::parse("content", text, 1, Self::TEXT_MAX)
                    .map(|trimmed| *text = trimmed)
                    .map_err(|error| error.at(field(index, "value"))),
                DraftContent::Upload { alt, .. } | DraftContent::Uploaded { alt: Some(alt), .. } => AltText::parse(alt)
                    .map(|trimmed| *alt = trimmed.into_string())
                    .map_err(|error| error.at(field(index, "alt"))),
                DraftContent::Uploaded { alt: None, .. } => Ok(()),
            };
            match checked {
                Ok(()) => {}
                Err(Error::Invalid(found)) => errors.extend(found),
                Err(other) => return Err(other),
            }
            parsed.push(DraftBlock { index, content });
        }
        if errors.is_empty() { Ok(Self { blocks: parsed }) } else { Err(Error::Invalid(errors)) }
    }

    pub fn into_blocks(self) -> Vec<DraftBlock> {
        self.blocks
    }
}

impl DraftBlock {
    /// What an error about this block's value names.
    pub fn value_field(&self) -> String {
        field(self.index, "value")
    }
}

fn field(index: usize, part: &str) -> String {
    format!("content[{index}].{part}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(blocks: &[(usize, &str)]) -> Result<Draft> {
        Draft::parse(blocks.iter().map(|(index, text)| (*index, DraftContent::Text((*text).to_owned()))).collect())
    }

    #[test]
    fn blocks_are_in_the_order_of_their_numbers() {
        let draft = texts(&[(10, "c"), (2, " b "), (0, "a")]).unwrap();

        let texts: Vec<_> = draft.into_blocks().into_iter().map(|block| format!("{:?}", block.content)).collect();
        assert_eq!(texts, [r#"Text("a")"#, r#"Text("b")"#, r#"Text("c")"#]);
    }

    #[test]
    fn a_bad_block_is_named_by_its_number() {
        let Err(Error::Invalid(errors)) = texts(&[(0, "a"), (7, "  "), (9, &"x".repeat(5001))]) else {
            panic!("accepted")
        };

        let fields: Vec<_> = errors.iter().map(|error| error.field.as_ref()).collect();
        assert_eq!(fields, ["content[7].value", "content[9].value"]);
    }

    #[test]
    fn a_post_has_1_to_20_blocks() {
        assert!(texts(&[]).is_err());
        assert!(Draft::parse((0..21).map(|i| (i, DraftContent::Text("x".into()))).collect()).is_err());
        assert!(Draft::parse((0..20).map(|i| (i, DraftContent::Text("x".into()))).collect()).is_ok());
    }
}
