"""What records are kept in: SQLite or MongoDB, and Redis."""

from panels import dashboard, graph, row
from promql import count, level, mean, quantile, rare, rate

STORE = "echo_store_seconds"

DASHBOARD = dashboard(
    "echo-stores", "Echo: stores", "What records are kept in: SQLite or MongoDB, and Redis. Those that an Echo does not have show nothing.",
    row(
        "Calls",
        graph("By store", "Calls per second. Reads that a cache answers do not come here.", ("{{backend}}", count(STORE, "backend")), unit="ops"),
        graph("The busiest", "What is called most.", ("{{backend}} {{op}}", f"topk(8, {count(STORE, 'backend, op')})"), unit="ops"),
        graph(
            "The slowest", "99th percentile. One alone: its query, or what it waits for. All of a store: the store.",
            ("{{backend}} {{op}}", f"topk(8, {quantile(0.99, STORE, 'backend, op')})"), unit="s",
        ),
        graph("Time by store", "99th percentile of all calls.", ("{{backend}}", quantile(0.99, STORE, "backend")), unit="s"),
        graph(
            "Without an answer", "A store that is gone, slow or full: docs/runbooks/store-unavailable.md.",
            ("{{backend}} {{op}}", rare(f"{STORE}_count", "backend, op", 'outcome="unavailable"')), unit="ops",
        ),
        graph(
            "Failed", "Must be 0: a fault of ours, or damaged data. docs/runbooks/store-fails.md.",
            ("{{backend}} {{op}}", rare(f"{STORE}_count", "backend, op", 'outcome="failed"')), unit="ops",
        ),
    ),
    row(
        "SQLite",
        graph(
            "One commit", "With its fsync, which many writes share. Milliseconds on a good disk; where it grows, so does every write.",
            ("p50", quantile(0.5, "echo_sqlite_commit_seconds")), ("p99", quantile(0.99, "echo_sqlite_commit_seconds")), unit="s",
        ),
        graph("Writes per commit", "Mean. Grows with the load: that is what keeps writes cheap.", ("{{instance}}", mean("echo_sqlite_batch_writes", "instance"))),
        graph(
            "Calls that wait", "For the one writer, or for one of the readers. A queue that does not empty: the disk, or too few processors.",
            ("{{instance}} {{side}}", level("echo_sqlite_queue", "instance, side")),
        ),
        graph(
            "Write-ahead log", "Comes back down at 4 MiB or so. One that grows is not written back: docs/runbooks/wal-grows.md.",
            ("{{instance}}", level("echo_sqlite_wal_bytes")), unit="bytes",
        ),
        graph(
            "Busy", "Somebody else held the database: a backup, the doctor, or another program that should not.",
            ("{{instance}}", rare("echo_sqlite_busy_total", "instance")), unit="ops",
        ),
    ),
    row(
        "MongoDB",
        graph("Connections", "Of the pool. All in use for long: docs/runbooks/mongo-pool.md.", ("{{instance}} {{state}}", level("echo_mongo_connections", "instance, state"))),
        graph(
            "Waiting for a connection", "99th percentile. Anything but nearly nothing means that the pool is too small, or MongoDB slow.",
            ("{{instance}}", quantile(0.99, "echo_mongo_checkout_seconds", "instance")), unit="s",
        ),
        graph(
            "No connection", "Must be 0: MongoDB cannot be reached, or all connections are in use.",
            ("{{instance}}", rare("echo_mongo_checkout_seconds_count", "instance", 'outcome="failed"')), unit="ops",
        ),
    ),
    row(
        "Redis",
        graph("Answers", "1 while it does. While it is 0 Echo goes on, more slowly: docs/runbooks/redis-gone.md.", ("{{instance}}", level("echo_redis_up", how="min")), top=1),
        graph("Connected anew", "Now and then is a failover. All the time: the network, or a limit of Redis.", ("{{instance}}", rare("echo_redis_reconnects_total", "instance")), unit="ops"),
        graph(
            "Limits counted alone", "By one process, for Redis was gone: people may ask as often at each of the processes.",
            ("{{instance}}", rare("echo_limits_alone_total", "instance")), unit="ops",
        ),
    ),
)
