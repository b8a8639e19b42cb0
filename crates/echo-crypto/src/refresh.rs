//! Refresh tokens: derived from a session and a key, so that nothing needs to be stored for them (ADR 0002).

use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use echo_domain::{
    SessionId,
    auth::{RefreshToken, RefreshTokens, Session},
};

use crate::{keys::mac, random_bytes};

/// Makes and checks `<session>.<generation>.<proof>`, where the proof is an HMAC-SHA256 in base64url.
pub struct RefreshSigner {
    key: hmac::Key,
}

impl RefreshSigner {
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &key) }
    }
}

impl RefreshTokens for RefreshSigner {
    fn nonce(&self) -> [u8; 16] {
        random_bytes()
    }

    fn issue(&self, session: &Session) -> String {
        let proof = mac(&self.key, &[&message(session.id, session.generation, session.nonce)]);
        text(&RefreshToken { session: session.id, generation: session.generation, proof })
    }

    fn read(&self, token: &str) -> Option<RefreshToken> {
        let (session, rest) = token.split_once('.')?;
        let (generation, proof) = rest.split_once('.')?;
        let read = RefreshToken {
            session: session.parse().ok()?,
            generation: generation.parse().ok()?,
            proof: BASE64_URL_SAFE_NO_PAD.decode(proof).ok()?.try_into().ok()?,
        };
        // One spelling each: no capitals, no leading zeros, no plus sign.
        (text(&read) == token).then_some(read)
    }

    fn proves(&self, token: &RefreshToken, session: &Session) -> bool {
        let message = message(session.id, token.generation, session.nonce);
        token.session == session.id && hmac::verify(&self.key, &message, &token.proof).is_ok()
    }
}

fn text(token: &RefreshToken) -> String {
    format!("{}.{}.{}", token.session, token.generation, BASE64_URL_SAFE_NO_PAD.encode(token.proof))
}

fn message(session: SessionId, generation: u32, nonce: [u8; 16]) -> [u8; 32] {
    let mut message = [0; 32];
    message[..12].copy_from_slice(&session.0.to_bytes());
    message[12..16].copy_from_slice(&generation.to_be_bytes());
    message[16..].copy_from_slice(&nonce);
    message
}

#[cfg(test)]
mod tests {
    use echo_domain::{RawId, Timestamp, UserId};

    use super::*;

    fn session() -> Session {
        let now = Timestamp::from_millis(0);
        Session {
            id: SessionId(RawId::from_bytes([0xab; 12])),
            account: UserId(RawId::from_bytes([2; 12])),
            generation: 10,
            rotated: now,
            nonce: [3; 16],
            device: String::new(),
            created: now,
            expires: now,
        }
    }

    #[test]
    fn an_issued_token_proves_its_session_in_its_generation() {
        let signer = RefreshSigner::new([1; 32]);
        let token = signer.read(&signer.issue(&session())).unwrap();

        assert_eq!((token.session, token.generation), (session().id, 10));
        assert!(signer.proves(&token, &session()));
        assert!(signer.proves(&token, &Session { generation: 11, ..session() }), "it is the token's that counts");
    }

    #[test]
    fn nothing_else_proves_it() {
        let signer = RefreshSigner::new([1; 32]);
        let token = signer.read(&signer.issue(&session())).unwrap();
        let mut changed = token;
        changed.proof[31] ^= 1;

        assert!(!signer.proves(&changed, &session()));
        assert!(!signer.proves(&RefreshToken { generation: 11, ..token }, &session()));
        assert!(!signer.proves(&token, &Session { nonce: [4; 16], ..session() }));
        assert!(!signer.proves(&token, &Session { id: SessionId(RawId::from_bytes([1; 12])), ..session() }));
        assert!(!RefreshSigner::new([2; 32]).proves(&token, &session()));
    }

    #[test]
    fn a_token_has_one_spelling() {
        let signer = RefreshSigner::new([1; 32]);
        let token = signer.issue(&session());
        let (front, proof) = token.rsplit_once('.').unwrap();
        let id = session().id;

        for other in [
            String::new(),
            "..".to_owned(),
            token.to_uppercase(),
            format!("{token}="),
            format!("{token} "),
            format!("{token}.x"),
            format!("{front}.{}", &proof[1..]),
            format!("{id}.010.{proof}"),
            format!("{id}.+10.{proof}"),
            format!("{id}.-1.{proof}"),
            format!("{id}.4294967296.{proof}"),
            format!("{}.10.{proof}", id.to_string().to_uppercase()),
        ] {
            assert!(signer.read(&other).is_none(), "{other}");
        }
    }
}
