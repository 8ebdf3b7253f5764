export * from "./functions.js";
export { createClient } from "./client.js";
export { CLOSE_POLICIES } from "./close_policy.js";
export type { ClosedSocket, ClosePolicy } from "./close_policy.js";
export { followConversation } from "./conversation.js";
export type {
  FollowedConversation,
  FollowedEvents,
  FollowEnd,
  FollowOptions,
  ResumeOptions,
} from "./conversation.js";
export { interpolate } from "./errors.js";
export { initSocket, joinCallChannel, joinEventsChannel, joinLogChannel } from "./socket.js";
export type {
  ChannelOf,
  EventsChannel,
  EventsSocket,
  InitOptions,
  Joined,
  JoinOptions,
  LogChannel,
  LogOptions,
  SocketOptions,
} from "./socket.js";
export type { MintedToken, TokenSource } from "./tokens.js";
export { configure } from "./transport.js";
export type { TransportOptions } from "./transport.js";
export type { WebSocketClass } from "./websocket.js";
export type * from "./conversation_events.js";
export type * from "./generated.js";
export type * from "./log_events.js";
export type * from "./realtime.js";
export type * from "./rest.js";
export type * from "./types.js";
