// Made by `python -m sdk.generate` from the server's tables. Do not edit.

/** What to do when the server closes a socket with a code. */
export interface ClosePolicy {
  action: "reconnect" | "wait" | "give_up";
  /** The next connection needs another token or ticket. */
  fresh: boolean;
  /** How long to pause before it, in ms. */
  pauseMs: number;
  /** Why the socket was closed. */
  why: string;
}

/** The sockets that the server closes with a code. */
export type ClosedSocket = "events_socket" | "call_socket" | "voice_session";

/** The policies by socket and close code. */
export const CLOSE_POLICIES: Readonly<
  Record<ClosedSocket, Readonly<Record<number, ClosePolicy>>>
> = {
  events_socket: {
    1000: {
      action: "reconnect",
      fresh: false,
      pauseMs: 0,
      why: "the client closed it, or something between the two did",
    },
    1001: {
      action: "wait",
      fresh: true,
      pauseMs: 0,
      why: "the token's key or operator was revoked, its token has expired (RINGLINE_SOCKET_CLOSE_AT_EXPIRY), or nothing was heard of the client for 60 s",
    },
    1002: {
      action: "give_up",
      fresh: false,
      pauseMs: 0,
      why: "the client breaks the protocol of WebSockets",
    },
    1006: {
      action: "reconnect",
      fresh: false,
      pauseMs: 0,
      why: "the connection was lost, or refused before it was open, which browsers do not tell apart",
    },
    1007: {
      action: "give_up",
      fresh: false,
      pauseMs: 0,
      why: "a text is not valid UTF-8",
    },
    1009: {
      action: "give_up",
      fresh: false,
      pauseMs: 0,
      why: "a frame is over 64 KiB",
    },
    1011: {
      action: "wait",
      fresh: false,
      pauseMs: 5000,
      why: "a frame cannot be decoded, or something went wrong in the server",
    },
    1012: {
      action: "reconnect",
      fresh: false,
      pauseMs: 0,
      why: "the server restarts",
    },
    4001: {
      action: "reconnect",
      fresh: false,
      pauseMs: 0,
      why: "the client read too slowly and lost an event",
    },
  },
  call_socket: {
    1000: {
      action: "give_up",
      fresh: false,
      pauseMs: 0,
      why: "the call has ended, or the client closed it",
    },
    1001: {
      action: "reconnect",
      fresh: false,
      pauseMs: 0,
      why: "the server restarts, or its database is away (UNAVAILABLE)",
    },
    1002: {
      action: "give_up",
      fresh: false,
      pauseMs: 0,
      why: "the client breaks the protocol of WebSockets",
    },
    1003: {
      action: "give_up",
      fresh: false,
      pauseMs: 0,
      why: "a command came as a binary frame (INVALID_ARGUMENT)",
    },
    1006: {
      action: "reconnect",
      fresh: false,
      pauseMs: 0,
      why: "the connection was lost, or refused before it was open, which browsers do not tell apart",
    },
    1007: {
      action: "give_up",
      fresh: false,
      pauseMs: 0,
      why: "a text is not valid UTF-8",
    },
    1008: {
      action: "wait",
      fresh: true,
      pauseMs: 0,
      why: "the key or operator was revoked, or the token has expired (UNAUTHENTICATED)",
    },
    1009: {
      action: "give_up",
      fresh: false,
      pauseMs: 0,
      why: "a frame is over 64 KiB",
    },
    1011: {
      action: "wait",
      fresh: false,
      pauseMs: 5000,
      why: "something went wrong in the server (INTERNAL)",
    },
  },
  voice_session: {
    1000: {
      action: "give_up",
      fresh: false,
      pauseMs: 0,
      why: "the session is over: either side ended it, or a limit did",
    },
    1001: {
      action: "wait",
      fresh: true,
      pauseMs: 0,
      why: "the server is going down",
    },
    1002: {
      action: "give_up",
      fresh: false,
      pauseMs: 0,
      why: "the client breaks the protocol of WebSockets",
    },
    1003: {
      action: "give_up",
      fresh: false,
      pauseMs: 0,
      why: "the client goes on sending binary frames",
    },
    1006: {
      action: "wait",
      fresh: true,
      pauseMs: 0,
      why: "the connection was lost, or refused before it was open, which browsers do not tell apart",
    },
    1007: {
      action: "give_up",
      fresh: false,
      pauseMs: 0,
      why: "a text is not valid UTF-8",
    },
    1008: {
      action: "give_up",
      fresh: false,
      pauseMs: 0,
      why: "the session may not go on: its config, its credential, its limits or a client that does not read",
    },
    1009: {
      action: "give_up",
      fresh: false,
      pauseMs: 0,
      why: "a frame is too large",
    },
    1011: {
      action: "wait",
      fresh: true,
      pauseMs: 5000,
      why: "the server, its storage or the voice failed",
    },
  },
};
