// What is said of the connection, in words, in one place.

import { type Connection, isLive } from "../live/connection";
import { counted } from "../parts/format";
import type { Times } from "../parts/zone";

export type Tone = "good" | "waits" | "away";

export interface Said {
  tone: Tone;
  /** The state, and what belongs to it. */
  text: string;
}

/** Say how the connection is; the first word is the state. */
export function say({ state, since, caughtUp, reason }: Connection, { time }: Times): Said {
  switch (state) {
    case "connecting":
      return { tone: "waits", text: "Connecting" };
    case "connected":
      return { tone: "good", text: "Connected" };
    case "caught_up":
      return { tone: "good", text: caughtUp ? told(caughtUp) : "Connected" };
    case "read_anew":
      return { tone: "good", text: "Connected. Too long away to replay: read anew" };
    case "resuming":
      return { tone: "waits", text: `Resuming${since ? ` since ${time(since)}` : ""}` };
    case "offline":
      return { tone: "away", text: `Offline. ${reason ?? ""}`.trim() };
    case "signed_out":
      return { tone: "away", text: "Offline. You are signed out." };
  }
}

function told(caughtUp: number): string {
  return `Connected, ${counted(caughtUp, "event")} caught up`;
}

/** Whether the position of the last event is worth saying. */
export function tellsOffset({ state, offset }: Connection): boolean {
  return isLive(state) && offset > 0;
}
