// Compression, on the Node side: `ws` with chosen parameters, and a client with much to send.
//
// usage: deflate.js URL PARAMETERS
//
// All as in deflate.py.

import { pathToFileURL } from "node:url";
import WebSocket from "ws";

const COUNT = 10_000;
const MIB = 1 << 20;
const LARGE = MIB - 4096;
const LIMIT = 120_000;
// So many messages are on their way at most.
const WINDOW = 200;

// The options of the library that stand for PARAMETERS.
export function perMessageDeflate(parameters) {
  const camel = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
  const pairs = parameters.split(";").map((part) => part.trim().split("=")).filter(([name]) => name);
  const options = pairs.map(([name, value]) => [camel(name), value === undefined ? true : Number(value)]);
  // By default the library leaves short messages as they are.
  return { threshold: 0, ...Object.fromEntries(options) };
}

// What was negotiated, as this library sees it; null: no compression.
export function agreed(ws) {
  const params = ws._extensions["permessage-deflate"]?.params;
  return params === undefined ? null : {
    server_max_window_bits: params.server_max_window_bits ?? 15,
    client_max_window_bits: params.client_max_window_bits ?? 15,
    server_no_context_takeover: params.server_no_context_takeover ?? false,
    client_no_context_takeover: params.client_no_context_takeover ?? false,
  };
}

// Numbers from 0 to 1 that are the same each time (mulberry32).
function chances(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function messages() {
  const chance = chances(1);
  const below = (limit) => Math.floor(chance() * limit);
  let json = "", text = "";
  for (let id = 0; json.length < MIB + 65536; id++) {
    json += `{"id": ${id}, "name": "user ${below(1000)}", "tags": ["a", "b"], "score": ${chance().toFixed(3)}},\n`;
  }
  const words = ["Größe", "naïve ", "日本語", "привет ", "plain words ", "— ", "٣٤٥"];
  while (text.length < MIB / 2) text += words[below(words.length)];
  const bases = [json, Buffer.from(Array.from({ length: MIB + 65536 }, () => below(256))), text];
  return Array.from({ length: COUNT }, (_, number) => {
    let size = Math.floor(65536 ** chance()) - 1;
    if (number % 2500 === 1249) size = LARGE;
    else if (number % 1000 < 2) size = [0, 65536][number % 1000];
    const base = bases[number % 3];
    if (number % 3 === 2) size = Math.floor(size / 3);
    const start = below(base.length - size);
    // Characters of two units, between which a slice must not cut, are added as a whole.
    return number % 3 === 2 ? `${base.slice(start, start + size)}\u{1f980}` : base.slice(start, start + size);
  });
}

function send(ws, number, message) {
  if (number % 97 !== 0) return ws.send(message);
  const third = Math.floor(message.length / 3);
  ws.send(message.slice(0, third), { fin: false });
  ws.send(message.slice(0, 0), { fin: false });
  ws.send(message.slice(third), { fin: true });
}

async function run(url, parameters) {
  const line = { scenario: "node_deflate", ok: true, messages: COUNT, bytes: 0 };
  const all = messages();
  const start = performance.now();
  const ws = new WebSocket(url, { perMessageDeflate: perMessageDeflate(parameters), maxPayload: MIB });
  await new Promise((resolve, reject) => ws.on("open", resolve).on("error", reject));
  line.deflate = agreed(ws);
  let sent = 0, echoed = 0;
  await new Promise((resolve, reject) => {
    const sendMore = () => {
      for (; sent < COUNT && sent - echoed < WINDOW; sent++) send(ws, sent, all[sent]);
    };
    setTimeout(() => reject(new Error(`took longer than ${LIMIT} ms`)), LIMIT).unref();
    ws.on("close", (code) => reject(new Error(`closed with ${code} after ${echoed} messages`)));
    ws.on("error", reject);
    ws.on("message", (data, isBinary) => {
      const message = all[echoed];
      const equal = typeof message === "string" ? !isBinary && data.toString() === message
        : isBinary && message.equals(data);
      if (!equal) reject(new Error(`the echo of message ${echoed} is another`));
      line.bytes += data.length;
      echoed++;
      echoed === COUNT ? resolve() : sendMore();
    });
    sendMore();
  });
  await new Promise((resolve) => ws.once("close", resolve).close(1000));
  return { ...line, seconds: Math.round((performance.now() - start) / 10) / 100 };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  run(...process.argv.slice(2)).catch((error) => ({ scenario: "node_deflate", ok: false, error: String(error) }))
    .then((line) => {
      console.log(JSON.stringify(line));
      process.exit(line.ok ? 0 : 1);
    });
}
