"""Images: taken in, kept, sent out."""

from panels import dashboard, graph, row
from promql import count, level, quantile, rare, rate

REQUEST = "echo_http_request_seconds"
TAKES = 'method=~"POST|PATCH", route=~"/api/posts|/api/media|/api/users/profile"'
SENDS = 'route="/media/{name}"'

DASHBOARD = dashboard(
    "echo-media", "Echo: media", "Images: taken in, kept, sent out.",
    row(
        "Taken in",
        graph(
            "Requests that may carry images", "By status. 415 and 413: what people send. 503: no room in the queue. 507: no room on the disk, or a full quota.",
            ("{{route}} {{status}}", count(REQUEST, "route, status", TAKES)), unit="reqps",
        ),
        graph(
            "Time, with the client's line", "95th percentile; 4 s is the bound in docs/slo.md. Without more images: slow lines, or a slow place for images.",
            ("{{route}}", quantile(0.95, REQUEST, "route", TAKES)), unit="s",
        ),
        graph(
            "Images", "Made fit to be shown. Refused is what is no image, or too large; failed is ours.",
            ("{{outcome}}", count("echo_image_seconds", "outcome")), unit="ops", stacked=True,
        ),
        graph(
            "Time for one image", "All of the pipeline on its threads. 12 megapixels take about a quarter of a second of a processor.",
            ("p50", quantile(0.5, "echo_image_seconds")), ("p95", quantile(0.95, "echo_image_seconds")), unit="s",
        ),
        graph(
            "Images that wait", "For a thread of the pipeline. A queue that does not empty needs more processors, or another process for media.",
            ("{{instance}}", level("echo_image_queue")),
        ),
        graph(
            "Turned away by a full queue", "Must be 0 but for storms: people get 503 and try again.",
            ("{{instance}}", rare("echo_image_queue_refused_total", "instance")), unit="ops",
        ),
        graph(
            "Bytes in and out of the pipeline", "Out is what will be kept, with the narrower copies: usually less than in.",
            ("{{way}}", rate("echo_image_bytes_total", "way")), unit="Bps",
        ),
    ),
    row(
        "Kept",
        graph("Calls to the place for images", "By what is done.", ("{{place}} {{op}}", count("echo_blob_seconds", "place, op")), unit="ops"),
        graph(
            "99th percentile of a call", "Files: the disk. S3 and Cloudinary: the network, and they.",
            ("{{place}} {{op}}", quantile(0.99, "echo_blob_seconds", "place, op")), unit="s",
        ),
        graph(
            "Calls that fail", "Must be 0: docs/runbooks/blobs-fail.md.",
            ("{{place}} {{op}} {{outcome}}", rare("echo_blob_seconds_count", "place, op, outcome", 'outcome=~"unavailable|failed"')), unit="ops",
        ),
        graph("Bytes written and read", "Read is what the cache did not have.", ("{{place}} {{way}}", rate("echo_blob_bytes_total", "place, way")), unit="Bps"),
        graph(
            "No room", "507, of all that may carry images: docs/runbooks/storage-full.md tells a full disk from full quotas.",
            ("{{route}}", rare(f"{REQUEST}_count", "route", f'{TAKES}, status="507"')), unit="reqps",
        ),
    ),
    row(
        "Sent out",
        graph("Images per second", "304 is what clients have already. Behind a CDN there are few.", ("{{status}}", count(REQUEST, "status", SENDS)), unit="reqps"),
        graph("99th percentile", "Until the reply begins; 0.25 s is the bound in docs/slo.md.", ("", quantile(0.99, REQUEST, where=SENDS)), unit="s"),
    ),
)
