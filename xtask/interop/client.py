"""Runs our client against another library's server, and compares what both sides saw.

usage: client.py INTEROP_CLIENT URL LOG [--without SCENARIO]...

LOG is what the server writes down (see README.md). The client prints a line of JSON for each
scenario, with what the server must have written down in the field `records`; this prints the lines
without it, but with the verdict.
"""

import json
import subprocess
import sys

from observed import records

# Seconds for everything.
LIMIT = 300


def differences(log, wanted):
    """What of the records that the client wants isn't so."""
    found = records(log, set(wanted))
    for name, fields in wanted.items():
        if name not in found:
            yield "%s: the server wrote nothing down" % name
            continue
        for field, value in fields.items():
            if field not in found[name] or found[name][field] != value:
                got = found[name].get(field, "nothing")
                yield "%s: %s: the server saw %r, the client %r" % (name, field, got, value)


def main():
    program, url, log, *options = sys.argv[1:]
    run = subprocess.run([program, url, *options], stdin=subprocess.DEVNULL, timeout=LIMIT,
                         stdout=subprocess.PIPE, encoding="utf-8")
    failed = lines = 0
    for text in run.stdout.splitlines():
        line = json.loads(text)
        wanted = line.pop("records")
        line["compared"] = len(wanted)
        if line["ok"]:
            del line["error"]
            problems = list(differences(log, wanted))
            if not wanted:
                problems.append("the client says nothing of the server")
            if problems:
                line.update(ok=False, error=problems[:5])
        failed += not line["ok"]
        lines += 1
        print(json.dumps(line, ensure_ascii=False), flush=True)
    if lines == 0 or (run.returncode != 0 and not failed):
        print("the client ended with %d after %d scenarios" % (run.returncode, lines))
        failed += 1
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
