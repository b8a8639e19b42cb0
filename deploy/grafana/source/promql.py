"""Queries as the panels have them: of the processes that are chosen at the top of a dashboard, over what fits its width."""

HERE = 'job=~"$job", role=~"$role", instance=~"$instance"'


def select(metric, where=""):
    return f"{metric}{{{', '.join(filter(None, [HERE, where]))}}}"


def level(metric, by="instance", how="sum", where=""):
    """What a gauge says."""
    return f"{how} by ({by}) ({select(metric, where)})"


def rate(metric, by="", where=""):
    """How often per second."""
    return f"sum by ({by}) (rate({select(metric, where)}[$__rate_interval]))"


def rare(metric, by="", where=""):
    """The same of what does not happen while all is well, and then has no series: 0."""
    return f"{rate(metric, by, where)} or on () vector(0)"


def count(histogram, by="", where=""):
    return rate(f"{histogram}_count", by, where)


def quantile(q, histogram, by="", where=""):
    """So long took the quickest of this share, at most."""
    return f"histogram_quantile({q}, {rate(f'{histogram}_bucket', ', '.join(filter(None, [by, 'le'])), where)})"


def mean(histogram, by="", where=""):
    return f"{rate(f'{histogram}_sum', by, where)} / {count(histogram, by, where)}"


def share(part, whole):
    """The share of it; none where there is no whole."""
    return f"({part} or 0 * {whole}) / ({whole} > 0)"
