"""Tabs of headless Chromium, driven over its debugging protocol, by Python's `websockets`."""

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

from websockets.sync.client import connect

from browser import FLAGS

# Seconds until something has to have happened.
PATIENCE = 20


@contextlib.contextmanager
def chromium(program, *flags):
    """Runs the browser, with a new profile, and gives the port of its debugging protocol."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [program, *FLAGS, *flags, "--remote-debugging-port=0", "--user-data-dir=" + profile,
                   "about:blank"]
        browser = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, start_new_session=True,
                                   env={**os.environ, "TMPDIR": profile})
        try:
            file = os.path.join(profile, "DevToolsActivePort")
            deadline = time.monotonic() + PATIENCE
            while not os.path.exists(file) or not open(file).read().strip():
                if time.monotonic() > deadline:
                    sys.exit("chromium doesn't listen")
                time.sleep(0.05)
            with open(file) as lines:
                yield int(lines.readline())
        finally:
            # Its whole group: the browser is several processes.
            os.killpg(browser.pid, signal.SIGKILL)
            browser.wait()


class Tab:
    def __init__(self, port, url):
        request = urllib.request.Request("http://127.0.0.1:%d/json/new?%s" % (port, url), method="PUT")
        with urllib.request.urlopen(request) as response:
            url = json.load(response)["webSocketDebuggerUrl"]
        # It ends with the browser.
        self.socket = connect(url, max_size=None).__enter__()
        self.numbers = itertools.count(1)

    def call(self, method, **params):
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(self.socket.recv(timeout=PATIENCE))
            if answer.get("id") == number:
                if "error" in answer:
                    sys.exit("%s: %s" % (method, answer["error"]))
                return answer["result"]

    def js(self, code):
        result = self.call("Runtime.evaluate", expression=code, returnByValue=True)
        if "exceptionDetails" in result:
            sys.exit("%s: %s" % (code, result["exceptionDetails"]))
        return result["result"].get("value")

    def until(self, code, expected):
        deadline = time.monotonic() + PATIENCE
        while (value := self.js(code)) != expected:
            if time.monotonic() > deadline:
                sys.exit("%s is %r instead of %r" % (code, value, expected))
            time.sleep(0.05)

    def type(self, field, text):
        self.js("document.getElementById('%s').focus()" % field)
        self.js("document.getElementById('%s').value = ''" % field)
        self.call("Input.insertText", text=text)

    def press_enter(self):
        for kind in ["keyDown", "keyUp"]:
            self.call("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", text="\r",
                      windowsVirtualKeyCode=13)
