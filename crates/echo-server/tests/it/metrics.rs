//! What Prometheus reads.

use std::{
    io::Write,
    process::{Command, Stdio},
    time::Duration,
};

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde_json::json;

use crate::{
    app::{PASSWORD, eventually},
    echod::OwnServer,
    picture,
};

const CLASSIC: &str = "text/plain;version=0.0.4";
const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0";

/// Where the server says that its metrics are.
async fn address(server: &OwnServer) -> String {
    let told = || server.log.lines().iter().find_map(|line| Some(line.split_once("Metrics ")?.1.to_owned()));
    eventually("it says where", Duration::from_secs(5), async || told().is_some()).await;
    told().unwrap()
}

async fn page(server: &OwnServer, accept: &str) -> String {
    let reply = reqwest::Client::new().get(address(server).await).header(ACCEPT, accept).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    reply.text().await.unwrap()
}

/// The figure of this name and these labels.
fn find(page: &str, figure: &str) -> Option<f64> {
    let value = page.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(' '))?;
    Some(value.parse().unwrap())
}

fn get(page: &str, figure: &str) -> f64 {
    find(page, figure).unwrap_or_else(|| panic!("no {figure} in {page}"))
}

/// A server on which people have done what people do, and some of what they should not.
async fn busy_server() -> Option<OwnServer> {
    let server = OwnServer::start().await?;
    let (ana, ben) = (server.sign_up("ana").await, server.sign_up("ben").await);
    ben.follow(&ana).await;
    let post = ana.publish("hello").await;
    ana.upload(picture::png(40, 30)).await;
    ben.comment(&post, "first").await;
    for path in ["/api/feed", "/api/posts", "/api/users/me", &post.path()] {
        ben.get(path).await.expect(200);
    }
    let wrong = json!({"username": ana.username, "password": "wrong horse"});
    server.anonymous().post("/api/auth/login").json(wrong).await.expect(401);
    server.anonymous().get("/api/nothing").await.expect(404);
    Some(server)
}

#[tokio::test]
async fn promtool_has_nothing_against_the_page() {
    let Some(server) = busy_server().await else { return };
    let page = page(&server, CLASSIC).await;

    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = promtool.spawn().expect("apt-get install prometheus");
    promtool.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let found = promtool.wait_with_output().unwrap();

    let told = String::from_utf8_lossy(&found.stderr).into_owned() + &String::from_utf8_lossy(&found.stdout);
    assert!(found.status.success() && told.is_empty(), "{told}");
}

#[tokio::test]
async fn what_is_on_the_page_is_documented() {
    let Some(server) = busy_server().await else { return };
    let page = page(&server, CLASSIC).await;

    let documented = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md")).unwrap();
    let families: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    for family in &families {
        assert!(documented.contains(&format!("| `{family}` |")), "{family}");
    }
    let of_every_server = documented.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    for name in of_every_server.filter(|name| name.starts_with("process_") || name.starts_with("echo_http_")) {
        assert!(families.contains(&name), "{name} is not told");
    }
}

#[tokio::test]
async fn requests_are_told_by_route_method_and_status() {
    let Some(server) = busy_server().await else { return };
    let page = page(&server, CLASSIC).await;

    let answered = |route: &str, method: &str, status: u16| {
        let labels = format!("route=\"{route}\",method=\"{method}\",status=\"{status}\"");
        get(&page, &format!("echo_http_request_seconds_count{{{labels}}}"))
    };
    assert_eq!(answered("/api/auth/signup", "POST", 201), 2.0);
    assert_eq!(answered("/api/posts/{id}", "GET", 200), 1.0);
    assert_eq!(answered("/api/auth/login", "POST", 401), 1.0);
    assert_eq!(answered("none", "GET", 404), 1.0);
    assert_eq!(get(&page, "echo_http_requests_in_flight"), 0.0);
    assert!(get(&page, "echo_http_connections{listener=\"public\"}") >= 1.0);
    assert_eq!(get(&page, "echo_http_connections{listener=\"internal\"}"), 1.0);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(get(&page, &format!("echo_build_info{{version=\"{version}\",roles=\"all\"}}")), 1.0);
}

#[tokio::test]
async fn a_connection_that_ends_is_open_no_more() {
    let Some(server) = OwnServer::start().await else { return };
    let open = async || get(&page(&server, CLASSIC).await, "echo_http_connections{listener=\"public\"}");
    let before = open().await;
    let port = server.address().rsplit(':').next().unwrap().to_owned();

    let connections: Vec<_> =
        (0..3).map(|_| std::net::TcpStream::connect(format!("127.0.0.1:{port}")).unwrap()).collect();
    eventually("three more are open", Duration::from_secs(5), async || open().await >= before + 3.0).await;
    drop(connections);

    eventually("they are closed", Duration::from_secs(5), async || open().await <= before).await;
}

#[tokio::test]
async fn who_is_turned_away_is_told_by_the_reason() {
    let Some(server) = OwnServer::start_with(&[("RATE_LIMITS", "on")]).await else { return };
    let shed = "echo_http_requests_shed_total";
    for reason in ["running", "bodies", "deadline", "rate_limit", "unavailable"] {
        assert_eq!(get(&page(&server, CLASSIC).await, &format!("{shed}{{reason=\"{reason}\"}}")), 0.0);
    }

    let form = json!({"username": "nobody", "password": PASSWORD});
    let login = async || server.anonymous().post("/api/auth/login").json(form.clone()).await.status;
    let mut limited = 0.0;
    for _ in 0..25 {
        limited += f64::from(u8::from(login().await == 429));
    }

    assert!(limited > 0.0);
    assert_eq!(get(&page(&server, CLASSIC).await, &format!("{shed}{{reason=\"rate_limit\"}}")), limited);
}

#[tokio::test]
async fn the_process_and_its_threads_are_told() {
    let Some(server) = busy_server().await else { return };
    let page = page(&server, CLASSIC).await;

    let least = [
        ("process_cpu_seconds_total", 0.001),
        ("process_resident_memory_bytes", 1e6),
        ("process_virtual_memory_bytes", 1e6),
        ("process_open_fds", 5.0),
        ("process_max_fds", 64.0),
        ("process_start_time_seconds", 1.7e9),
        ("process_threads", 2.0),
        ("echo_runtime_workers", 1.0),
        ("echo_runtime_tasks", 1.0),
        ("echo_runtime_queue_tasks", 0.0),
        ("echo_runtime_busy_seconds_total", 0.001),
    ];
    for (figure, least) in least {
        assert!(get(&page, figure) >= least, "{figure} is {}", get(&page, figure));
    }
}

#[tokio::test]
async fn people_and_posts_are_counted() {
    let Some(mut server) = busy_server().await else { return };
    let gone = server.sign_up("gone").await;
    gone.delete("/api/users/me").json(json!({"password": PASSWORD})).await.expect(200);

    // It looks at the start, and then every minute.
    server.restart();

    let counted = async || find(&page(&server, CLASSIC).await, "echo_active_people{within=\"7d\"}").is_some();
    eventually("all are counted", Duration::from_secs(10), counted).await;
    let page = page(&server, CLASSIC).await;
    assert_eq!(get(&page, "echo_accounts"), 2.0);
    assert_eq!(get(&page, "echo_posts"), 1.0);
    // With the one that is gone, who was active all the same.
    assert_eq!(get(&page, "echo_active_people{within=\"1d\"}"), 3.0);
    assert_eq!(get(&page, "echo_active_people{within=\"7d\"}"), 3.0);
}

#[tokio::test]
async fn the_page_is_in_the_form_that_the_reader_asks_for() {
    let Some(server) = OwnServer::start().await else { return };
    let reply = async |accept: &str| {
        reqwest::Client::new().get(address(&server).await).header(ACCEPT, accept).send().await.unwrap()
    };

    let (open, classic) = (reply(OPEN_METRICS).await, reply("*/*").await);

    assert_eq!(open.headers()[CONTENT_TYPE], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let open = open.text().await.unwrap();
    assert!(open.ends_with("\n# EOF\n") && open.contains("\n# UNIT process_cpu_seconds seconds\n"), "{open}");
    assert_eq!(classic.headers()[CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8");
    let classic = classic.text().await.unwrap();
    assert!(
        !classic.contains("# EOF") && classic.contains("\n# TYPE process_cpu_seconds_total counter\n"),
        "{classic}"
    );
}

#[tokio::test]
async fn nothing_is_counted_when_that_is_off() {
    // The port is free now; that somebody else takes it in between is a risk we take.
    let internal = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let settings = [("INTERNAL_ADDR", internal.as_str()), ("METRICS", "off")];
    let Some(server) = OwnServer::start_with(&settings).await else { return };

    server.sign_up("ana").await.publish("hello").await;

    assert_eq!(address(&server).await, "off");
    let status = async |path: &str| reqwest::get(format!("http://{internal}{path}")).await.unwrap().status();
    assert_eq!((status("/metrics").await.as_u16(), status("/healthz").await.as_u16()), (404, 200));
}
