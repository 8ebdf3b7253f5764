// A broadcaster on npm's `ws`, as its documentation shows one: `send` to each.
"use strict";

const { WebSocketServer } = require("ws");
const { obey } = require("./publisher.js");

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false, backlog: 1024 });
const topics = new Map();

server.on("listening", () => console.log(server.address().port));
server.on("connection", (socket, request) => {
  const topic = Number(/\d+$/.exec(request.url)[0]);
  if (!topics.has(topic)) topics.set(topic, new Set());
  topics.get(topic).add(socket);
  socket.on("close", () => topics.get(topic).delete(socket));
  socket.on("error", () => {});
});

obey((topic, text) => {
  for (const socket of topics.get(topic) ?? []) socket.send(text);
});
