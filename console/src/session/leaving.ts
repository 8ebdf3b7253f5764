// How a sign-in ends in this tab: by oneself, in another tab, or because the server says so.

import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useState } from "react";
import { ApiError, observe } from "../data/rpc";
import { signOut } from "./requests";
import { onNews, tell } from "./tabs";

/** Know whether the sign-in has ended; `error` is why `me` could not be read. */
export function useSignedOut(error: unknown): { signedOut: boolean; end(): void } {
  const queries = useQueryClient();
  const [ended, setEnded] = useState(false);
  useEffect(() => observe(({ status }) => status === 401 && setEnded(true)), []);
  useEffect(
    () =>
      onNews((news) => {
        // It may be somebody else who signed in: this tab is theirs now, all of it.
        if (news === "signed-in") location.reload();
        else setEnded(true);
      }),
    [],
  );
  const signedOut = ended || (error instanceof ApiError && error.status === 401);
  useEffect(() => {
    if (signedOut) queries.clear(); // nothing that was read stays for the next person
  }, [signedOut, queries]);
  const end = useCallback(() => setEnded(true), []);
  return { signedOut, end };
}

/** End this sign-in, here and in the other tabs. */
export async function leave(): Promise<void> {
  await signOut();
  tell("signed-out");
}
