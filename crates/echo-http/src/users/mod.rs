//! `/api/users`: profiles, search, follows.

mod body;
mod form;

use std::sync::Arc;

use axum::extract::State;
use echo_domain::{Page, PageRequest, UserId, users::UserService};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

pub(crate) use body::{OwnProfileBody, PersonBody};
use body::{ProfileBody, PublicProfileBody};
use form::{EditBody, EditForm, EditMultipart};

use crate::{
    cursor::{Cursors, List, ListQuery, PageBody, limit},
    error::ApiResult,
    extract::{ApiJson, ApiPath, ApiQuery, CurrentUser, MaybeUser},
    media::Links,
    posts::{ReadyPost, ReadyPosts},
    reply::{Envelope, Reply},
};

/// What the user routes need.
pub struct UsersApi {
    pub users: Arc<UserService>,
    pub cursors: Cursors,
    pub links: Links,
    pub ready: ReadyPosts,
}

pub(crate) fn router() -> OpenApiRouter<Arc<UsersApi>> {
    OpenApiRouter::new()
        .routes(routes!(me, delete_me))
        .routes(routes!(search))
        .routes(routes!(edit))
        .routes(routes!(show))
        .routes(routes!(follow))
        .routes(routes!(unfollow))
        .routes(routes!(posts))
        .routes(routes!(followers))
        .routes(routes!(following))
}

/// Own profile
#[utoipa::path(get, path = "/api/users/me", tag = "users", security(("bearer" = [])),
    responses((status = 200, description = "The profile", body = Envelope<OwnProfileBody>), (status = 404, description = "Just deleted")))]
async fn me(State(api): State<Arc<UsersApi>>, CurrentUser(viewer): CurrentUser) -> ApiResult<Reply<OwnProfileBody>> {
    let own = api.users.me(viewer).await?;
    Ok(Reply::ok("User retrieved successfully", OwnProfileBody::new(own, &api.links)))
}

/// Delete the account
///
/// And all it made: gone from every read within 5 s, images within a minute.
#[utoipa::path(delete, path = "/api/users/me", tag = "users", security(("bearer" = [])), request_body = DeleteForm,
    responses(
        (status = 200, description = "Account deleted", body = Envelope<Option<String>>),
        (status = 403, description = "The password is wrong"),
        (status = 404, description = "Deleted already")))]
async fn delete_me(
    State(api): State<Arc<UsersApi>>,
    CurrentUser(viewer): CurrentUser,
    ApiJson(form): ApiJson<DeleteForm>,
) -> ApiResult<Reply<()>> {
    api.users.delete(viewer, &form.password).await?;
    Ok(Reply::ok("Account deleted", ()))
}

/// Find people
///
/// By any part of a username or name, in any case. Newest first.
#[utoipa::path(get, path = "/api/users/search", tag = "users", security(("bearer" = [])), params(SearchQuery),
    responses((status = 200, description = "Who was found", body = Envelope<FoundBody>)))]
async fn search(
    State(api): State<Arc<UsersApi>>,
    CurrentUser(_): CurrentUser,
    ApiQuery(query): ApiQuery<SearchQuery>,
) -> ApiResult<Reply<FoundBody>> {
    let before = query.last_id.as_deref().map(|id| api.cursors.read_id("lastId", id)).transpose()?;
    let page = PageRequest { before, limit: limit(query.limit.as_deref(), 10)? };
    let found = api.users.search(query.query.as_deref().unwrap_or_default(), page).await?;
    let pagination =
        PaginationBody { has_next_page: found.next.is_some(), last_id: found.next.map(|id| id.to_string()) };
    let people =
        found.items.into_iter().map(|(profile, posts)| PublicProfileBody::new(&profile, posts, &api.links)).collect();
    Ok(Reply::ok("Users retrieved successfully", FoundBody { users: people, pagination }))
}

/// Change the own profile
///
/// As JSON, or as a form with a picture. What is left out stays.
#[utoipa::path(patch, path = "/api/users/profile", tag = "users", security(("bearer" = [])),
    request_body(content(
        (EditForm = "application/json"),
        (EditMultipart = "multipart/form-data"))),
    responses(
        (status = 200, description = "Profile updated successfully", body = Envelope<OwnProfileBody>),
        (status = 404, description = "Just deleted"),
        (status = 409, description = "The username or e-mail is taken"),
        (status = 507, description = "No room for more media")))]
async fn edit(
    State(api): State<Arc<UsersApi>>,
    CurrentUser(viewer): CurrentUser,
    EditBody(edit): EditBody,
) -> ApiResult<Reply<OwnProfileBody>> {
    let own = api.users.edit(viewer, edit).await?;
    Ok(Reply::ok("Profile updated successfully", OwnProfileBody::new(own, &api.links)))
}

/// Somebody's profile
#[utoipa::path(get, path = "/api/users/{id}", tag = "users", security(("bearer" = [])),
    params(("id" = String, Path, description = "The user", pattern = "^[0-9a-f]{24}$")),
    responses((status = 200, description = "The profile", body = Envelope<ProfileBody>)))]
async fn show(
    State(api): State<Arc<UsersApi>>,
    CurrentUser(viewer): CurrentUser,
    ApiPath(id): ApiPath<UserId>,
) -> ApiResult<Reply<ProfileBody>> {
    let view = api.users.show(viewer, id).await?;
    Ok(Reply::ok("User retrieved successfully", ProfileBody::new(view, &api.cursors, &api.links, &api.ready)?))
}

/// Follow
#[utoipa::path(patch, path = "/api/users/{id}/follow", tag = "users", security(("bearer" = [])),
    params(("id" = String, Path, description = "The user", pattern = "^[0-9a-f]{24}$")),
    responses(
        (status = 200, description = "Following ana", body = Envelope<Option<String>>),
        (status = 409, description = "Followed already, or too many followed")))]
async fn follow(
    State(api): State<Arc<UsersApi>>,
    CurrentUser(viewer): CurrentUser,
    ApiPath(id): ApiPath<UserId>,
) -> ApiResult<Reply<()>> {
    let username = api.users.follow(viewer, id).await?;
    Ok(Reply::ok(format!("Following {username}"), ()))
}

/// Unfollow
#[utoipa::path(patch, path = "/api/users/{id}/unfollow", tag = "users", security(("bearer" = [])),
    params(("id" = String, Path, description = "The user", pattern = "^[0-9a-f]{24}$")),
    responses(
        (status = 200, description = "Unfollowed ana", body = Envelope<Option<String>>),
        (status = 409, description = "Not followed")))]
async fn unfollow(
    State(api): State<Arc<UsersApi>>,
    CurrentUser(viewer): CurrentUser,
    ApiPath(id): ApiPath<UserId>,
) -> ApiResult<Reply<()>> {
    let username = api.users.unfollow(viewer, id).await?;
    Ok(Reply::ok(format!("Unfollowed {username}"), ()))
}

/// Somebody's posts
///
/// Newest first.
#[utoipa::path(get, path = "/api/users/{id}/posts", tag = "users", security((), ("bearer" = [])),
    params(("id" = String, Path, description = "The user", pattern = "^[0-9a-f]{24}$"), ListQuery),
    responses((status = 200, description = "A page of posts", body = Envelope<PageBody<ReadyPost>>)))]
async fn posts(
    State(api): State<Arc<UsersApi>>,
    MaybeUser(viewer): MaybeUser,
    ApiPath(id): ApiPath<UserId>,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> ApiResult<Reply<PageBody<ReadyPost>>> {
    let page = api.users.posts(viewer.map(|viewer| viewer.id), id, api.cursors.read(List::Posts, &query)?).await?;
    let posts = Page { items: api.ready.all(page.items)?, next: page.next };
    Ok(Reply::ok("Posts retrieved successfully", api.cursors.page(List::Posts, posts, |post| post)))
}

/// Somebody's followers
///
/// Newest first.
#[utoipa::path(get, path = "/api/users/{id}/followers", tag = "users",
    params(("id" = String, Path, description = "The user", pattern = "^[0-9a-f]{24}$"), ListQuery),
    responses((status = 200, description = "A page of people", body = Envelope<PageBody<PersonBody>>)))]
async fn followers(
    State(api): State<Arc<UsersApi>>,
    ApiPath(id): ApiPath<UserId>,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> ApiResult<Reply<PageBody<PersonBody>>> {
    let page = api.users.followers(id, api.cursors.read(List::Followers, &query)?).await?;
    let body = api.cursors.page(List::Followers, page, |person| PersonBody::new(&person, &api.links));
    Ok(Reply::ok("Followers retrieved successfully", body))
}

/// Whom somebody follows
///
/// Newest first.
#[utoipa::path(get, path = "/api/users/{id}/following", tag = "users",
    params(("id" = String, Path, description = "The user", pattern = "^[0-9a-f]{24}$"), ListQuery),
    responses((status = 200, description = "A page of people", body = Envelope<PageBody<PersonBody>>)))]
async fn following(
    State(api): State<Arc<UsersApi>>,
    ApiPath(id): ApiPath<UserId>,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> ApiResult<Reply<PageBody<PersonBody>>> {
    let page = api.users.following(id, api.cursors.read(List::Following, &query)?).await?;
    let body = api.cursors.page(List::Following, page, |person| PersonBody::new(&person, &api.links));
    Ok(Reply::ok("Following retrieved successfully", body))
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
struct SearchQuery {
    /// A part of a username or name.
    #[param(required = true, value_type = String, min_length = 1, max_length = 50, example = "ana")]
    query: Option<String>,
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100, default = 10)]
    limit: Option<String>,
    /// `lastId` of the page before.
    last_id: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct FoundBody {
    users: Vec<PublicProfileBody>,
    pagination: PaginationBody,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PaginationBody {
    has_next_page: bool,
    last_id: Option<String>,
}

#[derive(Deserialize, ToSchema)]
struct DeleteForm {
    password: String,
}
