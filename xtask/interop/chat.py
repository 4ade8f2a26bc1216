"""Two people in the page of the example `chat`, each in a tab of headless Chromium.

usage: chat.py CHROMIUM CHAT [PICTURE]

CHAT is the program of the example; PICTURE a file for a picture of the page. The tabs are driven over Chromium's
debugging protocol, by Python's `websockets`. The server is restarted in the middle: the page has to come back.
"""

import base64
import json
import signal
import socket
import subprocess
import sys
import time

from tabs import PATIENCE, Tab, chromium


class Member(Tab):
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
        ada, bob, eve = Member(port, url), Member(port, url), Member(port, url)
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
    program, chat = sys.argv[1:3]
    picture = sys.argv[3] if len(sys.argv) > 3 else None
    start_time = time.monotonic()
    with chromium(program, "--window-size=800,700") as port:
        talk(port, chat, picture)
    seconds = round(time.monotonic() - start_time, 2)
    print(json.dumps({"scenario": "browser_chat", "ok": True, "seconds": seconds}))


if __name__ == "__main__":
    main()
