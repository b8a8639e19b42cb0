//! Answering for the users service.

use std::sync::Arc;

use axum::{Router, response::Response, routing::post};
use bytes::Bytes;
use echo_domain::users::Directory;

use crate::{
    page::PageBody,
    serve::{answer, reply, unreadable},
};

use super::{Followers, FollowingOf, OpenProfile, ProfileBody, Profiles, following};

pub(crate) fn routes(directory: &Arc<dyn Directory>) -> Router {
    let asked = directory.clone();
    Router::new()
        .merge(answer(directory, |directory, call: OpenProfile| async move {
            directory.open_profile(call.user, &call.username, &call.name, call.now).await
        }))
        .merge(answer(directory, |directory, call: Profiles| async move {
            let found = directory.profiles(&call.users).await?;
            Ok(found.values().map(|profile| ProfileBody::from(&**profile)).collect())
        }))
        .merge(answer(directory, |directory, call: Followers| async move {
            Ok(PageBody::of(directory.followers(call.user, call.page.into()).await?))
        }))
        .route(FollowingOf::MANNER.path, post(async move |body| all_following(&*asked, body).await))
}

async fn all_following(directory: &dyn Directory, body: Bytes) -> Response {
    match serde_json::from_slice::<FollowingOf>(&body) {
        Ok(call) => reply(directory.following(call.user).await.map(|found| following::write(&found))),
        Err(error) => unreadable(&error),
    }
}
