//! `/api/users/me/export`: everything one made, as a ZIP that is written while it is read.

use std::{collections::HashSet, io, sync::Arc};

use async_zip::{Compression, ZipEntryBuilder, base::write::ZipFileWriter};
use axum::{
    body::Body,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use echo_domain::{
    BoxError, CommentId, FollowId, Page, PageRequest, PostId, Result,
    auth::Viewer,
    media::{Image, MediaDesk},
    posts::{Catalog, Comment},
    users::{Profile, UserService},
};
use futures_util::{AsyncWriteExt, StreamExt, TryStreamExt, future::BoxFuture, stream};
use serde::Serialize;
use tokio::io::DuplexStream;
use tokio_util::{compat::Compat, io::ReaderStream};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    error::ApiResult,
    extract::CurrentUser,
    media::Links,
    observe::detached,
    posts::{AuthorBody, PostBody},
    reply::Moment,
    users::{OwnProfileBody, PersonBody},
};

/// What the export needs.
pub struct ExportApi {
    pub users: Arc<UserService>,
    pub posts: Arc<dyn Catalog>,
    pub media: Arc<dyn MediaDesk>,
    pub links: Links,
}

pub(crate) fn router() -> OpenApiRouter<Arc<ExportApi>> {
    OpenApiRouter::new().routes(routes!(export))
}

/// Export the account
///
/// A ZIP of `profile.json`, `posts.json`, `comments.json`, `likes.json`, `followers.json`, `following.json` and the
/// images under `media/`.
#[utoipa::path(get, path = "/api/users/me/export", tag = "users", security(("bearer" = [])), responses(
    (status = 200, description = "The archive", content_type = "application/zip", body = Vec<u8>),
    (status = 404, description = "Just deleted")))]
async fn export(State(api): State<Arc<ExportApi>>, CurrentUser(viewer): CurrentUser) -> ApiResult<Response> {
    let profile = OwnProfileBody::new(api.users.me(viewer).await?, &api.links);
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let written = detached(async move { api.write(viewer, &profile, ours).await });
    // A failure on the way must not look like the end: it breaks the transfer off.
    let outcome = stream::once(async move {
        let failed = match written.await {
            Ok(Ok(())) => return None,
            Ok(Err(error)) => error,
            Err(error) => error.into(),
        };
        tracing::warn!(error = &*failed, "export broken off");
        Some(Err(io::Error::other(failed)))
    });
    let archive = ReaderStream::new(theirs).chain(outcome.filter_map(std::future::ready));
    let headers = [
        (header::CONTENT_TYPE, "application/zip"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"echo-export.zip\""),
    ];
    Ok((headers, Body::from_stream(archive)).into_response())
}

type Archive = ZipFileWriter<Compat<DuplexStream>>;

impl ExportApi {
    async fn write(&self, viewer: Viewer, profile: &OwnProfileBody, out: DuplexStream) -> Result<(), BoxError> {
        let mut archive = ZipFileWriter::with_tokio(out);
        archive.write_entry_whole(entry("profile.json"), &serde_json::to_vec_pretty(profile)?).await?;
        let links = &self.links;
        let people = |page: Page<Arc<Profile>, FollowId>| page.map(|person| PersonBody::new(&person, links));
        list(&mut archive, "posts.json", |page| Box::pin(self.posts_of(viewer, page))).await?;
        list(&mut archive, "comments.json", |page| Box::pin(self.comments_of(viewer, page))).await?;
        list(&mut archive, "likes.json", |page| Box::pin(self.likes_of(viewer, page))).await?;
        list(&mut archive, "followers.json", |page| {
            Box::pin(async move { self.users.followers(viewer.id, page).await.map(people) })
        })
        .await?;
        list(&mut archive, "following.json", |page| {
            Box::pin(async move { self.users.following(viewer.id, page).await.map(people) })
        })
        .await?;
        self.images(viewer, &mut archive).await?;
        archive.close().await?;
        Ok(())
    }

    async fn posts_of(&self, viewer: Viewer, page: PageRequest<PostId>) -> Result<Page<PostBody<AuthorBody>, PostId>> {
        let posts = self.users.posts(Some(viewer.id), viewer.id, page).await?;
        Ok(posts.map(|view| PostBody::new(&view, &self.links)))
    }

    async fn comments_of(
        &self,
        viewer: Viewer,
        page: PageRequest<CommentId>,
    ) -> Result<Page<CommentRecord, CommentId>> {
        Ok(self.posts.comments_by(viewer.id, page).await?.map(CommentRecord::from))
    }

    async fn likes_of(&self, viewer: Viewer, page: PageRequest<PostId>) -> Result<Page<LikeRecord, PostId>> {
        Ok(self.posts.likes_by(viewer.id, page).await?.map(|like| LikeRecord { post: like.post.to_string() }))
    }

    async fn images(&self, viewer: Viewer, archive: &mut Archive) -> Result<(), BoxError> {
        let (mut page, mut written) = (PageRequest::first(PageRequest::<()>::MAX), HashSet::new());
        loop {
            let found = self.media.images_of(viewer.id, page).await?;
            for Image { location, .. } in found.items {
                // Images of equal bytes have one file, also here.
                if !written.insert(location.clone()) {
                    continue;
                }
                // Deleted in the meantime, or kept by another service: the posts name it.
                let Some(mut blob) = self.media.read(&location).await? else { continue };
                let stored = ZipEntryBuilder::new(format!("media/{location}").into(), Compression::Stored);
                let mut file = archive.write_entry_stream(stored).await?;
                while let Some(chunk) = blob.bytes.try_next().await? {
                    file.write_all(&chunk).await?;
                }
                file.close().await?;
            }
            match found.next {
                Some(next) => page.before = Some(next),
                None => return Ok(()),
            }
        }
    }
}

/// Writes a whole list as one JSON array, a page at a time.
async fn list<'a, T: Serialize, Id>(
    archive: &mut Archive,
    name: &str,
    read: impl Fn(PageRequest<Id>) -> BoxFuture<'a, Result<Page<T, Id>>>,
) -> Result<(), BoxError> {
    let mut file = archive.write_entry_stream(entry(name)).await?;
    let (mut before, mut separator) = (None, "[\n");
    loop {
        let page = read(PageRequest { before, limit: PageRequest::<()>::MAX }).await?;
        for item in page.items {
            file.write_all(separator.as_bytes()).await?;
            file.write_all(&serde_json::to_vec(&item)?).await?;
            separator = ",\n";
        }
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    let end = if separator == "[\n" { "[]\n" } else { "\n]\n" };
    file.write_all(end.as_bytes()).await?;
    file.close().await?;
    Ok(())
}

fn entry(name: &str) -> ZipEntryBuilder {
    ZipEntryBuilder::new(name.into(), Compression::Deflate)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CommentRecord {
    #[serde(rename = "_id")]
    id: String,
    post: String,
    content: String,
    created_at: Moment,
}

impl From<Comment> for CommentRecord {
    fn from(comment: Comment) -> Self {
        Self {
            id: comment.id.to_string(),
            post: comment.post.to_string(),
            content: comment.content,
            created_at: comment.created.into(),
        }
    }
}

#[derive(Serialize)]
struct LikeRecord {
    post: String,
}
