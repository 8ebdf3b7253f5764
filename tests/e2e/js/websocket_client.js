// The ws client, as it is published, which sends frames one by one: by its own writer of frames,
// which writes broken ones too. Orders come as lines of JSON on stdin; what it hears is told so.
import { createInterface } from "node:readline";
import WebSocket, { Sender } from "ws";

const tell = (what, payload = {}) => console.log(JSON.stringify({ what, payload }));
let socket = null;

const orders = {
  open({ url }) {
    socket = new WebSocket(url);
    socket.on("open", () => tell("open"));
    socket.on("message", (data) => tell("message", { text: data.toString() }));
    socket.on("pong", (data) => tell("pong", { text: data.toString() }));
    socket.on("error", (error) => tell("error", { message: error.message }));
    socket.on("close", (code) => tell("close", { code }));
  },
  frame({ payload, ...options }) {
    const written = Sender.frame(Buffer.from(payload, "base64"), {
      mask: true,
      readOnly: true,
      ...options,
    });
    for (const piece of written) socket._socket.write(piece);
  },
  close({ code, reason }) {
    socket.close(code, reason);
  },
};

createInterface({ input: process.stdin }).on("line", (line) => {
  const { order, ...options } = JSON.parse(line);
  orders[order](options);
});
process.stdin.on("end", () => process.exit(0));
