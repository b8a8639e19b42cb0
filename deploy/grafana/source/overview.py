"""How is Echo? What people get, what is left of the budgets, and what is getting full."""

from panels import dashboard, graph, row, stat
from promql import HERE, count, level, quantile, rare, rate, select, share

REQUEST = "echo_http_request_seconds"
PEOPLE = 'route=~"/(api|media)/.*"'
FAILED = f'{PEOPLE}, status=~"5.."'

DASHBOARD = dashboard(
    "echo-overview", "Echo: overview", "What people get, what is left of the budgets of docs/slo.md, and what is getting full.",
    row(
        "Now",
        stat(
            "Alerts", "How many fire. Each has a runbook: Prometheus shows its address beside the alert, under /alerts.",
            ("", 'count(ALERTS{alertstate="firing", alertname=~"Echo.*"}) or vector(0)'), steps=[("green", None), ("red", 1)],
        ),
        stat(
            "Processes", "How many answer Prometheus, of those that it knows. Look in Services for which do not.",
            ("answer", 'sum(up{job=~"$job", role=~"$role", instance=~"$instance"})'), steps=[("red", None), ("green", 1)],
        ),
        stat("Requests per second", "Of people: the API and images, without probes.", ("", count(REQUEST, where=PEOPLE)), unit="reqps"),
        stat(
            "Fail", "Share of these that a fault of ours ended: 5xx. 0.1 % is what the objective leaves in the long run.",
            ("", share(count(REQUEST, where=FAILED), count(REQUEST, where=PEOPLE))),
            unit="percentunit", steps=[("green", None), ("orange", 0.001), ("red", 0.01)], decimals=2,
        ),
        stat(
            "Slowest hundredth", "So long took the other 99 of a hundred requests at most, all classes together.",
            ("", quantile(0.99, REQUEST, where=PEOPLE)), unit="s",
        ),
        stat("Versions", "More than one for long: a rollout that does not end.", ("{{version}}", f"count by (version) ({select('echo_build_info')})")),
    ),
    row(
        "Service levels",
        graph(
            "Budget left", "What is left of what the objectives allow within 30 days. At 0, what is risky waits; docs/slo.md says what to do.",
            ("{{slo}}", '1 - slo:echo_burn:rate30d{job=~"$job"}'), unit="percentunit", top=1,
        ),
        graph(
            "Burn, over an hour", "1 uses up the budget in just 30 days; somebody is woken at 14.4. There is no line where nobody asked.",
            ("{{slo}}", 'slo:echo_burn:rate1h{job=~"$job"}'),
        ),
        graph(
            "Firing alerts", "What began first is often the cause of the others.",
            ("{{alertname}} {{severity}}", 'sum by (alertname, severity) (ALERTS{alertstate="firing", alertname=~"Echo.*"}) or vector(0)'),
        ),
    ),
    row(
        "Requests",
        graph(
            "By status", "5xx that grow with all requests mean overload, and without them something broken. Many 429: one client, or limits too tight.",
            ("{{status}}", count(REQUEST, "status")), unit="reqps", stacked=True,
        ),
        graph(
            "The busiest routes", "A route that suddenly leads is a new client, or one in a loop.",
            ("{{method}} {{route}}", f"topk(8, {count(REQUEST, 'route, method')})"), unit="reqps",
        ),
        graph(
            "Routes that fail", "5xx by route. One route: its code or its data. All of one service: that. All: a store.",
            ("{{method}} {{route}} {{status}}", rare(f"{REQUEST}_count", "route, method, status", 'status=~"5.."')), unit="reqps",
        ),
        graph(
            "99th percentile by class", "Each against its bound in docs/slo.md. Sign-ins alone: passwords queue. Writes and uploads: the disk. All: processors.",
            ("{{slo}}", 'histogram_quantile(0.99, sum by (slo, le) (slo:echo_http_request_seconds_bucket:rate5m{job=~"$job"}))'), unit="s",
        ),
        graph(
            "Half, nineteen of twenty, 99 of a hundred", "The distance between the lines: waiting. Dots are traces of single requests, if traces are on.",
            ("p50", quantile(0.5, REQUEST, where=PEOPLE)), ("p95", quantile(0.95, REQUEST, where=PEOPLE)),
            ("p99", quantile(0.99, REQUEST, where=PEOPLE)), unit="s",
        ),
        graph(
            "The slowest routes", "99th percentile. GET /api/users/me/export takes as long as there is to send.",
            ("{{method}} {{route}}", f"topk(8, {quantile(0.99, REQUEST, 'route, method', PEOPLE)})"), unit="s",
        ),
    ),
    row(
        "What is getting full",
        graph(
            "Running at once", "4,096 is where a process turns away. Steps up without more requests: something that they wait for.",
            ("{{instance}}", level("echo_http_requests_in_flight")),
        ),
        graph(
            "Turned away", "rate_limit is what limits are for. Anything else is room that was missing: docs/runbooks/overload.md.",
            ("{{reason}}", rare("echo_http_requests_shed_total", "reason")), unit="reqps",
        ),
        graph(
            "Connections", "Many of them and few requests: clients, or a balancer, that keep what they do not use.",
            ("{{instance}} {{listener}}", level("echo_http_connections", "instance, listener")),
        ),
        graph(
            "Processors", "How many are busy for each process. Level at what there is, while latency grows: more processes are needed.",
            ("{{instance}}", rate("process_cpu_seconds_total", "instance")),
        ),
        graph(
            "Memory", "Resident. What does not come back down after a load, day after day, is a leak.",
            ("{{instance}}", level("process_resident_memory_bytes")), unit="bytes",
        ),
        graph(
            "Files and connections", "Share of those that a process may have open. At 100 % it accepts nothing.",
            ("{{instance}}", f"{select('process_open_fds')} / {select('process_max_fds')}"), unit="percentunit", top=1,
        ),
        graph(
            "Busy runtime", "Share of the time in which the threads that serve requests work. Near 100 % everything waits its turn.",
            ("{{instance}}", f"{rate('echo_runtime_busy_seconds_total', 'instance')} / {level('echo_runtime_workers')}"), unit="percentunit", top=1,
        ),
        graph(
            "Tasks that wait for a thread", "More than a few for long: something blocks the threads, or there are too few.",
            ("{{instance}}", level("echo_runtime_queue_tasks")),
        ),
        graph(
            "Tasks", "Grows with connections and requests, and comes back down with them.",
            ("{{instance}}", level("echo_runtime_tasks")),
        ),
    ),
    row(
        "People",
        graph("Accounts", "As the processes with the role auth count them.", ("accounts", f"max({select('echo_accounts')})")),
        graph("Posts", "As those with the role posts count them.", ("posts", f"max({select('echo_posts')})")),
        graph(
            "Active people", "Who signed in or renewed a session. A fall without a change of ours: look whether people can get in at all.",
            ("within {{within}}", f"max by (within) (echo_active_people{{{HERE}}})"),
        ),
    ),
)
