// The states of the feed, as one table: what is shown of the connection, and what comes after.

export type State =
  | "connecting"
  | "connected"
  | "resuming"
  | "caught_up"
  | "read_anew"
  | "offline"
  | "signed_out";

export type Signal =
  /** The channel is joined, and everything since the last event follows. */
  | "recovered"
  /** The calls were read for the first time. */
  | "read"
  /** They were read again, because nothing could be recovered. */
  | "read_again"
  /** The connection is gone. */
  | "lost"
  /** There has been no connection for too long, or there will be none. */
  | "given_up"
  /** What was told for a few seconds has been told. */
  | "told"
  /** The server does not know this sign-in any more. */
  | "signed_out";

export const TRANSITIONS: Readonly<Record<State, Readonly<Partial<Record<Signal, State>>>>> = {
  connecting: { read: "connected", given_up: "offline", signed_out: "signed_out" },
  connected: {
    lost: "resuming",
    read_again: "read_anew",
    given_up: "offline",
    signed_out: "signed_out",
  },
  resuming: {
    recovered: "caught_up",
    read_again: "read_anew",
    given_up: "offline",
    signed_out: "signed_out",
  },
  caught_up: {
    told: "connected",
    lost: "resuming",
    read_again: "read_anew",
    given_up: "offline",
    signed_out: "signed_out",
  },
  read_anew: {
    told: "connected",
    lost: "resuming",
    given_up: "offline",
    signed_out: "signed_out",
  },
  offline: {
    read: "connected",
    recovered: "caught_up",
    read_again: "read_anew",
    signed_out: "signed_out",
  },
  signed_out: {},
};

/** Return the state after a signal: the same where the signal says nothing new. */
export function next(state: State, signal: Signal): State {
  return TRANSITIONS[state][signal] ?? state;
}

/** Whether what is shown is live, so that actions may be taken on it. */
export function isLive(state: State): boolean {
  return state === "connected" || state === "caught_up" || state === "read_anew";
}

/** How long to wait before each try, in milliseconds: every second until one is offline. */
const BACKOFF_MS = [250, 500, ...Array<number>(19).fill(1000)];
const OFFLINE_MS = 5000;

export function backoff(tries: number): number {
  return BACKOFF_MS[tries - 1] ?? OFFLINE_MS;
}

/** Without a connection for this long, one is offline. */
export const PATIENCE_MS = 20_000;
/** How long "42 events caught up" is told. */
export const TOLD_MS = 4000;

export interface Connection {
  state: State;
  /** The offset of the last event; 0 before there was any. */
  offset: number;
  /** Since when the connection is lost, by the server's clock. */
  since: number | null;
  /** How many events came that had happened meanwhile. */
  caughtUp: number;
  /** Why one is offline, in a sentence. */
  reason: string | null;
}

export const FIRST: Connection = {
  state: "connecting",
  offset: 0,
  since: null,
  caughtUp: 0,
  reason: null,
};
