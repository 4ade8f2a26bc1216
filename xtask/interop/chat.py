"""Two people in the page of the example `chat`, each in a tab of headless Chromium.

usage: chat.py CHROMIUM CHAT [PICTURE]

CHAT is the program of the example; PICTURE a file for a picture of the page. The tabs are driven over Chromium's
debugging protocol, by Python's `websockets`. The server is restarted in the middle: the page has to come back.
"""

import base64
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

from websockets.sync.client import connect

from browser import FLAGS

# Seconds until something has to have happened.
PATIENCE = 20


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

    def join(self, name, room):
        # An empty page comes first, which is complete at once.
        self.until("document.getElementById('join') && document.readyState", "complete")
        self.type("name", name)
        self.type("room", room)
        self.press_enter()
        self.until("document.getElementById('state').textContent", "You are %s, in %s." % (name, room))

    def say(self, text):
        self.type("text", text)
        self.press_enter()


MESSAGES = "[...document.querySelectorAll('#messages li')].map(item => item.textContent)"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start(chat, addr):
    server = subprocess.Popen([chat, addr], stdout=subprocess.PIPE, text=True)
    line = server.stdout.readline()
    if line != "listening on http://%s/\n" % addr:
        sys.exit("the server said %r" % line)
    return server


def talk(port, chat, picture):
    addr = "127.0.0.1:%d" % free_port()
    server = start(chat, addr)
    try:
        url = "http://%s/" % addr
        room = "caf\u00e9 & <b>"
        ada, bob, eve = Tab(port, url), Tab(port, url), Tab(port, url)
        ada.join("Ada", room)
        bob.join("Bob", room)
        eve.join("Eve", "elsewhere")
        ada.until(MESSAGES, ["Ada has come", "Bob has come"])
        ada.say("hello <img src=x onerror=alert(1)>")
        bob.say("h\u00e9!")
        expected = ["Bob has come", "Ada: hello <img src=x onerror=alert(1)>", "Bob: h\u00e9!"]
        bob.until(MESSAGES, expected)
        ada.until(MESSAGES, ["Ada has come"] + expected)
        eve.until(MESSAGES, ["Eve has come"])
        if picture:
            data = ada.call("Page.captureScreenshot")["data"]
            with open(picture, "wb") as file:
                file.write(base64.b64decode(data))
        # A server that goes tells so; the page comes back by itself.
        server.send_signal(signal.SIGINT)
        said, _ = server.communicate(timeout=PATIENCE)
        if said != "3 connections were closed\n":
            sys.exit("the server said %r" % said)
        server = start(chat, addr)
        for tab, name in [(ada, "Ada"), (bob, "Bob")]:
            tab.until("document.getElementById('state').textContent",
                      "You are %s, in %s." % (name, room))
        ada.say("again")
        bob.until("(%s).at(-1)" % MESSAGES, "Ada: again")
    finally:
        server.kill()
        server.wait()


def main():
    chromium, chat = sys.argv[1:3]
    picture = sys.argv[3] if len(sys.argv) > 3 else None
    start_time = time.monotonic()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [chromium, *FLAGS, "--remote-debugging-port=0", "--window-size=800,700",
                   "--user-data-dir=" + profile, "about:blank"]
        browser = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, start_new_session=True,
                                   env={**os.environ, "TMPDIR": profile})
        try:
            port_file = os.path.join(profile, "DevToolsActivePort")
            deadline = time.monotonic() + PATIENCE
            while not os.path.exists(port_file) or not open(port_file).read().strip():
                if time.monotonic() > deadline:
                    sys.exit("chromium doesn't listen")
                time.sleep(0.05)
            with open(port_file) as file:
                port = int(file.readline())
            talk(port, chat, picture)
        finally:
            # Its whole group: the browser is several processes.
            os.killpg(browser.pid, signal.SIGKILL)
            browser.wait()
    seconds = round(time.monotonic() - start_time, 2)
    print(json.dumps({"scenario": "browser_chat", "ok": True, "seconds": seconds}))


if __name__ == "__main__":
    main()
