//! The calls of Cloudinary's API that Echo makes.
//!
//! <https://cloudinary.com/documentation/image_upload_api_reference>

use std::{sync::Arc, time::Duration};

use aws_lc_rs::digest::SHA256;
use bytes::Bytes;
use echo_domain::{BoxError, Clock};
use reqwest::{
    Client, Response, StatusCode,
    multipart::{Form, Part},
};
use serde::Deserialize;

use super::{CloudinaryOptions, signature::sign};

/// How often a call is made that breaks off or meets a fault of Cloudinary's.
const TRIES: u32 = 3;

/// Cloudinary's API, as one account calls it.
pub(super) struct Calls {
    http: Client,
    clock: Arc<dyn Clock>,
    /// What the addresses of calls start with.
    api: String,
    key: String,
    secret: String,
    pause: Duration,
}

/// Why Cloudinary did not do it.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    #[error("Cloudinary refuses with {status}: {told}")]
    Refused { status: StatusCode, told: String },
    #[error("Cloudinary keeps {kept} bytes of {sent}")]
    CutShort { sent: u64, kept: u64 },
    #[error("Cloudinary says {0:?}")]
    Unexpected(String),
}

#[derive(Deserialize)]
struct Uploaded {
    bytes: u64,
    /// Something was there under this name, and stays.
    #[serde(default)]
    existing: bool,
}

#[derive(Deserialize)]
struct Destroyed {
    result: String,
}

impl Calls {
    pub(super) fn new(http: Client, clock: Arc<dyn Clock>, options: &CloudinaryOptions) -> Self {
        let host = options.endpoint.as_deref().unwrap_or("https://api.cloudinary.com");
        Self {
            http,
            clock,
            api: format!("{host}/v1_1/{}/image", options.cloud_name),
            key: options.api_key.clone(),
            secret: options.api_secret.clone(),
            pause: options.patience.call / 50,
        }
    }

    /// Uploads a picture, unless something has its `public_id` already.
    pub(super) async fn upload(&self, public_id: &str, bytes: Bytes) -> Result<(), BoxError> {
        let sent = bytes.len() as u64;
        let parameters = [("overwrite", "false".to_owned()), ("public_id", public_id.to_owned())];
        let file = || Some(Part::stream_with_length(bytes.clone(), sent).file_name("picture"));
        let Uploaded { bytes: kept, existing } = self.call("upload", &parameters, file).await?.json().await?;
        if !existing && kept != sent {
            return Err(CallError::CutShort { sent, kept }.into());
        }
        Ok(())
    }

    /// Removes a picture and what was made of it, also from Cloudinary's caches; one that is gone is no failure.
    pub(super) async fn destroy(&self, public_id: &str) -> Result<(), BoxError> {
        let parameters = [("invalidate", "true".to_owned()), ("public_id", public_id.to_owned())];
        let Destroyed { result } = self.call("destroy", &parameters, || None).await?.json().await?;
        match result.as_str() {
            "ok" | "not found" => Ok(()),
            _ => Err(CallError::Unexpected(result).into()),
        }
    }

    /// Makes a signed call, and makes it again when it breaks off.
    async fn call(
        &self,
        what: &str,
        parameters: &[(&'static str, String)],
        file: impl Fn() -> Option<Part>,
    ) -> Result<Response, BoxError> {
        let address = format!("{}/{what}", self.api);
        let mut tried = 1;
        loop {
            let answer = self.http.post(&address).multipart(self.form(parameters, file())).send().await;
            let failed: BoxError = match answer {
                Ok(response) if response.status().is_success() => return Ok(response),
                Ok(response) => {
                    let again = response.status().is_server_error();
                    let refused = refusal(response).await.into();
                    if !again {
                        return Err(refused);
                    }
                    refused
                }
                Err(error) => error.into(),
            };
            if tried == TRIES {
                return Err(failed);
            }
            tokio::time::sleep(self.pause * tried).await;
            tried += 1;
        }
    }

    fn form(&self, parameters: &[(&'static str, String)], file: Option<Part>) -> Form {
        let mut signed = parameters.to_vec();
        signed.push(("timestamp", (self.clock.now().millis() / 1000).to_string()));
        let signature = sign(&SHA256, &signed, &self.secret);
        let form = Form::new().text("api_key", self.key.clone()).text("signature", signature);
        let form = signed.into_iter().fold(form, |form, (name, value)| form.text(name, value));
        match file {
            Some(file) => form.part("file", file),
            None => form,
        }
    }
}

async fn refusal(response: Response) -> CallError {
    #[derive(Deserialize)]
    struct Refused {
        error: Why,
    }
    #[derive(Deserialize)]
    struct Why {
        message: String,
    }
    let status = response.status();
    let told = response.json::<Refused>().await.map_or_else(|_| "no reason given".to_owned(), |it| it.error.message);
    CallError::Refused { status, told }
}
