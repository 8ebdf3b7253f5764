// The feed's wire in a browser: the SDK's socket and its channel of the log.

import { initSocket, joinLogChannel, type MintedToken } from "@ringline/sdk";
import { SERVER } from "../base";
import { backoff } from "./connection";
import type { Heard, Wire } from "./feed";

/** A line that has gone dead tells nobody: it is found out within twice this. */
const HEARTBEAT_MS = 7500;

/** The sign-in behind the page has ended. */
export class SignedOut extends Error {}

/** The server gives no token now, and says why. */
export class Refused extends Error {}

/** Open a connection whose tokens `mint` fetches; it throws `SignedOut` if there is no sign-in. */
export function openSocket(mint: () => Promise<MintedToken>, heard: Heard): Wire {
  const socket = initSocket({
    baseUrl: SERVER,
    sessionToken: async () => {
      try {
        return await mint();
      } catch (error) {
        if (error instanceof SignedOut) heard.signedOut();
        else if (error instanceof Refused) heard.failed(error.message);
        throw error;
      }
    },
    socketOptions: {
      heartbeatIntervalMs: HEARTBEAT_MS,
      reconnectAfterMs: backoff,
      rejoinAfterMs: backoff,
    },
  });
  const channel = joinLogChannel({
    onJoined: heard.joined,
    onEvent: heard.event,
    onRefused: ({ reason }) => {
      if (reason === "unauthorized") heard.refused("the sign-in may not read the log");
    },
  });
  channel.onError(heard.lost);
  socket.onClose(heard.lost);
  return {
    retry() {
      if (!socket.isConnected()) socket.disconnect(() => socket.connect());
    },
    close: () => socket.disconnect(),
  };
}
