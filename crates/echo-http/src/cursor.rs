//! Cursors and limits: where a page of a list starts, and how long it is.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use echo_domain::{Clock, Page, PageRequest, RawId, Sealer};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::error::{ApiError, ApiResult};

/// Makes and reads cursors.
#[derive(Clone)]
pub struct Cursors {
    /// Marks what is given out, so that only that comes back.
    pub sealer: Arc<dyn Sealer>,
    pub clock: Arc<dyn Clock>,
}

/// A list, named: a cursor of one list is no cursor of another.
#[derive(Debug, Clone, Copy)]
pub(crate) enum List {
    Home,
    Posts,
    Followers,
    Following,
    Comments,
    Likes,
}

/// Which part of a list is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// How many at most.
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100, default = 20)]
    limit: Option<String>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

/// A page of a list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PageBody<T> {
    items: Vec<T>,
    /// Ask for the next page with it; `null` when this was the last.
    next_cursor: Option<String>,
}

impl Cursors {
    /// Half a SHA-256 is far beyond guessing over a network.
    const TAG: usize = 16;
    /// How far the clocks of two nodes may be apart.
    const CLOCKS_DIFFER: Duration = Duration::from_secs(60);

    /// # Errors
    /// 400 on `limit` or `cursor`.
    pub(crate) fn read<Id: From<RawId>>(&self, list: List, query: &ListQuery) -> ApiResult<PageRequest<Id>> {
        let before = query.cursor.as_deref().map(|cursor| self.open(list, cursor)).transpose()?;
        Ok(PageRequest { before, limit: limit(query.limit.as_deref(), 20)? })
    }

    pub(crate) fn page<T, U, Id: Into<RawId>>(
        &self,
        list: List,
        page: Page<T, Id>,
        body: impl FnMut(T) -> U,
    ) -> PageBody<U> {
        PageBody {
            items: page.items.into_iter().map(body).collect(),
            next_cursor: page.next.map(|id| self.seal(list, id.into())),
        }
    }

    pub(crate) fn seal(&self, list: List, id: RawId) -> String {
        let mut bytes = id.to_bytes().to_vec();
        bytes.extend(&self.tag(list, id));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn open<Id: From<RawId>>(&self, list: List, cursor: &str) -> ApiResult<Id> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).unwrap_or_default();
        let id = bytes.first_chunk().copied().map(RawId::from_bytes);
        id.filter(|id| bytes[12..] == self.tag(list, *id)).map(Id::from).ok_or_else(|| not_given_out("cursor"))
    }

    /// An id as a cursor, as clients of the first Echo send it. One from the future was never given out.
    pub(crate) fn read_id<Id: From<RawId>>(&self, field: &'static str, text: &str) -> ApiResult<Id> {
        let id: RawId = text.parse().map_err(|_| not_given_out(field))?;
        if id.created() > self.clock.now() + Self::CLOCKS_DIFFER { Err(not_given_out(field)) } else { Ok(id.into()) }
    }

    fn tag(&self, list: List, id: RawId) -> [u8; Self::TAG] {
        let mut tag = [0; Self::TAG];
        let list = format!("{list:?}");
        tag.copy_from_slice(&self.sealer.digest(&[b"cursor", list.as_bytes(), &id.to_bytes()])[..Self::TAG]);
        tag
    }
}

fn not_given_out(field: &'static str) -> ApiError {
    ApiError::malformed(field, "is no cursor that was given out")
}

/// # Errors
/// 400 on `limit`, unless it is a number from 1 to 100.
pub(crate) fn limit(text: Option<&str>, default: usize) -> ApiResult<usize> {
    let Some(text) = text else { return Ok(default) };
    let number = text.parse().ok().filter(|limit| (1..=PageRequest::<()>::MAX).contains(limit));
    number.ok_or_else(|| ApiError::malformed("limit", "must be a number from 1 to 100"))
}
