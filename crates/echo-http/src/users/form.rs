//! A profile's change, as JSON or as a form brings it.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
};
use echo_domain::users::Edit;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    error::{ApiError, ApiResult},
    extract::ApiJson,
    multipart::{Form, is_form},
};

/// What to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
pub(super) struct EditForm {
    #[schema(min_length = 1, max_length = 50)]
    name: Option<String>,
    #[schema(pattern = "^[A-Za-z0-9_]{4,32}$")]
    username: Option<String>,
    #[schema(max_length = 300)]
    bio: Option<String>,
    email: Option<String>,
}

/// What to change, with a picture.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only describes the form; `EditBody` reads it")]
#[schema(rename_all = "camelCase")]
pub(super) struct EditMultipart {
    name: Option<String>,
    username: Option<String>,
    bio: Option<String>,
    email: Option<String>,
    /// JPEG, PNG, WebP or GIF, up to 10 MiB.
    #[schema(value_type = Option<String>, format = Binary)]
    profile_picture: Option<Bytes>,
}

/// The body of a profile's change, in either form.
pub(super) struct EditBody(pub(super) Edit);

impl<S: Send + Sync> FromRequest<S> for EditBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> ApiResult<Self> {
        if is_form(request.headers()) {
            let mut form = Form::from_request(request, state).await?;
            return Ok(Self(Edit {
                name: form.take_text("name")?,
                username: form.take_text("username")?,
                bio: form.take_text("bio")?,
                email: form.take_text("email")?,
                picture: form.take_file("profilePicture"),
            }));
        }
        let ApiJson(EditForm { name, username, bio, email }) = ApiJson::from_request(request, state).await?;
        Ok(Self(Edit { name, username, bio, email, picture: None }))
    }
}
