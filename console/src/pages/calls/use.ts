// The list of calls: its filter from the address, its pages, and what has begun since.

import { useInfiniteQuery } from "@tanstack/react-query";
import { useCallback, useMemo, useSyncExternalStore } from "react";
import { useSearchParams } from "wouter";
import { type Asked, readCallPage } from "../../data/callList";
import type { Call } from "../../live/call";
import { useLive } from "../../live/Live";
import { useZone, type Zone } from "../../parts/zone";
import { useEnvironment } from "../../session/session";
import { type Filter, fromQuery, matches, toQuery, toRpc } from "./filter";

/** The filter, which is the address's query. */
export function useFilter(): [Filter, (filter: Filter) => void] {
  const [query, setQuery] = useSearchParams();
  const text = query.toString();
  const filter = useMemo(() => fromQuery(new URLSearchParams(text)), [text]);
  const choose = useCallback(
    (next: Filter) => setQuery(toQuery(next), { replace: true }),
    [setQuery],
  );
  return [filter, choose];
}

export function askedOf(filter: Filter, zone: Zone): Asked {
  return {
    filter: toRpc(filter, zone),
    sort: filter.sort === "ended" ? "--endedAt" : "-startedAt",
  };
}

/** Read the list page by page. Who comes back to a row finds the list as it was. */
export function useCalls(filter: Filter, { cameBack }: { cameBack: boolean }) {
  const environment = useEnvironment();
  const zone = useZone();
  return useInfiniteQuery({
    queryKey: [environment, "calls", toQuery(filter).toString(), zone],
    queryFn: ({ pageParam, signal }) =>
      readCallPage(environment, askedOf(filter, zone), { after: pageParam, signal }),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next,
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnMount: cameBack ? false : "always",
  });
}

/** How many calls of the filter have begun, or ended, since the list was read. */
export function useNewCalls(filter: Filter, listed: readonly Call[]): number {
  const store = useLive().store;
  const zone = useZone();
  const order = useSyncExternalStore(store.onList, store.order);
  const ended = useSyncExternalStore(store.onList, store.ended);
  return useMemo(() => {
    const moment = (call: Call) => (filter.sort === "ended" ? call.endedAt : call.startedAt) ?? 0;
    const [newest] = listed;
    const since = newest ? moment(newest) : 0;
    const known = new Set(listed.map(({ uuid }) => uuid));
    const live = order.map((uuid) => store.call(uuid)).filter((call) => call !== undefined);
    const all = new Map([...live, ...ended].map((call) => [call.uuid, call]));
    return [...all.values()].filter(
      (call) => !known.has(call.uuid) && moment(call) > since && matches(filter, call, { zone }),
    ).length;
  }, [store, order, ended, filter, listed, zone]);
}

/** The row that one was on when one left the list; the browser keeps it with the address. */
export function rowOfHistory(): string | undefined {
  const kept: unknown = history.state;
  if (typeof kept !== "object" || kept === null || !("row" in kept)) return undefined;
  return typeof kept.row === "string" ? kept.row : undefined;
}

export function keepRow(row: string): void {
  history.replaceState({ ...history.state, row }, "");
}
