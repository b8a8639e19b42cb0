//! Opening, losing and finding Redis again.

use std::time::{Duration, Instant};

use echo_domain::{Error, contract::Figures};
use echo_redis::{OpenError, Redis};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::server::{Cluster, Server, eventually, free_port};

const SECRET: &str = "not-to-be-shown";

async fn refused(url: &str) -> OpenError {
    let error = Redis::open(url).await.err().expect("a refusal");
    let line = error.to_string();
    assert!(!line.contains('\n') && !line.contains(SECRET), "{line}");
    error
}

#[tokio::test]
async fn a_url_that_is_none_is_refused() {
    for url in ["", "localhost", "http//:x", "redis://", "redis-sentinel://localhost:26379", "redis://localhost/first"]
    {
        let error = refused(url).await;

        assert!(matches!(error, OpenError::Url { .. }), "{url}: {error}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let at = format!("127.0.0.1:{}", free_port());

    let error = refused(&format!("redis://echo:{SECRET}@{at}")).await;

    assert!(matches!(&error, OpenError::Unreachable { at: named, .. } if *named == at), "{error}");
}

#[tokio::test]
async fn a_wrong_password_is_told_apart() {
    let server = Server::with("redis-server", &["--requirepass", "right"]);
    let port = server.port();

    for url in [format!("redis://127.0.0.1:{port}"), format!("redis://:{SECRET}@127.0.0.1:{port}")] {
        let error = refused(&url).await;

        assert!(matches!(error, OpenError::Refused { .. }), "{error}");
    }
    Redis::open(&format!("redis://:right@127.0.0.1:{port}")).await.unwrap().ping().await.unwrap();
}

/// Stands in for old servers, which nobody packages any more.
#[tokio::test]
async fn an_old_server_is_refused() {
    for (hello, found) in [("-ERR unknown command 'HELLO'", "5 or older"), ("%0", "6.0.16")] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut asked = [0; 1024];
            while let Ok(read @ 1..) = connection.read(&mut asked).await {
                let asked = String::from_utf8_lossy(&asked[..read]).to_uppercase();
                let answer = match &*asked {
                    _ if asked.contains("HELLO") => hello.to_owned(),
                    _ if asked.contains("INFO") => "+redis_version:6.0.16\r\n".trim_end().to_owned(),
                    _ => ":1".to_owned(),
                };
                connection.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
            }
        });

        let error = refused(&url).await;

        assert!(matches!(&error, OpenError::TooOld { found: it, .. } if it == found), "{error}");
    }
}

#[tokio::test]
async fn a_member_of_a_cluster_is_not_taken_for_a_server_alone() {
    let bus = free_port().to_string();
    let server = Server::with("redis-server", &["--cluster-enabled", "yes", "--cluster-port", &bus]);

    let error = refused(&server.url()).await;

    assert!(matches!(error, OpenError::Clustered { .. }), "{error}");
}

#[tokio::test]
async fn calls_fail_at_once_while_redis_is_gone_and_work_when_it_is_back() {
    let mut server = Server::start();
    let redis = server.open().await;
    redis.ping().await.unwrap();

    server.kill();
    eventually("the loss is noticed", async || redis.ping().await.is_err()).await;
    eventually("calls fail at once", async || {
        let started = Instant::now();
        assert!(matches!(redis.ping().await, Err(Error::Unavailable { what: "Redis", .. })));
        started.elapsed() < Duration::from_millis(50)
    })
    .await;

    server.restart();
    eventually("it is found again", async || redis.ping().await.is_ok()).await;
}

#[tokio::test]
async fn a_call_that_has_no_answer_fails_within_a_second() {
    let server = Server::start();
    let redis = server.open().await;
    server.tell(&["CLIENT", "PAUSE", "3000", "ALL"]);

    let started = Instant::now();
    let answer = redis.ping().await;

    assert!(matches!(answer, Err(Error::Unavailable { .. })));
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    eventually("it answers again", async || redis.ping().await.is_ok()).await;
}

#[tokio::test]
async fn many_calls_to_a_server_that_is_gone_do_not_pile_up() {
    let mut server = Server::start();
    let redis = server.open().await;
    server.kill();

    let started = Instant::now();
    let calls = (0..20_000).map(|_| redis.ping());
    let answers = futures_util::future::join_all(calls).await;

    assert!(answers.iter().all(Result::is_err));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test]
async fn sentinel_leads_to_the_new_master() {
    let mut master = Server::start();
    let follows = ["--replicaof", "127.0.0.1", &master.port().to_string()];
    let replica = Server::with("redis-server", &follows);
    eventually("the replica follows", async || replica.tell(&["INFO", "replication"]).contains("link_status:up")).await;
    let sentinel = Server::sentinel(&master);
    eventually("Sentinel knows the replica", async || {
        sentinel.tell(&["SENTINEL", "REPLICAS", "echo"]).contains(&replica.port().to_string())
    })
    .await;
    let url = format!("redis-sentinel://127.0.0.1:{}?sentinelServiceName=echo", sentinel.port());
    let redis = Redis::open(&url).await.unwrap();
    redis.ping().await.unwrap();

    master.kill();

    eventually("the replica leads", async || replica.tell(&["INFO", "replication"]).contains("role:master")).await;
    eventually("it is found", async || redis.ping().await.is_ok()).await;
}

#[tokio::test]
async fn a_cluster_is_opened_by_any_of_its_masters() {
    let cluster = Cluster::start().await;

    let redis = Redis::open(&cluster.url()).await.unwrap();

    redis.ping().await.unwrap();
    redis.close().await;
    assert!(matches!(redis.ping().await, Err(Error::Unavailable { .. })));
}

#[tokio::test]
async fn what_becomes_of_the_connection_is_counted() {
    let figures = Figures::default();
    let _counting = figures.count_here();
    let mut server = Server::start();
    let redis = server.open().await;
    redis.ping().await.unwrap();
    let up = || figures.get("echo_redis_up");
    let calls = |outcome| figures.get(&format!("echo_store_seconds{{backend=redis,op=ping,outcome={outcome}}}"));
    assert_eq!((up(), figures.get("echo_redis_reconnects_total")), (1.0, 0.0));
    assert_eq!(calls("ok"), 1.0);

    server.kill();
    eventually("it is missed", async || redis.ping().await.is_err()).await;
    assert_eq!(up(), 0.0);
    assert!(calls("unavailable") > 0.0);

    server.restart();
    eventually("it is found again", async || redis.ping().await.is_ok()).await;
    assert_eq!(up(), 1.0);
    eventually("that is counted", async || figures.get("echo_redis_reconnects_total") == 1.0).await;
}
