// Signing in, however it is done: then the other tabs know, and one is where one wanted to go.

import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useRef, useState } from "react";
import { useLocation } from "wouter";
import { ApiError } from "../data/rpc";
import { sentence } from "../parts/format";
import type { Me } from "./session";
import { tell } from "./tabs";

/** What the person reads for an error's type; any other has its own message. */
const SENTENCES: Readonly<Record<string, string>> = {
  sign_in_failed: "The email address or the password is wrong.",
  https_required: "Nobody signs in over plain http. Open the console by its https address.",
  network_error: "The server did not answer. Try again.",
};

export interface Entrance<Given> {
  enter(given: Given): void;
  busy: boolean;
  problem: string | null;
  /** The error behind the problem. */
  error: unknown;
}

export function useEntrance<Given>(
  send: (given: Given) => Promise<Me>,
  { back, spent }: { back: string; spent?: string },
): Entrance<Given> {
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const entered = (me: Me) => {
    queries.clear(); // nothing that somebody else has read stays
    queries.setQueryData(["me"], me);
    tell("signed-in");
    navigate(back, { replace: true });
  };
  const latest = useRef({ send, entered });
  latest.current = { send, entered };
  const enter = useCallback((given: Given) => {
    setBusy(true);
    setError(null);
    latest.current
      .send(given)
      .then((me) => latest.current.entered(me), setError)
      .finally(() => setBusy(false));
  }, []);
  return { enter, busy, error, problem: error === null ? null : problemOf(error, spent) };
}

function problemOf(error: unknown, spent: string | undefined): string {
  if (!(error instanceof ApiError)) return error instanceof Error ? error.message : String(error);
  const { type, retryAfterMs } = error;
  if (type === "rate_limited" && retryAfterMs) {
    return `Too many tries. Try again in ${Math.ceil(retryAfterMs / 1000)} s.`;
  }
  if (type === "link_spent" && spent) return spent;
  return SENTENCES[type] ?? sentence(error.message);
}
