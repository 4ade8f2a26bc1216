"""Two people who log in to the example `axum_chat`, in headless Chromium, over HTTP/1.1 and over HTTP/2.

usage: axum_chat.py CHROMIUM CHAT

CHAT is the program of the example. It speaks HTTP/2 without TLS, which browsers don't: haproxy adds TLS, and refuses
connections that haven't agreed on HTTP/2, those for WebSockets, too.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

from chat import free_port
from tabs import PATIENCE, Tab, chromium

HAPROXY = """
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend tls
  bind 127.0.0.1:%d ssl crt %s alpn h2
  tcp-request content reject if !{ ssl_fc_alpn h2 }
  default_backend chat
backend chat
  server chat 127.0.0.1:%d
"""


class Member(Tab):
    def log_in(self, name, password):
        self.until("document.getElementById('login') && document.readyState", "complete")
        for field, value in [("name", name), ("pass", password)]:
            self.js("document.querySelector('[name=%s]').value = '%s'" % (field, value))
        self.js("document.getElementById('login').requestSubmit()")

    def say(self, text):
        self.type("text", text)
        self.press_enter()

    def sees(self, *lines):
        # The page may be on its way.
        self.until("document.getElementById('log')?.textContent", "".join(line + "\n" for line in lines))


def wait_for(port):
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                sys.exit("nothing listens on port %d" % port)
            time.sleep(0.05)


def talk(tabs, chat, http2, folder):
    port, front = free_port(), free_port()
    server = subprocess.Popen([chat, "127.0.0.1:%d" % port], stdout=subprocess.PIPE, text=True)
    haproxy = None
    try:
        wait_for(port)
        url = "http://127.0.0.1:%d/" % port
        if http2:
            certificate, config = os.path.join(folder, "cert.pem"), os.path.join(folder, "haproxy.cfg")
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                            "-subj", "/CN=localhost", "-keyout", certificate + ".key", "-out", certificate],
                           check=True, stderr=subprocess.DEVNULL)
            with open(config, "w") as file:
                file.write(HAPROXY % (front, certificate, port))
            haproxy = subprocess.Popen(["haproxy", "-db", "-f", config], stderr=subprocess.DEVNULL)
            wait_for(front)
            url = "https://127.0.0.1:%d/" % front
        ada = Member(tabs, url)
        # Without a login the middleware refuses the WebSocket, and the page shows its form.
        ada.log_in("Ada", "wrong")
        ada.until("document.body && document.body.textContent", "The password is wrong.")
        ada.call("Page.navigate", url=url)
        ada.log_in("Ada", "sesame")
        ada.sees("Ada has come")
        protocol = "performance.getEntriesByType('navigation')[0].nextHopProtocol"
        ada.until(protocol, "h2" if http2 else "http/1.1")
        bob = Member(tabs, url)
        bob.until("document.getElementById('talk') && document.getElementById('talk').hidden", False)
        # The same browser, until he logs in himself.
        bob.log_in("Bob", "sesame")
        ada.sees("Ada has come", "Ada has come", "Ada has left", "Bob has come")
        bob.sees("Bob has come")
        bob.say("h\u00e9!")
        ada.sees("Ada has come", "Ada has come", "Ada has left", "Bob has come", "Bob: h\u00e9!")
        bob.sees("Bob has come", "Bob: h\u00e9!")
        server.send_signal(signal.SIGINT)
        bob.sees("Bob has come", "Bob: h\u00e9!", "closed: 1012 restarting")
        said, _ = server.communicate(timeout=PATIENCE)
        if "closed: 2, cut: 0" not in said:
            sys.exit("the server said %r" % said)
    finally:
        for process in filter(None, [server, haproxy]):
            process.kill()
            process.wait()


def main():
    program, chat = sys.argv[1:3]
    for version, http2 in [("HTTP/1.1", False), ("HTTP/2", True)]:
        begun = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            with chromium(program, "--ignore-certificate-errors") as tabs:
                talk(tabs, chat, http2, folder)
        print(json.dumps({"scenario": "browser_axum_chat %s" % version, "ok": True,
                          "seconds": round(time.monotonic() - begun, 2)}))


if __name__ == "__main__":
    main()
