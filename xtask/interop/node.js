// The Node side of `cargo xtask interop`: the library `ws` as client and as server.
//
// usage: node.js server [--deflate PARAMETERS]
//        node.js client URL [--paths] [--log FILE] [--choosing URL]
//
// All as in peer.py, but this server echoes a message only when it is whole, on /piecewise too.

import { readFileSync } from "node:fs";
import WebSocket, { WebSocketServer } from "ws";
import { agreed, perMessageDeflate } from "./deflate.js";

const LIMIT = 60_000;
const MIB = 1 << 20;
const SIZES = [0, 1, 125, 126, 65535, 65536, MIB];

// As in peer.py: no two neighbours and no two blocks of 256 bytes are equal.
const pattern = (size) => Buffer.from(Array.from({ length: size }, (_, i) => (i * 7 + (i >> 8)) & 0xff));
const letters = (size) => size < 2 ? "a".repeat(size)
  : "\u00e9" + Array.from({ length: size - 2 }, (_, i) => String.fromCharCode(97 + i % 26)).join("");

// Notes the close frames of both sides, in the order in which they passed, in `ws.frames`.
function noteFrames(ws) {
  const frames = ws.frames = { rcvd: null, sent: null, rcvd_then_sent: null };
  const close = ws.close;
  // The library, too, sends a close frame by this method.
  ws.close = function (code, reason) {
    if (frames.sent === null && ws.readyState === WebSocket.OPEN) {
      frames.sent = { code: code ?? 1005, reason: String(reason ?? "") };
    }
    return close.call(ws, code, reason);
  };
  ws.closed = new Promise((resolve) => ws.on("close", (code, reason) => {
    if (code !== 1006) frames.rcvd = { code, reason: reason.toString() };
    if (frames.rcvd && frames.sent) frames.rcvd_then_sent = !frames.first;
    resolve({ code, reason: reason.toString() });
  }));
}

// ------------------------------------------------------------------------------- server

async function greet(ws, path, query) {
  if (path === "/close") {
    ws.frames.first = true;
    ws.close(Number(query.get("code")), query.get("reason") ?? "");
  } else if (path === "/fragmented") {
    const [size, count] = [Number(query.get("size")), Number(query.get("fragments"))];
    const whole = query.get("type") === "text" ? letters(size) : pattern(size);
    const step = Math.ceil(whole.length / count);
    for (let at = 0; at < whole.length; at += step) {
      ws.send(whole.slice(at, at + step), { fin: at + step >= whole.length });
    }
  } else if (path === "/ping") {
    const payload = query.get("payload");
    ws.ping(payload);
    const pong = await new Promise((resolve) => ws.once("pong", resolve));
    ws.send(pong.toString() === payload ? `pong ${payload}` : `a pong with ${pong}`);
  } else if (path === "/big") {
    ws.send(pattern(Number(query.get("size"))));
  } else if (path === "/subprotocol") {
    ws.send(ws.protocol || "None");
  }
}

function serve(deflate) {
  const server = new WebSocketServer({
    host: "127.0.0.1",
    port: 0,
    perMessageDeflate: deflate !== undefined && perMessageDeflate(deflate),
    maxPayload: MIB,
    handleProtocols: (offered) => ["chat", "superchat"].find((name) => offered.has(name)) ?? false,
  });
  server.on("connection", (ws, request) => {
    noteFrames(ws);
    const url = new URL(request.url, "ws://localhost");
    const seen = { path: request.url, subprotocol: ws.protocol || null, deflate: agreed(ws), texts: 0, binaries: 0, bytes: 0, pings: [] };
    ws.on("message", (data, isBinary) => {
      seen[isBinary ? "binaries" : "texts"] += 1;
      seen.bytes += data.length;
      ws.send(data, { binary: isBinary });
    });
    ws.on("ping", (data) => seen.pings.push(data.toString("hex")));
    // What is wrong is in the close frame.
    ws.on("error", () => {});
    ws.closed.then(() => console.log(JSON.stringify({ ...seen, ...ws.frames, first: undefined })));
    greet(ws, url.pathname, url.searchParams);
  });
  server.on("listening", () => console.log(`listening on ws://127.0.0.1:${server.address().port}`));
  process.on("SIGTERM", () => process.exit(0));
}

// ------------------------------------------------------------------------------- client

function expect(got, wanted, what) {
  const equal = Buffer.isBuffer(wanted)
    ? Buffer.isBuffer(got) && wanted.equals(got)
    : JSON.stringify(got) === JSON.stringify(wanted);
  const shorten = (value) => (typeof value === "object" && !Buffer.isBuffer(value) ? JSON.stringify(value) : String(value)).slice(0, 200);
  if (!equal) throw new Error(`${what}: got ${shorten(got)}, wanted ${shorten(wanted)}`);
}

const args = process.argv.slice(3);
const option = (name) => args.includes(name) ? args[args.indexOf(name) + 1] : undefined;
const [base, log] = [args[0]?.replace(/\/$/, ""), option("--log")];
const choosing = option("--choosing")?.replace(/\/$/, "") ?? base;
const opened = new Map();

// A connection with `next()`, a promise of the next message, and `closed`, one of code and reason.
async function open(path, scenario, subprotocols = [], options = {}) {
  scenario = `node_${scenario}`;
  const url = `${subprotocols.length ? choosing : base}${path}${path.includes("?") ? "&" : "?"}scenario=${scenario}`;
  const ws = new WebSocket(url, subprotocols, { perMessageDeflate: false, maxPayload: MIB, ...options });
  const arrived = [], waiting = [];
  noteFrames(ws);
  opened.set(scenario, ws);
  ws.on("message", (data, isBinary) => {
    const message = isBinary ? data : data.toString();
    waiting.length ? waiting.shift()(message) : arrived.push(message);
  });
  // An end instead of a message is one, too.
  ws.closed.then((close) => waiting.forEach((resolve) => resolve(close)));
  ws.next = () => arrived.length ? Promise.resolve(arrived.shift()) : new Promise((resolve) => waiting.push(resolve));
  await new Promise((resolve, reject) => ws.on("open", resolve).on("error", reject));
  return ws;
}

// Closes from this side; the answer has to have the same code.
async function close(ws, code, reason) {
  ws.frames.first = true;
  ws.close(code, reason);
  expect((await ws.closed).code, code ?? 1005, "the code of the answer");
}

function records(names) {
  const found = new Map();
  for (const line of readFileSync(log, "utf8").split("\n")) {
    if (!line.startsWith("{") || !line.endsWith("}")) continue;
    const record = JSON.parse(line);
    const name = new URL(record.path, "ws://localhost").searchParams.get("scenario");
    if (names.has(name)) found.set(name, record);
  }
  return found;
}

// What the server wrote down of these connections, in at most ten seconds.
async function written(names) {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const found = records(names);
    if (found.size === names.size) return found;
    const missing = [...names].filter((name) => !found.has(name));
    if (performance.now() > deadline) throw new Error(`the server wrote nothing down about ${missing}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

// Compares the close frames of all connections with those that the server wrote down.
async function bothSawTheSame() {
  const names = new Map(opened);
  opened.clear();
  if (log === undefined) return;
  const found = await written(names);
  for (const [name, ws] of names) {
    const record = found.get(name);
    // Whoever fails a connection reads no further (RFC 6455, section 7.1.7).
    const failed = (seen) => seen.rcvd === null && seen.sent?.code === 1009;
    if (!failed(ws.frames)) expect(record.sent, ws.frames.rcvd, `${name}: the close frame of the server`);
    if (!failed(record)) expect(record.rcvd, ws.frames.sent, `${name}: the close frame of the client`);
  }
}

const scenarios = {
  async text() {
    const ws = await open("/echo", "text");
    for (const text of [...SIZES.map(letters), "h\u00e9llo \u{1f980}", "\u20ac".repeat(30000), "\0"]) {
      ws.send(text);
      expect(await ws.next(), text, "text");
    }
    await close(ws, 1000);
  },
  async binary() {
    const ws = await open("/echo", "binary");
    for (const size of SIZES) {
      ws.send(pattern(size));
      expect(await ws.next(), pattern(size), `binary of ${size} bytes`);
    }
    await close(ws, 1001, "r".repeat(123));
  },
  async fragmented_send() {
    const ws = await open("/echo", "fragmented_send");
    ws.send("first ", { fin: false });
    ws.ping("between");
    ws.send("", { fin: false });
    ws.send("second", { fin: true });
    expect(await ws.next(), "first second", "fragmented text");
    ws.send(pattern(70000), { fin: false });
    ws.send(pattern(70001), { fin: true });
    expect(await ws.next(), Buffer.concat([pattern(70000), pattern(70001)]), "fragmented binary");
    await close(ws);
  },
  async ping_and_pong() {
    const ws = await open("/echo", "ping_and_pong");
    for (const payload of [pattern(0), pattern(1), pattern(125)]) {
      const pong = new Promise((resolve) => ws.once("pong", resolve));
      ws.ping(payload);
      expect(await pong, payload, "pong");
    }
    ws.pong("nobody asked");
    ws.send("still there");
    expect(await ws.next(), "still there", "text after a lone pong");
    await close(ws, 4321, "au revoir, \u00e9");
  },
  async many_messages() {
    const ws = await open("/echo", "many_messages");
    const sizes = Array.from({ length: 2000 }, (_, i) => (i * 37) % 3000);
    for (const size of sizes) ws.send(pattern(size));
    for (const size of sizes) expect(await ws.next(), pattern(size), "one of many messages");
    await close(ws, 1000);
  },
  async over_the_limit() {
    const ws = await open("/echo", "over_the_limit_whole");
    ws.send(pattern(MIB + 1));
    expect((await ws.closed).code, 1009, "close");
    const fragmented = await open("/echo", "over_the_limit_fragmented");
    fragmented.send(pattern(MIB), { fin: false });
    fragmented.send("x", { fin: true });
    expect((await fragmented.closed).code, 1009, "close");
  },
  async sequential() {
    for (let i = 0; i < 500; i++) {
      const ws = await open("/echo", `sequential_${i}`);
      ws.send(String(i));
      expect(await ws.next(), String(i), "text");
      await close(ws, 1000);
    }
  },
  async concurrent() {
    const all = await Promise.all(Array.from({ length: 200 }, (_, i) => open("/echo", `concurrent_${i}`)));
    await Promise.all(all.map(async (ws, i) => {
      for (const size of [1, 126, 65536]) {
        const message = Buffer.concat([Buffer.from([i]), pattern(size)]);
        ws.send(message);
        expect(await ws.next(), message, `binary of connection ${i}`);
      }
      await close(ws, 1000);
    }));
  },
};

const withPaths = {
  async ping_by_server() {
    const ws = await open("/ping?payload=marco", "ping_by_server");
    expect(await ws.next(), "pong marco", "what the server says about our pong");
    await close(ws, 1000);
  },
  async close_by_server() {
    const ws = await open("/close?code=4002&reason=that%27s+all%2C+%C3%A9", "close_by_server");
    expect(await ws.closed, { code: 4002, reason: "that's all, \u00e9" }, "close");
  },
  async fragmented_receive() {
    for (const [type, whole] of [["text", letters(70000)], ["binary", pattern(70000)]]) {
      const ws = await open(`/fragmented?size=70000&fragments=7&type=${type}`, `fragmented_receive_${type}`);
      expect(await ws.next(), whole, "fragmented message");
      await close(ws, 1000);
    }
  },
  async over_our_limit() {
    const ws = await open("/big?size=1001", "over_our_limit", [], { maxPayload: 1000 });
    await ws.closed;
    expect(ws.frames.sent?.code, 1009, "the close code that was sent");
  },
  async subprotocol() {
    const ws = await open("/subprotocol", "subprotocol", ["superchat"]);
    expect([ws.protocol, await ws.next()], ["superchat", "superchat"], "subprotocol");
    await close(ws, 1000);
    const none = await open("/subprotocol", "no_subprotocol");
    expect([none.protocol, await none.next()], ["", "None"], "no subprotocol");
    await close(none, 1000);
  },
};

async function drive() {
  let failed = 0;
  for (const [name, run] of Object.entries({ ...scenarios, ...(args.includes("--paths") ? withPaths : {}) })) {
    const line = { scenario: `node_${name}`, ok: true };
    const start = performance.now();
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`took longer than ${LIMIT} ms`)), LIMIT);
    });
    try {
      await Promise.race([run().then(bothSawTheSame), late]);
    } catch (error) {
      Object.assign(line, { ok: false, error: String(error) });
      failed++;
    }
    clearTimeout(timer);
    // A failed scenario is no affair of the next one.
    opened.clear();
    line.seconds = Math.round((performance.now() - start) / 10) / 100;
    console.log(JSON.stringify(line));
  }
  // Whatever a failed scenario left open.
  process.exit(failed ? 1 : 0);
}

if (process.argv[2] === "server") serve(option("--deflate"));
else drive();
