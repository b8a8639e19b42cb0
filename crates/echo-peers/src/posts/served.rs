//! Answering for the posts service.

use std::sync::Arc;

use axum::Router;
use echo_domain::posts::Catalog;

use crate::{page::PageBody, serve::answer};

use super::{CommentsBy, Counts, KnownIdsBy, LikesBy, MediaOf, NewestBy, NewestIdsBy, Views, body::ViewsBody};

pub(crate) fn routes(catalog: &Arc<dyn Catalog>) -> Router {
    Router::new()
        .merge(answer(catalog, |catalog, call: Views| async move {
            Ok(ViewsBody::new(&catalog.views(&call.posts, call.viewer).await?))
        }))
        .merge(answer(catalog, |catalog, call: NewestIdsBy| async move {
            Ok(PageBody::of(catalog.newest_ids_by(&call.authors, call.page.into()).await?))
        }))
        .merge(answer(catalog, |catalog, call: KnownIdsBy| async move {
            Ok(PageBody::of(catalog.known_ids_by(&call.authors, call.page.into()).await?))
        }))
        .merge(answer(catalog, |catalog, call: NewestBy| async move {
            let page = catalog.newest_by(&call.authors, call.viewer, call.page.into()).await?;
            Ok((ViewsBody::new(&page.items), page.next))
        }))
        .merge(answer(catalog, |catalog, call: Counts| async move {
            Ok(catalog.counts(&call.authors).await?.into_iter().collect())
        }))
        .merge(answer(catalog, |catalog, call: MediaOf| async move { catalog.media_of(call.post).await }))
        .merge(answer(catalog, |catalog, call: CommentsBy| async move {
            Ok(PageBody::of(catalog.comments_by(call.user, call.page.into()).await?))
        }))
        .merge(answer(catalog, |catalog, call: LikesBy| async move {
            Ok(PageBody::of(catalog.likes_by(call.user, call.page.into()).await?))
        }))
}
