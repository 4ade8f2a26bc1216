"""WebSockets in headless Chromium over HTTP/2 and HTTP/1.1, by servers with TLS.

usage: http2.py CHROMIUM STACKS

STACKS is the program `interop_stacks`, whose certificate the browser is told to take. A WebSocket goes over HTTP/2
when the browser has a connection of that version to the server, which the page has made.
"""

import json
import signal
import subprocess
import sys
import time

from tabs import PATIENCE, Tab, chromium

ECHO = """
new Promise((done, failed) => {
  const socket = new WebSocket("wss://" + location.host + "/version");
  const received = [];
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    socket.send("h\u00e9".repeat(40000));
    socket.send(new Uint8Array(200000).fill(7));
  };
  socket.onmessage = event => {
    const data = event.data;
    received.push(typeof data === "string" ? data.slice(0, 8) + " " + data.length : data.byteLength);
    if (received.length === 3) socket.close(4000, "enough");
  };
  socket.onclose = event => done(JSON.stringify(
    [received, event.code, event.reason, event.wasClean, socket.extensions.split(";")[0]]));
  socket.onerror = failed;
})
"""


def talk(port, stacks, stack, version):
    server = subprocess.Popen([stacks, stack, "--tls"], stdout=subprocess.PIPE, text=True)
    try:
        addr = server.stdout.readline().strip().removeprefix("listening on wss://")
        tab = Tab(port, "about:blank")
        tab.call("Page.enable")
        tab.call("Page.navigate", url="https://%s/" % addr)
        tab.until("location.host + document.readyState", addr + "complete")
        result = tab.call("Runtime.evaluate", expression=ECHO, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            sys.exit("%s: %s" % (stack, result["exceptionDetails"]))
        seen = json.loads(result["result"]["value"])
        wanted = [["%s %d" % (version, len(version)), "h\u00e9h\u00e9h\u00e9h\u00e9 80000", 200000], 4000, "enough", True,
                  "permessage-deflate"]
        if seen != wanted:
            sys.exit("%s: the browser saw %s instead of %s" % (stack, seen, wanted))
        server.send_signal(signal.SIGTERM)
        said, _ = server.communicate(timeout=PATIENCE)
        if not said.endswith(" closed, 0 cut, 0 failed\n"):
            sys.exit("%s: the server said %r" % (stack, said))
    finally:
        server.kill()
        server.wait()


def main():
    program, stacks = sys.argv[1:3]
    for version, flags in [("HTTP/2", []), ("HTTP/1.1", ["--disable-http2"])]:
        for stack in ["hyper", "axum"]:
            begun = time.monotonic()
            with chromium(program, "--ignore-certificate-errors", *flags) as port:
                talk(port, stacks, stack, version)
            print(json.dumps({"scenario": "browser_%s %s" % (stack, version), "ok": True,
                              "seconds": round(time.monotonic() - begun, 2)}))


if __name__ == "__main__":
    main()
