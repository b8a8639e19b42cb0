//! `echod seed`

pub(super) mod dice;
mod pictures;
mod planter;
mod progress;
mod words;
mod world;

use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::{Args, value_parser};
use echo_domain::{PageRequest, Timestamp};
use indicatif::HumanCount;
use jiff::{civil::Date, tz::TimeZone};

use crate::{assemble, config::Settings, data_dir::DataDir, system::say};

use planter::{Planted, Planter};
use world::World;

/// Of every demo person.
pub(super) const PASSWORD: &str = "echo-demo-password";
/// Of every test user, as the first Echo's k6 scripts have it. Nobody could choose it: it is among the commonest.
const TEST_PASSWORD: &str = "password123";

#[derive(Debug, Args)]
#[command(
    after_help = "The same arguments make the same people, posts and ids, on any machine. Running it again puts back \
    what is missing and changes nothing else.\n\n\
    Every fourth of the newest posts has a picture, 200 at most. Follows, likes and posts follow a power law: a few \
    people and posts have very many. It may run while the folder is being served.\n\n\
    Everyone has the same password, which is printed: this is no data for an Echo that others reach."
)]
pub(crate) struct Seed {
    /// How many people
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = value_parser!(u32).range(1..=1_000_000))]
    users: u32,
    /// How many posts; with follows, likes and comments, a million and 100,000 people take minutes
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = value_parser!(u32).range(0..=10_000_000))]
    posts: u32,
    /// Another seed makes another world
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u32,
    /// Day on which the year of the posts ends, in UTC; never depends on today, so that it can be repeated
    #[arg(long, value_name = "DATE", default_value = "2026-11-01", value_parser = parse_day)]
    until: Timestamp,
    /// Also make testuser1, testuser2 and so on, at example.com, with the password password123, for load tests
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "500",
          value_parser = value_parser!(u32).range(1..=1_000_000))]
    k6: Option<u32>,
    /// Add to a folder that has accounts which this seed did not make
    #[arg(long)]
    force: bool,
}

/// Writes demo data to the data folder, whether or not it is being served.
///
/// # Errors
/// In one line.
pub(crate) fn run(settings: &Settings, seed: &Seed) -> Result<()> {
    settings.check()?;
    let data = DataDir::open(&settings.data.data_dir)?;
    data.require_changeable()?;
    let world = World { seed: seed.seed, people: seed.users, posts: seed.posts, until: seed.until };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let planter = Planter { world, stores: assemble::stores(settings, &data).await? };
        let done = plant(&planter, seed, &data).await;
        planter.stores.records.close().await?;
        done
    })
}

async fn plant(planter: &Planter, seed: &Seed, data: &DataDir) -> Result<()> {
    if !seed.force && has_others(planter).await? {
        bail!(
            "{} has accounts that this seed did not make: set DATA_DIR to another folder, or add beside them with --force",
            data.path.display()
        );
    }
    let started = Instant::now();
    let planted = planter.world(PASSWORD).await?;
    if let Some(n) = seed.k6 {
        planter.test_users(n, TEST_PASSWORD).await?;
    }
    let told = summary(&planter.world, &planted, started.elapsed().as_secs_f32(), data);
    say(&(told + &advice(&planter.world, seed.k6, data)))?;
    Ok(())
}

/// What the person of this number is called, where the seed is the default.
pub(super) fn username(number: u32) -> String {
    World { seed: 1, people: 0, posts: 0, until: Timestamp::from_millis(0) }.person(number).username
}

/// Whether there are accounts, but not the first of this seed.
async fn has_others(planter: &Planter) -> Result<bool> {
    let accounts = &planter.stores.accounts;
    let empty = accounts.list(PageRequest::first(1)).await?.items.is_empty();
    Ok(!empty && accounts.find(planter.world.person(0).id).await?.is_none())
}

fn summary(world: &World, planted: &Planted, seconds: f32, data: &DataDir) -> String {
    let Planted { follows, pictures, likes, comments } = *planted;
    let [people, posts] = [world.people, world.posts].map(|n| HumanCount(n.into()));
    let [follows, pictures, likes, comments] = [follows, pictures, likes, comments].map(HumanCount);
    format!(
        "\nThe demo world of seed {seed} is in {path} after {seconds:.1} s:\n  \
           {people} people who follow one another {follows} times\n  \
           {posts} posts, {pictures} with a picture\n  \
           {likes} likes, {comments} comments\n",
        seed = world.seed,
        path = data.path.display(),
    )
}

fn advice(world: &World, test_users: Option<u32>, data: &DataDir) -> String {
    let username = world.person(0).username;
    let test_users = test_users
        .map(|n| format!("  testuser1@example.com to testuser{n}@example.com have the password {TEST_PASSWORD}.\n"));
    format!(
        "\nWhat to try next:\n\n  \
           echod --data-dir '{path}'\n  \
           curl -s 'http://localhost:8000/api/posts?limit=5'\n  \
           curl -s http://localhost:8000/api/auth/login -H 'Content-Type: application/json' \\\n    \
             -d '{{\"username\":\"{username}\",\"password\":\"{PASSWORD}\"}}'\n\n  \
           Everyone has the password {PASSWORD}; the best known is {username}.\n{test_users}",
        path = data.path.display(),
        test_users = test_users.unwrap_or_default(),
    )
}

fn parse_day(text: &str) -> Result<Timestamp> {
    let day: Date = text.parse().ok().context("must be a day such as 2026-11-01")?;
    if !(2000..=2100).contains(&day.year()) {
        bail!("must be a day of the years 2000 to 2100");
    }
    Ok(Timestamp::from_millis(day.to_zoned(TimeZone::UTC)?.timestamp().as_millisecond()))
}
