// How a sign-in ends in this tab: by oneself, in another tab, or because the server says so.

import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useState } from "react";
import { ApiError, observe } from "../data/rpc";
import { readMe, signOut } from "./requests";
import type { Me } from "./session";
import { onNews, tell } from "./tabs";

/** Know whether the sign-in has ended; `error` is why `me` could not be read. */
export function useSignedOut(error: unknown): { signedOut: boolean; end(): void } {
  const queries = useQueryClient();
  const [ended, setEnded] = useState(false);
  useEffect(() => observe(({ status }) => status === 401 && setEnded(true)), []);
  useEffect(
    () =>
      onNews((news) => {
        if (news === "signed-out") setEnded(true);
        else reloadForAnother(queries);
      }),
    [queries],
  );
  const signedOut = ended || (error instanceof ApiError && error.status === 401);
  useEffect(() => {
    if (signedOut) queries.clear(); // nothing that was read stays for the next person
  }, [signedOut, queries]);
  const end = useCallback(() => setEnded(true), []);
  return { signedOut, end };
}

/** Begin anew if it is somebody else who has signed in: this tab is theirs now, all of it. */
async function reloadForAnother(queries: QueryClient): Promise<void> {
  const before = queries.getQueryData<Me>(["me"]);
  const me = await queries.fetchQuery({
    queryKey: ["me"],
    staleTime: 0,
    queryFn: ({ signal }) => readMe(signal),
  });
  if (before && before.user.id !== me.user.id) location.reload();
}

/** End this sign-in, here and in the other tabs. */
export async function leave(): Promise<void> {
  await signOut();
  tell("signed-out");
}
