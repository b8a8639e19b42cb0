"""Dashboards as Grafana 11 and 12 read them, out of rows of panels that say only what differs."""

from itertools import count

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24


def graph(title, look, *queries, unit="short", width=8, stacked=False, top=None):
    """Lines over time. Each query is its legend and what is asked; `look` says what to look for."""
    custom = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 30 if stacked else 5, "showPoints": "never", "spanNulls": False}
    custom |= {"stacking": {"mode": "normal" if stacked else "none", "group": "A"}}
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    fields = {"color": {"mode": "palette-classic"}, "custom": custom, "min": 0} | ({} if top is None else {"max": top})
    targets = [{"legendFormat": legend, "range": True} | exemplars(asked) for legend, asked in queries]
    return panel("timeseries", title, look, queries, targets, unit, fields, options, width, 8)


def stat(title, look, asked, unit="short", width=4, steps=(), decimals=None):
    """One figure as it is now for each series. `steps` are colours and from which value on."""
    legend, _ = asked
    first = "text" if not steps else steps[0][0]
    colours = [{"color": first, "value": None}] + [{"color": colour, "value": value} for colour, value in steps[1:]]
    fields = {"color": {"mode": "thresholds"}, "thresholds": {"mode": "absolute", "steps": colours}}
    fields |= {} if decimals is None else {"decimals": decimals}
    options = {
        "colorMode": "value", "graphMode": "none", "justifyMode": "auto", "orientation": "auto", "textMode": "auto",
        "wideLayout": True, "showPercentChange": False, "percentChangeColorMode": "standard",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }
    targets = [{"legendFormat": legend, "instant": True, "range": False}]
    return panel("stat", title, look, [asked], targets, unit, fields, options, width, 4)


def exemplars(asked):
    """Traces of single requests, where Echo gives them."""
    given = ("echo_http_request_seconds_bucket{", "echo_store_seconds_bucket{")
    return {"exemplar": True} if any(it in asked for it in given) else {}


def panel(kind, title, look, queries, targets, unit, fields, options, width, height):
    letters = "ABCDEFGH"
    return {
        "type": kind,
        "title": title,
        "description": look,
        "datasource": DATASOURCE,
        "targets": [
            {"refId": letters[at], "datasource": DATASOURCE, "editorMode": "code", "expr": asked} | target
            for at, ((_, asked), target) in enumerate(zip(queries, targets))
        ],
        "fieldConfig": {"defaults": fields | {"unit": unit}, "overrides": []},
        "options": options,
        "gridPos": {"x": 0, "y": 0, "w": width, "h": height},
    }


def row(title, *panels):
    return title, panels


def dashboard(uid, title, description, *rows):
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["echo"],
        "schemaVersion": 41,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "browser",
        "time": {"from": "now-1h", "to": "now"},
        "refresh": "30s",
        "links": [
            {
                "type": "dashboards", "title": "Echo", "tags": ["echo"], "asDropdown": False, "includeVars": True,
                "keepTime": True, "targetBlank": False, "icon": "dashboard", "tooltip": "", "url": "",
            }
        ],
        "templating": {"list": variables()},
        "annotations": {"list": []},
        "panels": list(laid_out(rows)),
    }


def variables():
    """Which Prometheus, and which processes of those that it asks: all, unless told."""
    queries = [
        ("job", "Echo", "label_values(echo_build_info, job)"),
        ("role", "Role", 'label_values(up{job=~"$job"}, role)'),
        ("instance", "Process", 'label_values(up{job=~"$job", role=~"$role"}, instance)'),
    ]
    chosen = {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    chosen |= {"current": {"text": "Prometheus", "value": "prometheus"}}
    return [chosen] + [
        {
            "name": name, "label": label, "type": "query", "datasource": DATASOURCE,
            "query": {"query": query, "refId": name}, "refresh": 2, "sort": 1, "multi": True, "includeAll": True,
            "allValue": ".*", "current": {"text": "All", "value": "$__all"},
        }
        for name, label, query in queries
    ]


def laid_out(rows):
    """From left to right, and on in the next line where one is full."""
    ids, y = count(1), 0
    for title, panels in rows:
        yield {"id": next(ids), "type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": place(0, y, WIDTH, 1)}
        x, y, height = 0, y + 1, 0
        for it in panels:
            width = it["gridPos"]["w"]
            if x + width > WIDTH:
                x, y, height = 0, y + height, 0
            yield {"id": next(ids)} | it | {"gridPos": place(x, y, width, it["gridPos"]["h"])}
            x, height = x + width, max(height, it["gridPos"]["h"])
        y += height


def place(x, y, w, h):
    return {"x": x, "y": y, "w": w, "h": h}
