// The stock socket.io-client: prints one JSON line for everything that happens, takes one JSON command a line on stdin.
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const { url, token, transports } = JSON.parse(process.argv[2]);
const say = (what, data) => process.stdout.write(JSON.stringify({ what, data }) + "\n");
const options = { reconnection: false, auth: token ? { token } : {} };
if (transports) options.transports = transports;

const socket = io(url, options);
socket.on("connect", () => say("connect", { transport: socket.io.engine.transport.name }));
socket.io.engine.on("upgrade", (transport) => say("upgrade", { transport: transport.name }));
socket.on("connect_error", (error) => say("connect_error", { message: error.message, data: error.data ?? null }));
socket.on("disconnect", (reason) => { say("disconnect", { reason }); process.exit(0); });
socket.onAny((event, payload) => say(event, payload));

createInterface({ input: process.stdin }).on("line", (line) => {
  const { emit, data } = JSON.parse(line);
  if (emit === "close") socket.close();
  else socket.emit(emit, data);
});
