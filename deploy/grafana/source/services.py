"""The processes of each role, what they ask one another, and the sign-ins."""

from panels import dashboard, graph, row
from promql import HERE, count, level, quantile, rare, rate

PEER = "echo_peer_seconds"

DASHBOARD = dashboard(
    "echo-services", "Echo: services", "The processes of each role, what they ask one another, and the sign-ins.",
    row(
        "Processes",
        graph("Answer Prometheus", "By role. 0: nobody has it. Fewer than were started: docs/runbooks/down.md.", ("{{role}}", f"sum by (role) (up{{{HERE}}})")),
        graph("Requests", "Of clients, by role.", ("{{role}}", count("echo_http_request_seconds", "role", 'route=~"/(api|media)/.*"')), unit="reqps"),
        graph("Processors", "How many are busy for each role: which of them to have more of.", ("{{role}}", rate("process_cpu_seconds_total", "role"))),
        graph("Memory", "Resident, of all processes of a role.", ("{{role}}", level("process_resident_memory_bytes", "role")), unit="bytes"),
        graph(
            "Running for", "Since the start. Saw teeth: it keeps starting anew, docs/runbooks/restarts.md.",
            ("{{instance}}", f"time() - process_start_time_seconds{{{HERE}}}"), unit="s",
        ),
        graph("Threads", "Those that serve, and those for passwords, images and the database. Level.", ("{{instance}}", level("process_threads"))),
        graph(
            "Spans of traces", "failed: the collector does not take them. dropped: it is too slow, or gone. No request waits for it. 0 while traces are off.",
            ("{{outcome}}", rare("echo_trace_spans_total", "outcome")), unit="ops",
        ),
    ),
    row(
        "Neighbours",
        graph("Calls", "Who is asked, by whom.", ("{{role}} asks {{peer}}", count(PEER, "role, peer")), unit="reqps"),
        graph("The busiest calls", "What is asked most.", ("{{peer}} {{call}}", f"topk(8, {count(PEER, 'peer, call')})"), unit="reqps"),
        graph("99th percentile", "With all tries. Slower than the same routes there: the network, or tries.", ("{{role}} asks {{peer}}", quantile(0.99, PEER, "role, peer")), unit="s"),
        graph(
            "Without an answer, or failed", "Must be 0. What goes on without a neighbour is in docs/services.md.",
            ("{{peer}} {{call}} {{outcome}}", rare(f"{PEER}_count", "peer, call, outcome", 'outcome=~"unavailable|failed"')), unit="reqps",
        ),
        graph("Tried again", "A few at a rolling restart. All the time: a neighbour that is at its limit.", ("{{role}} asks {{peer}}", rare("echo_peer_retries_total", "role, peer")), unit="reqps"),
        graph(
            "Asked at all", "0 while a neighbour is left alone, after it did not answer several times in a row: docs/runbooks/neighbour-gone.md.",
            ("{{role}} asks {{peer}}", level("echo_peer_up", "role, peer", "min")), top=1,
        ),
    ),
    row(
        "Sign-ins",
        graph(
            "Time for one password", "99th percentile of the work itself, without waiting: 20 to 30 ms by design, more where processors are short.",
            ("{{work}}", quantile(0.99, "echo_password_hash_seconds", "work")), unit="s",
        ),
        graph("Passwords that wait", "A queue that does not empty: more people sign in than can be checked, or somebody tries passwords.", ("{{instance}}", level("echo_password_queue"))),
        graph("Turned away by a full queue", "503 for people: docs/runbooks/overload.md.", ("{{instance}}", rare("echo_password_refused_total", "instance")), unit="ops"),
        graph(
            "Sign-ins refused", "wrong is typing, until it grows without more sign-ins: somebody tries passwords.",
            ("{{reason}}", rare("echo_logins_refused_total", "reason")), unit="ops",
        ),
        graph(
            "Sessions opened and refreshed", "Sign-ins, and new access tokens every quarter of an hour for those who are here.",
            ("opened", rate("echo_sessions_opened_total")), ("refreshed", rate("echo_sessions_refreshed_total")), unit="ops",
        ),
        graph(
            "Sessions ended", "stolen is a refresh token that was used twice: one is somebody's broken client, many at once are a leak.",
            ("{{how}}", rare("echo_sessions_ended_total", "how")), unit="ops",
        ),
    ),
)
