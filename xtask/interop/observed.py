"""Reads what a server under test wrote down: one line of JSON for each connection (see README.md)."""

import json
import time
from urllib.parse import parse_qsl, urlsplit


def records(log, scenarios, seconds=10):
    """The records of these scenarios by name; waits at most so long until all are there."""
    deadline = time.monotonic() + seconds
    while True:
        found = {}
        with open(log, encoding="utf-8") as lines:
            for line in lines:
                # A line may be half written, and a server may print other things.
                if line.startswith("{") and line.endswith("}\n"):
                    record = json.loads(line)
                    name = dict(parse_qsl(urlsplit(record["path"]).query)).get("scenario")
                    if name in scenarios:
                        found[name] = record
        if len(found) == len(scenarios) or time.monotonic() > deadline:
            return found
        time.sleep(0.05)
