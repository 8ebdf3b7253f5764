// How reads are kept and tried again: for as long as the server or its database is away, and when
// it says that it has had too many. Any other refusal is shown.

import { QueryClient } from "@tanstack/react-query";
import { ApiError } from "./rpc";

const MOST_WAIT_MS = 10_000;
/** A page says how long it waits for this one, and then tries by itself. */
const PATIENT = new Set(["unavailable", "network_error"]);

/** Whether a read that failed is tried again without being asked. */
export function isTransient(error: unknown): boolean {
  return error instanceof ApiError && PATIENT.has(error.type);
}

/** How long to wait after so many failures, in milliseconds. */
export function waitAfter(failures: number, error: unknown): number {
  const asked = error instanceof ApiError ? error.retryAfterMs : null;
  return asked ?? Math.min(500 * 2 ** failures, MOST_WAIT_MS);
}

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      retry: (_, error) => isTransient(error),
      retryDelay: waitAfter,
      staleTime: 5_000,
    },
  },
});
