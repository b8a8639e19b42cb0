//! Password hashes: Argon2id for those Echo makes, bcrypt for those that the first Echo left.

use std::{io, time::Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use async_trait::async_trait;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use echo_domain::{
    Error, Result,
    auth::{PasswordHash, PasswordHasher, Verdict},
    metric::{Metric, NONE},
    workers::{QueueFigures, Workers},
};
use metrics::Histogram;

use crate::random_bytes;

/// What a hash costs to compute: the second of OWASP's equivalent choices (Password Storage Cheat Sheet).
const COST: Cost = Cost { kibibytes: 19 * 1024, passes: 2, lanes: 1 };

/// No hash may ask for more than this. Echo never made such a one.
const MOST: Cost = Cost { kibibytes: 256 * 1024, passes: 10, lanes: 4 };

/// The highest bcrypt cost that is verified; each step doubles the time, and this one takes about a second.
const MOST_BCRYPT: u32 = 14;

pub(crate) static SECONDS: Metric<1> = Metric::seconds(
    "echo_password_hash_seconds",
    ["work"],
    "How long the work for a password took, without the wait for a thread.",
);
pub(crate) static WAITING: Metric<0> =
    Metric::gauge("echo_password_queue", [], "Passwords that wait for a thread to work on them.");
pub(crate) static REFUSED: Metric<0> =
    Metric::counter("echo_password_refused_total", [], "Passwords that were refused at once since too many waited.");

/// Computes password hashes on threads of its own, which give way to those that serve requests.
pub struct PasswordThreads {
    /// Each keeps the memory that Argon2 works in.
    workers: Workers<Vec<Block>>,
    /// Takes the place of the hash of an account that does not exist. No password is known to match.
    nobodys: PasswordHash,
    hashing: Histogram,
    verifying: Histogram,
}

impl PasswordThreads {
    /// Computes on `threads` at a time, each using 19 MiB from its first hash on, while up to `queue` callers wait.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn new(threads: usize, queue: usize) -> io::Result<Self> {
        let figures = QueueFigures { waiting: WAITING.level(NONE), refused: REFUSED.count(NONE) };
        let workers = Workers::new("sign-in", threads, queue, figures, || {
            // On Linux this is for the calling thread alone. A refusal costs latency under load, nothing else.
            let _ = rustix::process::nice(10);
            Vec::new()
        })?;
        let nobodys = Phc { cost: COST, salt: random_bytes::<16>().to_vec(), output: random_bytes::<32>().to_vec() };
        let [hashing, verifying] = ["hash", "verify"].map(|work| SECONDS.spread([work]));
        Ok(Self { workers, nobodys: nobodys.into_hash(), hashing, verifying })
    }

    async fn measured<T: Send + 'static>(
        &self,
        seconds: &Histogram,
        work: impl FnOnce(&mut Vec<Block>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let seconds = seconds.clone();
        let measured = move |memory: &mut _| {
            let started = Instant::now();
            let done = work(memory);
            seconds.record(started.elapsed());
            done
        };
        self.workers.run(measured).await?
    }
}

#[async_trait]
impl PasswordHasher for PasswordThreads {
    async fn hash(&self, password: &str) -> Result<PasswordHash> {
        let password = password.to_owned();
        self.measured(&self.hashing, move |memory| hash(&password, memory)).await
    }

    async fn verify(&self, password: &str, hash: Option<&PasswordHash>) -> Result<Verdict> {
        let (password, known) = (password.to_owned(), hash.is_some());
        let hash = hash.unwrap_or(&self.nobodys).clone();
        let verify = move |memory: &mut _| verify(&password, hash.as_str(), memory);
        let verdict = self.measured(&self.verifying, verify).await?;
        Ok(if known { verdict } else { Verdict::Wrong })
    }
}

fn hash(password: &str, memory: &mut Vec<Block>) -> Result<PasswordHash> {
    let salt = random_bytes::<16>().to_vec();
    let output = argon2id(password, &salt, 32, COST, memory)?;
    Ok(Phc { cost: COST, salt, output }.into_hash())
}

fn verify(password: &str, hash: &str, memory: &mut Vec<Block>) -> Result<Verdict> {
    if ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| hash.starts_with(prefix)) {
        return verify_bcrypt(password, hash);
    }
    let phc = Phc::parse(hash).ok_or_else(|| Error::internal("a password hash of no known kind"))?;
    let output = argon2id(password, &phc.salt, phc.output.len(), phc.cost, memory)?;
    Ok(match verify_slices_are_equal(&output, &phc.output) {
        Err(_) => Verdict::Wrong,
        Ok(()) if phc.cost == COST => Verdict::Right,
        Ok(()) => Verdict::RightButOld,
    })
}

/// Takes the first 72 bytes for the whole, as the first Echo did: more than those it never hashed.
fn verify_bcrypt(password: &str, hash: &str) -> Result<Verdict> {
    let parts: bcrypt::HashParts = hash.parse().map_err(|_| Error::internal("a damaged bcrypt hash"))?;
    if parts.get_cost() > MOST_BCRYPT {
        return Err(Error::internal("a bcrypt hash of an excessive cost"));
    }
    let password = password.as_bytes();
    let right = bcrypt::verify(&password[..password.len().min(72)], hash)
        .map_err(|error| Error::internal(error.to_string()))?;
    Ok(if right { Verdict::RightButOld } else { Verdict::Wrong })
}

/// `length` bytes of Argon2id. `memory` is for hashes of our cost; others, which are rare, bring their own.
fn argon2id(password: &str, salt: &[u8], length: usize, cost: Cost, memory: &mut Vec<Block>) -> Result<Vec<u8>> {
    let params = Params::new(cost.kibibytes, cost.passes, cost.lanes, Some(length)).map_err(internal)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut output = vec![0; length];
    if cost == COST {
        memory.resize(argon2.params().block_count(), Block::new());
        argon2.hash_password_into_with_memory(password.as_bytes(), salt, &mut output, memory).map_err(internal)?;
    } else {
        argon2.hash_password_into(password.as_bytes(), salt, &mut output).map_err(internal)?;
    }
    Ok(output)
}

fn internal(error: argon2::Error) -> Error {
    Error::internal(error.to_string())
}

/// Argon2's `m`, `t` and `p` (RFC 9106 §3.1).
#[derive(Clone, Copy, PartialEq, Eq)]
struct Cost {
    kibibytes: u32,
    passes: u32,
    lanes: u32,
}

/// An Argon2id hash and what it was made with: `$argon2id$v=19$m=…,t=…,p=…$salt$output`.
/// <https://github.com/P-H-C/phc-string-format>
struct Phc {
    cost: Cost,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Phc {
    /// `None` for anything else, and beyond [`MOST`].
    fn parse(text: &str) -> Option<Self> {
        let (params, rest) = text.strip_prefix("$argon2id$v=19$")?.split_once('$')?;
        let (salt, output) = rest.split_once('$')?;
        let (kibibytes, rest) = params.strip_prefix("m=")?.split_once(",t=")?;
        let (passes, lanes) = rest.split_once(",p=")?;
        let cost =
            Cost { kibibytes: kibibytes.parse().ok()?, passes: passes.parse().ok()?, lanes: lanes.parse().ok()? };
        let bearable = cost.kibibytes <= MOST.kibibytes && cost.passes <= MOST.passes && cost.lanes <= MOST.lanes;
        let salt = BASE64_STANDARD_NO_PAD.decode(salt).ok()?;
        let output = BASE64_STANDARD_NO_PAD.decode(output).ok()?;
        // An output that is too short matches too much.
        (bearable && (16..=64).contains(&output.len())).then_some(Self { cost, salt, output })
    }

    fn into_hash(self) -> PasswordHash {
        let Cost { kibibytes, passes, lanes } = self.cost;
        let salt = BASE64_STANDARD_NO_PAD.encode(self.salt);
        let output = BASE64_STANDARD_NO_PAD.encode(self.output);
        PasswordHash::new(format!("$argon2id$v=19$m={kibibytes},t={passes},p={lanes}${salt}${output}"))
    }
}

#[cfg(test)]
mod tests {
    use echo_domain::contract::Figures;

    use super::*;

    fn threads() -> PasswordThreads {
        PasswordThreads::new(1, 8).unwrap()
    }

    async fn verdict(password: &str, hash: &str) -> Result<Verdict> {
        threads().verify(password, Some(&PasswordHash::new(hash.to_owned()))).await
    }

    #[tokio::test]
    async fn a_password_matches_its_own_hash_alone() {
        let threads = threads();
        let hash = threads.hash("correct horse").await.unwrap();

        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.as_str());
        assert_eq!(threads.verify("correct horse", Some(&hash)).await.unwrap(), Verdict::Right);
        assert_eq!(threads.verify("correct hors", Some(&hash)).await.unwrap(), Verdict::Wrong);
        assert_ne!(threads.hash("correct horse").await.unwrap(), hash, "another salt");
    }

    #[tokio::test]
    async fn work_is_measured() {
        let figures = Figures::default();
        let _counting = figures.count_here();
        let threads = threads();

        let hash = threads.hash("correct horse").await.unwrap();
        threads.verify("correct horse", Some(&hash)).await.unwrap();
        threads.verify("wrong horse", Some(&hash)).await.unwrap();

        assert_eq!(figures.get("echo_password_hash_seconds{work=hash}"), 1.0);
        assert_eq!(figures.get("echo_password_hash_seconds{work=verify}"), 2.0);
    }

    #[tokio::test]
    async fn passwords_count_to_their_last_character() {
        let threads = threads();
        let long = "ä".repeat(128);
        let hash = threads.hash(&long).await.unwrap();

        assert_eq!(threads.verify(&long, Some(&hash)).await.unwrap(), Verdict::Right);
        assert_eq!(threads.verify(&long[..254], Some(&hash)).await.unwrap(), Verdict::Wrong);
    }

    #[tokio::test]
    async fn an_unknown_account_is_wrong_after_the_same_work() {
        let threads = threads();

        assert_eq!(threads.verify("password", None).await.unwrap(), Verdict::Wrong);
        assert!(Phc::parse(threads.nobodys.as_str()).unwrap().cost == COST);
    }

    // Vector from the reference implementation: phc-winner-argon2, src/test.c.
    #[tokio::test]
    async fn argon2id_of_another_cost_is_right_but_old() {
        let hash = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

        assert_eq!(verdict("password", hash).await.unwrap(), Verdict::RightButOld);
        assert_eq!(verdict("passwore", hash).await.unwrap(), Verdict::Wrong);
    }

    // Vector from OpenBSD's bcrypt, by way of jBCrypt's TestBCrypt.java.
    #[tokio::test]
    async fn bcrypt_is_right_but_old() {
        for version in ["2a", "2b", "2y"] {
            let hash = format!("${version}$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i");

            assert_eq!(verdict("abc", &hash).await.unwrap(), Verdict::RightButOld, "{version}");
            assert_eq!(verdict("abd", &hash).await.unwrap(), Verdict::Wrong);
        }
    }

    // Vector from crypt_blowfish, wrapper.c: only 72 bytes count.
    #[tokio::test]
    async fn bcrypt_takes_72_bytes_for_the_whole() {
        let hash = "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui";
        let long = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

        assert_eq!(verdict(long, hash).await.unwrap(), Verdict::RightButOld);
        assert_eq!(verdict(&format!("{long}chars after 72 are ignored"), hash).await.unwrap(), Verdict::RightButOld);
        assert_eq!(verdict(&long[..71], hash).await.unwrap(), Verdict::Wrong);
    }

    #[tokio::test]
    async fn hashes_that_are_damaged_or_ask_too_much_are_our_bug() {
        for hash in [
            "",
            "password",
            "$2b$31$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i",
            "$2b$06$If6bvum7",
            "$argon2i$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$argon2id$v=19$m=262145,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$argon2id$v=19$m=19456,t=11,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$argon2id$v=19$m=19456,t=2,p=5$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$argon2id$v=19$m=19456,t=0,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$",
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$AAAA",
        ] {
            assert!(matches!(verdict("password", hash).await, Err(Error::Internal(_))), "{hash}");
        }
    }

    #[tokio::test]
    async fn a_storm_of_sign_ins_is_refused_beyond_the_queue() {
        let figures = Figures::default();
        let _counting = figures.count_here();
        let threads = PasswordThreads::new(1, 1).unwrap();
        let outcomes = futures_util::future::join_all((0..20).map(|_| threads.verify("password", None))).await;

        let refused = |outcome: &&Result<Verdict>| matches!(outcome, Err(Error::Unavailable { what: "sign-in", .. }));
        // The queue takes one, and the thread may have taken one from it meanwhile.
        let n_refused = outcomes.iter().filter(refused).count();
        assert!((18..20).contains(&n_refused));
        assert_eq!(figures.get("echo_password_refused_total"), n_refused as f64);
        assert_eq!(figures.get("echo_password_queue"), 0.0);
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(Verdict::Wrong)) || refused(&outcome)));
    }
}
