//! Sign-ins beside Argon2id alone, and reads while many sign in.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use argon2::{Algorithm, Argon2, Block, Params, Version};

use crate::{
    Bench, client,
    data::{self, Size},
    load::{Load, Request, Sample},
    machine,
    report::{Line, Target, Unit, millis},
    rounds::{Series, Spread},
    server::Server,
};

pub(super) fn run(bench: &Bench) -> Result<Vec<Line>> {
    let data = data::copy(Size::SMALL, &bench.folder)?;
    let echod = bench.serve(data.path())?;
    Ok(vec![cost(bench, &echod)?, beside_readers(bench, &echod)?])
}

/// What signing in costs, beside what hashing alone costs on as many threads.
fn cost(bench: &Bench, echod: &Server) -> Result<Line> {
    Bench::say("login: cost");
    let (mut logins, mut bare) = (Series::default(), Vec::new());
    for _ in 0..bench.rounds.rounds {
        logins.0.push(signing_in().run(echod, bench.rounds.seconds)?);
        bare.push(argon2id(Duration::from_secs(bench.rounds.seconds))?);
    }
    let (login, bare) = (logins.cpu().median / 1e3, Spread::of(bare).median);
    let detail = format!("sign-in {} ms, Argon2id alone {} ms; {logins}", millis(login), millis(bare));
    let what = "processor time of a sign-in, of Argon2id alone";
    Ok(Line { failed: logins.failed(), ..Line::new(what, Target::AtMost(1.1), login / bare, Unit::Ratio, detail) })
}

/// Paced reads, about 1,600 a second: what they wait for is the machine, not each other.
fn beside_readers(bench: &Bench, echod: &Server) -> Result<Line> {
    Bench::say("login: readers meanwhile");
    let feed = vec![Request::get("/api/posts?limit=10", None)];
    let reading = Load { connections: 16, pause: Duration::from_millis(10), ..Load::new(feed) };
    let during_storm = || -> Result<Sample> {
        let storm = signing_in().start(echod, bench.rounds.seconds + 60)?;
        thread::sleep(Duration::from_secs(1));
        let sample = reading.run(echod, bench.rounds.seconds);
        // Before the next quiet round, what still waits for a thread has to end.
        drop(storm);
        thread::sleep(Duration::from_secs(3));
        sample
    };

    let (quiet, storm) = bench.rounds.alternate(|| reading.run(echod, bench.rounds.seconds), during_storm)?;

    let detail = format!("quiet {}, meanwhile {}", quiet.p99().in_millis(), storm.p99().in_millis());
    let what = "p99 of feed reads while 64 connections sign in, of the quiet one";
    let ratio = storm.p99().median / quiet.p99().median;
    let failed = quiet.failed() + storm.failed();
    Ok(Line { failed, ..Line::new(what, Target::AtMost(5.0), ratio, Unit::Ratio, detail) })
}

fn signing_in() -> Load {
    let login = |person| {
        let body = client::sign_in(person).to_string();
        Request::post("/api/auth/login", None, "application/json", body.as_bytes())
    };
    Load::new((0..Size::SMALL.people).map(login).collect())
}

/// Milliseconds of processor time per hash, with Echo's parameters, on as many threads as Echo hashes on.
fn argon2id(time: Duration) -> Result<f64> {
    let process = std::process::id();
    let (before, end) = (machine::cpu(process)?, Instant::now() + time);
    let hashes = thread::scope(|scope| {
        let threads: Vec<_> = (0..machine::cores()).map(|_| scope.spawn(|| hash_until(end))).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("Argon2id panicked"))?).sum::<Result<u32>>()
    })?;
    Ok((machine::cpu(process)? - before).as_secs_f64() * 1e3 / f64::from(hashes))
}

fn hash_until(end: Instant) -> Result<u32> {
    let params = Params::new(19 * 1024, 2, 1, Some(32)).map_err(|error| anyhow!("{error}"))?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut memory = vec![Block::new(); argon2.params().block_count()];
    let mut output = [0; 32];
    let mut hashes = 0;
    while Instant::now() < end {
        argon2
            .hash_password_into_with_memory(data::PASSWORD.as_bytes(), &[7; 16], &mut output, &mut memory)
            .map_err(|error| anyhow!("{error}"))?;
        hashes += 1;
    }
    Ok(hashes)
}
