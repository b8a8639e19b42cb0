//! Access tokens: JWTs, signed with a shared secret or with a key pair of Echo's own.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use echo_domain::{
    CacheFigures, Error, Evictions, Result, SessionId, Timestamp, UserId,
    auth::{AccessClaims, AccessTokens, Role},
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, crypto::aws_lc};
use quick_cache::{DefaultHashBuilder, UnitWeighter, sync::Cache};
use serde::{Deserialize, Serialize};

use crate::SigningKey;

/// Both issuer and audience.
const ECHO: &str = "echo";

/// How many verified tokens are remembered: an Ed25519 signature takes longer to verify than most requests to serve.
const REMEMBERED: usize = 20_000;

/// Signs and reads access tokens under one algorithm; a token that names any other is refused.
pub struct AccessSigner {
    header: Header,
    signing: EncodingKey,
    verifying: DecodingKey,
    validation: Validation,
    /// Only tokens whose signature was good, so that nobody can push them out with forged ones.
    verified: Verified,
    figures: CacheFigures,
    public: Option<Jwk>,
}

type Verified = Cache<String, AccessClaims, UnitWeighter, DefaultHashBuilder, Evictions>;

/// The public key as others need it to verify tokens (RFC 8037 §2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwk {
    pub kty: String,
    pub crv: String,
    pub alg: String,
    pub r#use: String,
    pub kid: String,
    /// The 32 bytes of the key, in base64url.
    pub x: String,
}

/// A secret of less than 32 bytes is no match for its own MAC (RFC 7518 §3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret that signs access tokens must have at least 32 bytes")]
pub struct WeakSecret;

/// What the token carries. `_id` is how the first Echo called `sub`, and its clients read it.
#[derive(Serialize, Deserialize)]
struct Body {
    sub: UserId,
    #[serde(rename = "_id")]
    id: UserId,
    sid: SessionId,
    role: String,
    /// In seconds, like `exp`.
    iat: i64,
    exp: i64,
    iss: String,
    aud: String,
}

impl AccessSigner {
    /// With a secret that every node has (HS256).
    ///
    /// # Errors
    /// [`WeakSecret`] under 32 bytes.
    pub fn hs256(secret: &[u8]) -> Result<Self, WeakSecret> {
        if secret.len() < 32 {
            return Err(WeakSecret);
        }
        let keys = (EncodingKey::from_secret(secret), DecodingKey::from_secret(secret));
        Ok(Self::new(Header::new(Algorithm::HS256), keys, None))
    }

    /// With a key pair (EdDSA), so that others can verify tokens without being able to make them.
    #[must_use]
    pub fn ed25519(key: &SigningKey) -> Self {
        let jwk = Jwk::of(&key.public);
        let header = Header { kid: Some(jwk.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        let keys = (EncodingKey::from_ed_der(&key.pkcs8), DecodingKey::from_ed_der(&key.public));
        Self::new(header, keys, Some(jwk))
    }

    /// The public key, where there is one.
    #[must_use]
    pub const fn jwks(&self) -> Option<&Jwk> {
        self.public.as_ref()
    }

    fn new(header: Header, (signing, verifying): (EncodingKey, DecodingKey), public: Option<Jwk>) -> Self {
        // Named, because jsonwebtoken would panic were its other provider compiled in too. Fails when set already.
        let _ = aws_lc::DEFAULT_PROVIDER.install_default();
        let mut validation = Validation::new(header.alg);
        validation.set_issuer(&[ECHO]);
        validation.set_audience(&[ECHO]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        // The domain compares with its own clock.
        validation.validate_exp = false;
        let figures = CacheFigures::of("tokens");
        let hash = DefaultHashBuilder::default();
        let verified = Verified::with(REMEMBERED, REMEMBERED as u64, UnitWeighter, hash, figures.evictions());
        Self { header, signing, verifying, validation, verified, figures, public }
    }

    fn verify(&self, token: &str) -> Option<AccessClaims> {
        let body: Body = jsonwebtoken::decode(token, &self.verifying, &self.validation).ok()?.claims;
        Some(AccessClaims {
            account: body.sub,
            session: body.sid,
            role: Role::parse(&body.role)?,
            issued: from_seconds(body.iat)?,
            expires: from_seconds(body.exp)?,
        })
    }
}

impl AccessTokens for AccessSigner {
    fn sign(&self, claims: &AccessClaims) -> Result<String> {
        let body = Body {
            sub: claims.account,
            id: claims.account,
            sid: claims.session,
            role: claims.role.as_str().to_owned(),
            iat: claims.issued.millis().div_euclid(1000),
            exp: claims.expires.millis().div_euclid(1000),
            iss: ECHO.to_owned(),
            aud: ECHO.to_owned(),
        };
        jsonwebtoken::encode(&self.header, &body, &self.signing).map_err(Error::internal)
    }

    fn read(&self, token: &str) -> Option<AccessClaims> {
        // A token, its claims, and the cache's own record of it.
        const BYTES: u64 = 512;
        let known = self.verified.get(token);
        self.figures.asked(1, usize::from(known.is_some()));
        if known.is_some() {
            return known;
        }
        let claims = self.verify(token)?;
        self.verified.insert(token.to_owned(), claims);
        let entries = self.verified.len();
        self.figures.holds(entries as u64 * BYTES, entries);
        Some(claims)
    }
}

impl Jwk {
    fn of(public: &[u8]) -> Self {
        let mut kid = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, public));
        kid.truncate(16);
        Self {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            alg: "EdDSA".to_owned(),
            r#use: "sig".to_owned(),
            kid,
            x: BASE64_URL_SAFE_NO_PAD.encode(public),
        }
    }
}

fn from_seconds(seconds: i64) -> Option<Timestamp> {
    seconds.checked_mul(1000).map(Timestamp::from_millis)
}

#[cfg(test)]
mod tests {
    use echo_domain::{RawId, contract::Figures};
    use serde_json::{Value, json};

    use super::*;

    const SECRET: &[u8] = &[7; 32];

    #[test]
    fn tokens_that_are_known_are_counted() {
        let figures = Figures::default();
        let _counting = figures.count_here();
        let signer = AccessSigner::hs256(SECRET).unwrap();
        let token = signer.sign(&claims()).unwrap();

        for _ in 0..3 {
            signer.read(&token).unwrap();
        }

        assert_eq!(figures.get("echo_cache_hits_total{cache=tokens}"), 2.0);
        assert_eq!(figures.get("echo_cache_misses_total{cache=tokens}"), 1.0);
        assert_eq!(figures.get("echo_cache_entries{cache=tokens}"), 1.0);
    }

    fn claims() -> AccessClaims {
        AccessClaims {
            account: UserId(RawId::from_bytes([1; 12])),
            session: SessionId(RawId::from_bytes([2; 12])),
            role: Role::Moderator,
            issued: Timestamp::from_millis(1_700_000_000_000),
            expires: Timestamp::from_millis(1_700_000_900_000),
        }
    }

    fn pair() -> SigningKey {
        SigningKey::load_or_create(tempfile::tempdir().unwrap().path()).unwrap()
    }

    /// A token with this header and body, signed by `key`.
    fn token(algorithm: Algorithm, body: &Value, key: &EncodingKey) -> String {
        jsonwebtoken::encode(&Header::new(algorithm), body, key).unwrap()
    }

    fn body() -> Value {
        json!({
            "sub": "010101010101010101010101", "_id": "010101010101010101010101",
            "sid": "020202020202020202020202", "role": "moderator",
            "iat": 1_700_000_000, "exp": 1_700_000_900, "iss": "echo", "aud": "echo",
        })
    }

    fn part(token: &str, n: usize) -> Value {
        let part = token.split('.').nth(n).unwrap();
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    #[test]
    fn a_token_reads_back_expired_or_not_and_again() {
        for signer in [AccessSigner::hs256(SECRET).unwrap(), AccessSigner::ed25519(&pair())] {
            let token = signer.sign(&claims()).unwrap();

            assert_eq!(signer.read(&token), Some(claims()));
            assert_eq!(signer.read(&token), Some(claims()), "remembered");
            assert_eq!(part(&token, 1), body());
        }
    }

    #[test]
    fn the_key_pair_is_told_by_its_id() {
        let signer = AccessSigner::ed25519(&pair());
        let jwk = signer.jwks().unwrap();

        assert_eq!(jwk.kid.len(), 16);
        assert_eq!(part(&signer.sign(&claims()).unwrap(), 0), json!({"typ": "JWT", "alg": "EdDSA", "kid": jwk.kid}));
        assert!(AccessSigner::hs256(SECRET).unwrap().jwks().is_none());
    }

    #[test]
    fn another_key_or_a_changed_token_is_refused_and_stays_so() {
        let (one, other) = (AccessSigner::ed25519(&pair()), AccessSigner::ed25519(&pair()));
        let token = one.sign(&claims()).unwrap();
        let changed = token.replacen('.', ".e", 1);

        for _ in 0..2 {
            assert_eq!(other.read(&token), None);
            assert_eq!(one.read(&changed), None);
        }
        assert_eq!(one.verified.len() + other.verified.len(), 0, "forged tokens take no room");
        assert_eq!(AccessSigner::hs256(&[8; 32]).unwrap().read(&token), None);
    }

    #[test]
    fn the_public_key_is_no_shared_secret() {
        let pair = pair();
        let forged = token(Algorithm::HS256, &body(), &EncodingKey::from_secret(&pair.public));

        assert_eq!(AccessSigner::ed25519(&pair).read(&forged), None);
    }

    #[test]
    fn an_unsigned_token_is_refused() {
        let encode = |json: Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());

        for algorithm in ["none", "None", "NONE", "HS256", "EdDSA"] {
            let unsigned = format!("{}.{}.", encode(json!({"alg": algorithm, "typ": "JWT"})), encode(body()));
            assert_eq!(AccessSigner::hs256(SECRET).unwrap().read(&unsigned), None, "{algorithm}");
            assert_eq!(AccessSigner::ed25519(&pair()).read(&unsigned), None, "{algorithm}");
        }
    }

    #[test]
    fn only_the_one_algorithm_is_accepted() {
        let stronger = token(Algorithm::HS512, &body(), &EncodingKey::from_secret(SECRET));

        assert_eq!(AccessSigner::hs256(SECRET).unwrap().read(&stronger), None);
    }

    #[test]
    fn claims_of_others_are_refused() {
        let signer = AccessSigner::hs256(SECRET).unwrap();
        let with = |claim: &str, value: Value| {
            let mut body = body();
            body[claim] = value;
            token(Algorithm::HS256, &body, &EncodingKey::from_secret(SECRET))
        };

        assert_eq!(signer.read(&with("iss", json!("echo"))), Some(claims()));
        for (claim, value) in [
            ("iss", json!("other")),
            ("iss", Value::Null),
            ("aud", json!("other")),
            ("aud", Value::Null),
            ("role", json!("emperor")),
            ("sub", json!("me")),
            ("exp", json!(i64::MAX)),
        ] {
            assert_eq!(signer.read(&with(claim, value.clone())), None, "{claim}: {value}");
        }
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert_eq!(AccessSigner::hs256(&[7; 31]).err(), Some(WeakSecret));
    }
}
