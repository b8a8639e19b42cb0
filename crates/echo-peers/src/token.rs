//! What processes of one Echo know one another by.

use std::{fmt, sync::Arc};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::http::HeaderValue;

/// The secret that every process of an Echo has, and nobody else.
#[derive(Clone)]
pub struct ServiceToken(Arc<str>);

/// It could be guessed, or is no text for a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have at least {} visible ASCII characters", ServiceToken::SHORTEST)]
pub struct TokenTooShort;

impl ServiceToken {
    /// In bytes.
    pub const SHORTEST: usize = 32;

    /// # Errors
    /// When it is too short, or has other characters than visible ASCII.
    pub fn new(text: &str) -> Result<Self, TokenTooShort> {
        let fit = text.len() >= Self::SHORTEST && text.bytes().all(|c| c.is_ascii_graphic());
        fit.then(|| Self(text.into())).ok_or(TokenTooShort)
    }

    /// As `Authorization` has it.
    pub(crate) fn header(&self) -> HeaderValue {
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.0)).expect("visible ASCII is fit for a header");
        value.set_sensitive(true);
        value
    }

    /// Whether a process with this token sent it. Takes as long for any other of the same length.
    pub(crate) fn is_sent_by(&self, authorization: Option<&HeaderValue>) -> bool {
        let sent = authorization.and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        sent.is_some_and(|sent| verify_slices_are_equal(sent, self.0.as_bytes()).is_ok())
    }
}

/// Stays out of logs, also by accident.
impl fmt::Debug for ServiceToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceToken(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_could_be_guessed_is_refused() {
        assert!(ServiceToken::new(&"x".repeat(32)).is_ok());
        for text in ["", &"x".repeat(31), &format!("{} ", "x".repeat(40)), &"ñ".repeat(32)] {
            assert!(ServiceToken::new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_the_same_token_is_let_in() {
        let token = ServiceToken::new(&"x".repeat(32)).unwrap();
        let sent = |text: &str| token.is_sent_by(Some(&HeaderValue::try_from(text).unwrap()));

        assert!(token.is_sent_by(Some(&token.header())));
        assert!(!token.is_sent_by(None));
        assert!(!sent(&"x".repeat(32)));
        assert!(!sent(&format!("Bearer {}", "y".repeat(32))));
        assert!(!sent(&format!("Bearer {}", "x".repeat(33))));
        assert!(!format!("{token:?} {:?}", token.header()).contains("xx"));
    }
}
