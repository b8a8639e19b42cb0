//! New posts, as JSON or as a form brings them.

use std::collections::BTreeMap;

use axum::extract::{FromRequest, Request};
use echo_domain::{
    MediaId,
    posts::{Draft, DraftContent},
};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    error::{ApiError, ApiResult},
    extract::ApiJson,
    multipart::{Form, Part, is_form},
};

/// A post as JSON brings it.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewPostForm {
    #[schema(min_items = 1, max_items = 20)]
    content: Vec<NewBlockForm>,
}

#[derive(Deserialize, ToSchema)]
struct NewBlockForm {
    /// `text` or `image`.
    #[serde(rename = "type")]
    #[schema(value_type = BlockKind)]
    kind: String,
    /// A text of up to 5,000 characters, or the `_id` of an image.
    #[schema(example = "Good morning")]
    value: String,
    /// What the image shows, in up to 1,000 characters; else what was said when it was uploaded.
    alt: Option<String>,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "only describes what `draft` reads")]
pub(super) enum BlockKind {
    Text,
    Image,
}

/// A post as a form brings it: for i from 0 to 19.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only describes the form; `NewPost` reads it")]
pub(super) struct NewPostMultipart {
    /// `text` or `image`
    #[schema(rename = "content[0][type]", example = "text")]
    kind: String,
    /// A text, or the file of an image.
    #[schema(rename = "content[0][value]", example = "Good morning")]
    value: String,
    /// What the image shows, in up to 1,000 characters.
    #[schema(rename = "content[0][alt]")]
    alt: Option<String>,
}

/// The body of a new post, in either form.
pub(super) struct NewPost(pub(super) Draft);

impl<S: Send + Sync> FromRequest<S> for NewPost {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> ApiResult<Self> {
        let blocks = if is_form(request.headers()) {
            form_blocks(Form::from_request(request, state).await?)?
        } else {
            let ApiJson(NewPostForm { content }) = ApiJson::from_request(request, state).await?;
            content.into_iter().enumerate().map(|(i, block)| Ok((i, block.draft(i)?))).collect::<ApiResult<_>>()?
        };
        Ok(Self(Draft::parse(blocks)?))
    }
}

impl NewBlockForm {
    fn draft(self, index: usize) -> ApiResult<DraftContent> {
        match self.kind.as_str() {
            "text" => Ok(DraftContent::Text(self.value)),
            "image" => Ok(DraftContent::Uploaded { media: media_id(&self.value, index)?, alt: self.alt }),
            _ => Err(unknown_type(index)),
        }
    }
}

/// The parts of one block, as they arrive.
#[derive(Default)]
struct BlockParts {
    kind: Option<Part>,
    value: Option<Part>,
    alt: Option<Part>,
}

/// Puts together what belongs to one block, by the number in its name, whatever order the parts came in.
fn form_blocks(form: Form) -> ApiResult<BTreeMap<usize, DraftContent>> {
    let mut blocks: BTreeMap<usize, BlockParts> = BTreeMap::new();
    for (name, part) in form.into_parts() {
        let Some((index, key)) = block_part(&name) else { continue };
        let block = blocks.entry(index).or_default();
        match key {
            "type" => block.kind = Some(part),
            "value" => block.value = Some(part),
            "alt" => block.alt = Some(part),
            _ => return Err(ApiError::malformed(name, "must be type, value or alt of a block")),
        }
    }
    blocks.into_iter().map(|(index, block)| Ok((index, block.draft(index)?))).collect()
}

/// `content[12][value]` taken apart: 12 and `value`.
fn block_part(name: &str) -> Option<(usize, &str)> {
    let (index, key) = name.strip_prefix("content[")?.strip_suffix(']')?.split_once("][")?;
    let digits = (1..=9).contains(&index.len()) && index.bytes().all(|c| c.is_ascii_digit());
    Some((index.parse().ok().filter(|_| digits)?, key))
}

impl BlockParts {
    fn draft(self, index: usize) -> ApiResult<DraftContent> {
        let field = |key: &str| format!("content[{index}].{key}");
        let kind = self.kind.ok_or_else(|| unknown_type(index))?.into_text(field("type"))?;
        let alt = self.alt.map(|alt| alt.into_text(field("alt"))).transpose()?;
        match (kind.trim(), self.value) {
            ("text", None) => Err(ApiError::malformed(field("value"), "must not be empty")),
            ("text", Some(value)) => Ok(DraftContent::Text(value.into_text(field("value"))?)),
            ("image", Some(Part { bytes, is_file: true })) if !bytes.is_empty() => {
                Ok(DraftContent::Upload { bytes, alt: alt.unwrap_or_default() })
            }
            ("image", Some(value)) if !value.is_file && !value.bytes.is_empty() => {
                Ok(DraftContent::Uploaded { media: media_id(&value.into_text(field("value"))?, index)?, alt })
            }
            ("image", _) => Err(ApiError::malformed(field("value"), "must be the file of an image")),
            _ => Err(unknown_type(index)),
        }
    }
}

fn media_id(text: &str, index: usize) -> ApiResult<MediaId> {
    let malformed = |_| ApiError::malformed(format!("content[{index}].value"), "must be the _id of an uploaded image");
    text.trim().parse().map_err(malformed)
}

fn unknown_type(index: usize) -> ApiError {
    ApiError::malformed(format!("content[{index}].type"), "must be text or image")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_belongs_to_the_block_of_its_number() {
        assert_eq!(block_part("content[10][value]"), Some((10, "value")));
        for name in
            ["content", "content[]", "content[][value]", "content[-1][value]", "content[x][value]", "content[1]value"]
        {
            assert_eq!(block_part(name), None, "{name}");
        }
    }
}
