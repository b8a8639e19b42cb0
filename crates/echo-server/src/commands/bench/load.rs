//! The load: one kind of request as often as it is answered, or all kinds as people come.

use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::commands::seed::dice::{self, Dice};

use super::{
    client::Connection,
    crowd::Crowd,
    machine,
    mix::{Kind, Mix},
};

/// Connections of one quick kind; of a heavy one, two for each core keep it busy, and more would only wait.
const ALONE: usize = 32;
/// Connections that people come on: with more on their way than these, they wait, and that counts.
const MANY: usize = 256;
/// When somebody has waited so long for a connection, it goes no better any more: the run ends.
const TOO_LATE: Duration = Duration::from_secs(2);

/// What came of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Answered,
    /// Turned away: 503, or 429.
    TurnedAway,
    /// With this status, or without a reply.
    Failed(Option<u16>),
}

/// One request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Done {
    pub(super) kind: Kind,
    pub(super) outcome: Outcome,
    pub(super) took: Duration,
}

/// As it would be told.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered => f.write_str("answered"),
            Self::TurnedAway => f.write_str("turned away for want of room"),
            Self::Failed(Some(status)) => write!(f, "answered with {status}"),
            Self::Failed(None) => f.write_str("not answered in time"),
        }
    }
}

/// What a load came to.
#[derive(Debug, Default)]
pub(super) struct Run {
    pub(super) done: Vec<Done>,
    pub(super) elapsed: Duration,
    /// Requests that were not even sent, for those before them were not answered.
    pub(super) given_up: usize,
}

impl Run {
    /// The `percent`th percentile, by nearest rank, of the requests of which it is true; `None` when there are none.
    pub(super) fn percentile(&self, percent: usize, of: impl Fn(Kind) -> bool) -> Option<Duration> {
        let mut times: Vec<Duration> = self.done.iter().filter(|done| of(done.kind)).map(|done| done.took).collect();
        let rank = (times.len() * percent).div_ceil(100).checked_sub(1)?;
        Some(*times.select_nth_unstable(rank).1)
    }

    /// Per second.
    pub(super) fn rate(&self) -> f64 {
        self.done.len() as f64 / self.elapsed.as_secs_f64()
    }

    pub(super) fn turned_away(&self, of: impl Fn(Kind) -> bool) -> usize {
        self.done.iter().filter(|done| done.outcome == Outcome::TurnedAway && of(done.kind)).count()
    }

    pub(super) fn failed(&self) -> usize {
        self.done.iter().filter(|done| matches!(done.outcome, Outcome::Failed(_))).count()
    }

    /// The first that was not answered as it should be.
    pub(super) fn first_refused(&self) -> Option<Outcome> {
        self.done.iter().map(|done| done.outcome).find(|outcome| *outcome != Outcome::Answered)
    }
}

/// Sends requests of one kind on a few connections, each as soon as the one before is answered.
///
/// # Errors
/// When Echo cannot be reached.
pub(super) async fn alone(server: SocketAddr, crowd: &Arc<Crowd>, kind: Kind, time: Duration) -> Result<Run> {
    let end = Instant::now() + time;
    let connections = if kind.is_heavy() { 2 * machine::cores() } else { ALONE };
    drive(server, crowd, connections, Arc::new(move || (Instant::now() < end).then(|| (kind, Instant::now())))).await
}

/// Sends requests as people come, who do not wait for each other. How long a request takes counts from when it should have
/// been sent: else a server that stops for a moment would keep away those whom that moment would have hit (coordinated
/// omission: Gil Tene, "How NOT to Measure Latency").
///
/// # Errors
/// When Echo cannot be reached.
pub(super) async fn together(server: SocketAddr, crowd: &Arc<Crowd>, arrivals: Vec<Arrival>) -> Result<Run> {
    let (started, n) = (Instant::now(), arrivals.len());
    let (next, late) = (AtomicUsize::new(0), AtomicBool::new(false));
    let next = move || {
        let Arrival { after, kind } = *arrivals.get(next.fetch_add(1, Ordering::Relaxed))?;
        let at = started + after;
        late.fetch_or(at.elapsed() > TOO_LATE, Ordering::Relaxed);
        (!late.load(Ordering::Relaxed)).then_some((kind, at))
    };
    let mut run = drive(server, crowd, MANY, Arc::new(next)).await?;
    run.given_up = n - run.done.len();
    Ok(run)
}

/// Sends on each connection what is next, when it is due.
async fn drive(
    server: SocketAddr,
    crowd: &Arc<Crowd>,
    connections: usize,
    next: Arc<impl Fn() -> Option<(Kind, Instant)> + Send + Sync + 'static>,
) -> Result<Run> {
    let started = Instant::now();
    // Dropped, it ends them all.
    let mut all = JoinSet::new();
    for _ in 0..connections {
        let mut connection = Connection::open(server).await?;
        let (crowd, next) = (crowd.clone(), next.clone());
        all.spawn(async move {
            let mut done = Vec::new();
            while let Some((kind, at)) = next() {
                if at > Instant::now() {
                    sleep_until(at).await;
                }
                let outcome = match connection.send(crowd.next(kind)).await {
                    Ok((status, _)) if status.is_success() => Outcome::Answered,
                    Ok((status, _)) if [429, 503].contains(&status.as_u16()) => Outcome::TurnedAway,
                    Ok((status, _)) => Outcome::Failed(Some(status.as_u16())),
                    Err(_) => {
                        connection = Connection::open(server).await?;
                        Outcome::Failed(None)
                    }
                };
                done.push(Done { kind, outcome, took: at.elapsed() });
            }
            anyhow::Ok(done)
        });
    }
    let mut run = Run::default();
    while let Some(done) = all.join_next().await {
        run.done.extend(done??);
    }
    run.elapsed = started.elapsed();
    Ok(run)
}

/// Somebody does something.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    /// The beginning.
    pub(super) after: Duration,
    pub(super) kind: Kind,
}

/// People who come independently of each other, `rate` a second on average, and each do one thing of the mix.
pub(super) fn arrivals(mix: &Mix, rate: f64, time: Duration, seed: u32) -> Vec<Arrival> {
    let mut dice = Dice::new(seed, dice::Kind::Arrival, 0);
    // Above 0 and up to 1, in steps that a double has.
    let mut chance = || ((dice.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
    let (mut after, mut arrivals) = (0.0, Vec::new());
    loop {
        after -= chance().ln() / rate;
        if after >= time.as_secs_f64() {
            return arrivals;
        }
        arrivals.push(Arrival { after: Duration::from_secs_f64(after), kind: mix.at(1.0 - chance()) });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
        sync::{
            Barrier,
            mpsc::{Receiver, channel},
        },
    };

    use super::{super::mix::tests::mix, *};

    fn run(millis: impl IntoIterator<Item = u64>) -> Run {
        let done = |n| Done { kind: Kind::Feed, outcome: Outcome::Answered, took: Duration::from_millis(n) };
        Run { done: millis.into_iter().map(done).collect(), ..Run::default() }
    }

    #[test]
    fn a_percentile_is_the_time_that_so_many_do_not_exceed() {
        let all = run((1..=200).rev());
        let millis = |percent| all.percentile(percent, |_| true).unwrap().as_millis();

        assert_eq!((millis(50), millis(99), millis(100), millis(1)), (100, 198, 200, 2));
        assert_eq!(run([7]).percentile(99, |_| true), Some(Duration::from_millis(7)));
        assert_eq!(all.percentile(99, |kind| kind == Kind::Like), None);
    }

    #[test]
    fn people_come_as_often_as_asked_at_no_certain_times_and_do_what_the_mix_says() {
        let arrivals = arrivals(&mix(), 2000.0, Duration::from_secs(20), 1);

        assert!(arrivals.len().abs_diff(40_000) < 1000, "{}", arrivals.len());
        assert!(arrivals.is_sorted_by_key(|arrival| arrival.after));
        let feeds = arrivals.iter().filter(|arrival| arrival.kind == Kind::Feed).count();
        assert!(feeds.abs_diff(16_000) < 600, "{feeds}");
        // Of a Poisson process, 1/e of the gaps are longer than the mean one.
        let long = arrivals.windows(2).filter(|two| two[1].after - two[0].after > Duration::from_micros(500)).count();
        assert!(long.abs_diff(14_715) < 600, "{long}");
    }

    /// Answers nobody before `n` connections have asked; then everybody, at once. Tells how long the first was kept waiting.
    fn hesitate(listener: TcpListener, n: usize) -> Receiver<Duration> {
        let (all, first, (told, wait)) = (Arc::new(Barrier::new(n)), Arc::new(OnceLock::new()), channel(1));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (all, first, told) = (all.clone(), first.clone(), told.clone());
                tokio::spawn(async move {
                    let mut request = [0; 4096];
                    let mut asked = false;
                    while stream.read(&mut request).await.is_ok_and(|bytes| bytes > 0) {
                        let began: Instant = *first.get_or_init(Instant::now);
                        if !asked && all.wait().await.is_leader() {
                            told.send(began.elapsed()).await.unwrap();
                        }
                        asked = true;
                        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
                    }
                });
            }
        });
        wait
    }

    #[tokio::test]
    async fn who_could_not_be_sent_when_due_has_waited_as_well() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut waited = hesitate(listener, MANY);
        let all_at_once = vec![Arrival { after: Duration::ZERO, kind: Kind::Feed }; 2 * MANY];

        let run = together(address, &Arc::new(Crowd::asking("/").unwrap()), all_at_once).await.unwrap();

        let waited = waited.recv().await.unwrap();
        assert_eq!((run.done.len(), run.given_up), (2 * MANY, 0));
        assert!(run.done.iter().all(|done| done.outcome == Outcome::Answered && done.took >= waited), "{waited:?}");
    }

    #[test]
    fn another_run_has_other_arrivals() {
        let [one, other] = [1, 2].map(|seed| arrivals(&mix(), 100.0, Duration::from_secs(1), seed)[0].after);

        assert_ne!(one, other);
    }
}
