// Steers a call over its WebSocket with the npm package `ws`; each line of stdin is a command.
import { createInterface } from "node:readline";
import WebSocket from "ws";

const [url, key] = process.argv.slice(2);
const tell = (what, payload) => process.stdout.write(JSON.stringify({ what, payload }) + "\n");

const socket = new WebSocket(url, { headers: { Authorization: `Bearer ${key}` } });
socket.on("open", () => tell("open", {}));
socket.on("message", (data) => {
  const frame = JSON.parse(data);
  tell(frame.event_type, { request_id: frame.request_id ?? null, ...frame.payload });
});
socket.on("close", (code) => tell("closed", { code }));
createInterface({ input: process.stdin }).on("line", (line) => socket.send(line));
