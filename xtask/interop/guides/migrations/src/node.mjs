// A server that shouts back what it hears, and a client that talks to it.

import { once } from "node:events";
import WebSocket, { WebSocketServer } from "ws";

function shout(ws) {
  ws.on("message", (data, isBinary) => {
    ws.send(isBinary ? Buffer.from(data).reverse() : data.toString().toUpperCase());
  });
  ws.on("error", console.error);
  ws.on("close", printEnd);
}

function check({ req }, answer) {
  if (req.headers.authorization === "Bearer secret") {
    answer(true);
  } else {
    answer(false, 401, "Who are you?\n");
  }
}

function talk(url, token) {
  const ws = new WebSocket(url, ["shout"], { headers: { Authorization: `Bearer ${token}` } });
  ws.on("unexpected-response", (request, response) => {
    console.log(`refused: ${response.statusCode}`);
    request.destroy();
  });
  ws.on("open", () => {
    console.log(`subprotocol: ${ws.protocol}`);
    ws.send("hello");
    ws.send(Buffer.from([1, 2, 3]));
    ws.ping();
  });
  ws.on("message", (data, isBinary) => {
    console.log(isBinary ? `[${[...data].join(", ")}]` : data.toString());
  });
  ws.on("pong", () => {
    console.log("pong");
    ws.close(4000, "done");
  });
  ws.on("error", console.error);
  ws.on("close", printEnd);
}

function printEnd(code, reason) {
  console.log(`closed: ${code} ${reason}`);
}

const [url, token] = process.argv.slice(2);
if (url) {
  talk(url, token);
} else {
  const options = { host: "127.0.0.1", port: 0, verifyClient: check };
  const server = new WebSocketServer({ ...options, handleProtocols: (offered) => offered.has("shout") && "shout" });
  server.on("connection", shout);
  await once(server, "listening");
  console.log(`listening on ws://127.0.0.1:${server.address().port}/`);
}
