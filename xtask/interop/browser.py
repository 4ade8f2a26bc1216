"""Drives a server with headless Chromium: serves page.html, opens it, judges what it reports.

usage: browser.py CHROMIUM URL [--paths] [--choosing URL] [--log FILE]
       browser.py CHROMIUM URL --deflate

URL and the options are as those of `peer.py client`; with --deflate it does what deflate.py does, but
the parameters are those that the browser offers. Needs nothing but Python.
"""

import argparse
import http.server
import json
import os
import pathlib
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

from observed import records

# Seconds for everything.
LIMIT = 130
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-extensions", "--disable-dev-shm-usage", "--mute-audio"]
CLOSED = {"code": 1000, "reason": "", "wasClean": True}


def wanted(paths):
    """What the page must have observed."""
    result = {
        "echo": {"extensions": "", "texts": [True] * 4, "binaries": [True] * 7,
                 "close": {"code": 4321, "reason": "au revoir, é", "wasClean": True}},
        "many": {"inOrder": True, "close": {"code": 1005, "reason": "", "wasClean": True}},
    }
    if paths:
        result["closed"] = {"close": {"code": 4002, "reason": "that's all", "wasClean": True}}
        result["subprotocol"] = {"chosen": "superchat", "told": "superchat", "close": CLOSED}
        result["fragmented"] = {"equal": True, "close": CLOSED}
    return result


def frame(code, reason=""):
    return {"code": code, "reason": reason}


# What the server must have written down, by scenario.
WRITTEN = {
    "browser_echo": {"texts": 4, "binaries": 7, "rcvd": frame(4321, "au revoir, é"),
                     "sent": frame(4321, "au revoir, é"), "rcvd_then_sent": True},
    "browser_many": {"texts": 1000, "rcvd": frame(1005), "rcvd_then_sent": True},
    "browser_closed": {"rcvd": frame(4002, "that's all"), "sent": frame(4002, "that's all"),
                       "rcvd_then_sent": False},
    "browser_subprotocol": {"subprotocol": "superchat", "rcvd": frame(1000), "sent": frame(1000)},
    "browser_fragmented": {"rcvd": frame(1000), "sent": frame(1000)},
}


class Page(http.server.BaseHTTPRequestHandler):
    results = queue.Queue()

    def do_GET(self):
        found = urllib.parse.urlsplit(self.path).path == "/"
        body = pathlib.Path(__file__).with_name("page.html").read_bytes() if found else b""
        self.answer(200 if found else 404, body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        # First the answer: once there is a result, the browser is ended.
        self.answer(200, b"")
        self.results.put(json.loads(body))

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def observe(chromium, url, **options):
    """Opens the page with these options and gives what it reports."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    query = urllib.parse.urlencode({"ws": url, **options})
    page = "http://127.0.0.1:%d/?%s" % (server.server_port, query)
    # Chromium's processes may still write while the folder is removed.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        log = os.path.join(profile, "chromium.log")
        with open(log, "wb") as output:
            command = [chromium, *FLAGS, "--user-data-dir=" + os.path.join(profile, "data"), page]
            browser = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output,
                                       stderr=output, start_new_session=True,
                                       env={**os.environ, "TMPDIR": profile})
        try:
            deadline = time.monotonic() + LIMIT
            while time.monotonic() < deadline:
                try:
                    return Page.results.get(timeout=0.5)
                except queue.Empty:
                    if browser.poll() is not None:
                        break
            why = "ended" if browser.poll() is not None else "reported nothing for %d s" % LIMIT
            with open(log, errors="replace") as output:
                sys.exit("chromium %s; it said:\n%s" % (why, output.read()[-4000:]))
        finally:
            # Its whole group: the browser is several processes.
            try:
                os.killpg(browser.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            browser.wait()
            server.shutdown()


def agreed(extensions):
    """What was negotiated, as the browser tells it; None: no compression."""
    name, *parameters = [part.strip() for part in extensions.split(";")]
    if name != "permessage-deflate":
        return None
    given = dict(parameter.partition("=")[::2] for parameter in parameters)
    return {"server_max_window_bits": int(given.get("server_max_window_bits", 15)),
            "client_max_window_bits": int(given.get("client_max_window_bits", 15)),
            "server_no_context_takeover": "server_no_context_takeover" in given,
            "client_no_context_takeover": "client_no_context_takeover" in given}


def deflate(chromium, url):
    """Exchanges many messages with compression, and gives the line of JSON about it."""
    start = time.monotonic()
    seen = observe(chromium, url, deflate="")["deflate"]
    line = {"scenario": "browser_deflate", "ok": seen.get("equal") is True and seen.get("close") == CLOSED,
            "messages": seen.get("messages"), "bytes": seen.get("bytes"),
            "deflate": agreed(seen.get("extensions", "")), "seconds": round(time.monotonic() - start, 2)}
    return line if line["ok"] else {**line, "error": "the page saw %s" % seen}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("chromium")
    parser.add_argument("url")
    parser.add_argument("--paths", action="store_true")
    parser.add_argument("--choosing")
    parser.add_argument("--log")
    parser.add_argument("--deflate", action="store_true")
    args = parser.parse_args()

    url = args.url.rstrip("/")
    if args.deflate:
        line = deflate(args.chromium, url)
        print(json.dumps(line, ensure_ascii=False))
        sys.exit(0 if line["ok"] else 1)
    options = {"paths": (args.choosing or url).rstrip("/")} if args.paths else {}
    result = observe(args.chromium, url, **options)
    written = records(args.log, set(WRITTEN)) if args.log else {}
    print(json.dumps({"browser": result.get("userAgent")}))
    failed = 0
    for name, expected in wanted(args.paths).items():
        problems = []
        got = result.get(name, {})
        if {key: got.get(key) for key in expected} != expected:
            problems.append("the page saw %s, wanted %s" % (got, expected))
        if args.log:
            expected = WRITTEN["browser_" + name]
            got = {field: written.get("browser_" + name, {}).get(field) for field in expected}
            if got != expected:
                problems.append("the server saw %s, wanted %s" % (got, expected))
        line = {"scenario": "browser_" + name, "ok": not problems}
        if problems:
            line["error"] = problems
        failed += bool(problems)
        print(json.dumps(line, ensure_ascii=False))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
