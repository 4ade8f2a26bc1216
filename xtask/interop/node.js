// The Node side of `cargo xtask interop`: the library `ws` as client.
//
// usage: node.js URL [--paths]
//
// URL and --paths are as those of `peer.py client`; so is the output.

import WebSocket from "ws";

const base = process.argv[2].replace(/\/$/, "");
const LIMIT = 60_000;

// As in peer.py: no two neighbours and no two blocks of 256 bytes are equal.
const pattern = (size) => Buffer.from(Array.from({ length: size }, (_, i) => (i * 7 + (i >> 8)) & 0xff));

function expect(got, wanted, what) {
  const equal = Buffer.isBuffer(wanted)
    ? Buffer.isBuffer(got) && wanted.equals(got)
    : JSON.stringify(got) === JSON.stringify(wanted);
  if (!equal) throw new Error(`${what}: got ${String(got).slice(0, 200)}, wanted ${String(wanted).slice(0, 200)}`);
}

// A connection with `next()`, a promise of the next message, and `closed`, one of code and reason.
async function open(path, scenario, subprotocols = [], options = {}) {
  const url = `${base}${path}${path.includes("?") ? "&" : "?"}scenario=node_${scenario}`;
  const ws = new WebSocket(url, subprotocols, { perMessageDeflate: false, ...options });
  const arrived = [], waiting = [];
  ws.on("message", (data, isBinary) => {
    const message = isBinary ? data : data.toString();
    waiting.length ? waiting.shift()(message) : arrived.push(message);
  });
  ws.next = () => arrived.length ? Promise.resolve(arrived.shift()) : new Promise((resolve) => waiting.push(resolve));
  ws.closed = new Promise((resolve) => ws.on("close", (code, reason) => resolve({ code, reason: reason.toString() })));
  await new Promise((resolve, reject) => ws.on("open", resolve).on("error", reject));
  return ws;
}

const scenarios = {
  async text() {
    const ws = await open("/echo", "text");
    for (const text of ["", "a", "h\u00e9llo \u{1f980}", "\u20ac".repeat(30000)]) {
      ws.send(text);
      expect(await ws.next(), text, "text");
    }
    ws.close(1000);
    expect(await ws.closed, { code: 1000, reason: "" }, "close");
  },
  async binary() {
    const ws = await open("/echo", "binary");
    for (const size of [0, 1, 125, 126, 65535, 65536, 1 << 20]) {
      ws.send(pattern(size));
      expect(await ws.next(), pattern(size), `binary of ${size} bytes`);
    }
    ws.close(1001, "r".repeat(123));
    expect((await ws.closed).code, 1001, "close");
  },
  async fragmented_send() {
    const ws = await open("/echo", "fragmented_send");
    ws.send("first ", { fin: false });
    ws.ping("between");
    ws.send("second", { fin: true });
    expect(await ws.next(), "first second", "fragmented message");
    ws.close();
    expect((await ws.closed).code, 1005, "close");
  },
  async ping_and_pong() {
    const ws = await open("/echo", "ping_and_pong");
    const pong = new Promise((resolve) => ws.on("pong", resolve));
    ws.ping("x");
    expect(await pong, Buffer.from("x"), "pong");
    ws.pong("nobody asked");
    ws.send("still there");
    expect(await ws.next(), "still there", "text after a lone pong");
    ws.close(4321, "au revoir, \u00e9");
    expect((await ws.closed).code, 4321, "close");
  },
  async many_messages() {
    const ws = await open("/echo", "many_messages");
    const sizes = Array.from({ length: 2000 }, (_, i) => (i * 37) % 3000);
    for (const size of sizes) ws.send(pattern(size));
    for (const size of sizes) expect(await ws.next(), pattern(size), "one of many messages");
    ws.close(1000);
    expect((await ws.closed).code, 1000, "close");
  },
  async over_the_limit() {
    const ws = await open("/echo", "over_the_limit");
    ws.send(pattern((1 << 20) + 1));
    expect((await ws.closed).code, 1009, "close");
  },
};

const withPaths = {
  async ping_by_server() {
    const ws = await open("/ping?payload=marco", "ping_by_server");
    expect(await ws.next(), "pong marco", "what the server says about our pong");
    ws.close(1000);
    await ws.closed;
  },
  async close_by_server() {
    const ws = await open("/close?code=4002&reason=that%27s+all", "close_by_server");
    expect(await ws.closed, { code: 4002, reason: "that's all" }, "close");
  },
  async fragmented_receive() {
    const ws = await open("/fragmented?size=70000&fragments=7&type=binary", "fragmented_receive");
    expect(await ws.next(), pattern(70000), "fragmented message");
    ws.close(1000);
    await ws.closed;
  },
  async subprotocol() {
    const ws = await open("/subprotocol", "subprotocol", ["superchat"]);
    expect([ws.protocol, await ws.next()], ["superchat", "superchat"], "subprotocol");
    ws.close(1000);
    await ws.closed;
  },
};

let failed = 0;
for (const [name, run] of Object.entries({ ...scenarios, ...(process.argv.includes("--paths") ? withPaths : {}) })) {
  const line = { scenario: `node_${name}`, ok: true };
  const start = performance.now();
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`took longer than ${LIMIT} ms`)), LIMIT);
  });
  try {
    await Promise.race([run(), late]);
  } catch (error) {
    Object.assign(line, { ok: false, error: String(error) });
    failed++;
  }
  clearTimeout(timer);
  line.seconds = Math.round((performance.now() - start) / 10) / 100;
  console.log(JSON.stringify(line));
}
// Whatever a failed scenario left open.
process.exit(failed ? 1 : 0);
