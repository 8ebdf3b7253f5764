// A broadcaster on Socket.IO: a room for each topic.
"use strict";

const { createServer } = require("node:http");
const { Server } = require("socket.io");
const { obey } = require("./publisher.js");

const http = createServer();
const io = new Server(http, {
  transports: ["websocket"],
  perMessageDeflate: false,
  httpCompression: false,
  pingInterval: 600_000,
  serveClient: false,
});

io.on("connection", (socket) => socket.join(`topic-${socket.handshake.query.topic}`));
http.listen({ host: "127.0.0.1", port: 0, backlog: 1024 }, () => console.log(http.address().port));

obey((topic, text) => io.to(`topic-${topic}`).emit("event", text));
