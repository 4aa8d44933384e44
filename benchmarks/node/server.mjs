// The stock socket.io server as a peer: it checks the same access tokens and sends the same event to the same room.
// Arguments: port, file with the public key (PEM), file with the event (JSON). A line on stdin sends one event to all.
import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Server } from "socket.io";

const [port, keyFile, eventFile] = process.argv.slice(2);
const key = { key: createPublicKey(readFileSync(keyFile)), dsaEncoding: "ieee-p1363" };
const event = JSON.parse(readFileSync(eventFile, "utf8"));

function claims(token) {
  const [head, body, signature] = token.split(".");
  const good = verify("sha256", Buffer.from(`${head}.${body}`), key, Buffer.from(signature, "base64url"));
  const said = JSON.parse(Buffer.from(body, "base64url"));
  if (!good || said.exp * 1000 < Date.now()) throw new Error("INVALID_TOKEN");
  return said;
}

const server = createServer();
const io = new Server(server, { perMessageDeflate: false, serveClient: false, pingInterval: 25000, pingTimeout: 20000 });
io.engine.on("connection", (raw) => {
  raw.request = null; // as its own guide to performance advises: the handshake's memory is given back
});
io.use((socket, next) => {
  try {
    socket.data.claims = claims(socket.handshake.auth.token);
    next();
  } catch {
    next(new Error("INVALID_TOKEN"));
  }
});
io.on("connection", (socket) => {
  socket.on("subscribe", () => {
    socket.join("board:main");
    socket.emit("scoreboard_initial", event);
  });
});
createInterface({ input: process.stdin }).on("line", () => {
  event.seq += 1;
  event.at = new Date().toISOString();
  io.to("board:main").emit("scoreboard_updated", event);
});
server.listen(Number(port), "127.0.0.1", 4096);
