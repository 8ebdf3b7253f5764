// The feed of the environment that the page is in, for all that is shown below it.

import {
  createContext,
  type ReactNode,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";
import { agentNames } from "../data/agents";
import { type CallRow, readCall, readEvents, readTurns } from "../data/call";
import { mintToken, readSnapshot } from "../data/calls";
import { type Environment, greet } from "../data/rpc";
import { clock } from "../data/time";
import { type Call, hasEnded } from "./call";
import type { Connection } from "./connection";
import { Feed } from "./feed";
import { Followers } from "./followers";
import { History, type Known, type Past } from "./history";
import { callOf, withGrowing, withTurns } from "./snapshot";
import { openSocket } from "./socket";
import { Store, withFrames } from "./store";

interface Live {
  environment: Environment;
  store: Store;
  followers: Followers;
  /** Try to connect at once. */
  retry(): void;
}

const Context = createContext<Live | null>(null);

interface LiveProviderProps {
  environment: Environment;
  /** Called when the server does not know the sign-in any more. */
  onSignedOut(): void;
  children: ReactNode;
}

export function LiveProvider({ environment, onSignedOut, children }: LiveProviderProps) {
  const signedOut = useRef(onSignedOut);
  signedOut.current = onSignedOut;
  const [live, feeds] = useMemo(() => {
    const open = new Set<Feed>();
    const retry = () => {
      for (const feed of open) feed.retry();
    };
    const made: Live = {
      environment,
      store: new Store(withFrames),
      followers: new Followers(),
      retry,
    };
    return [made, open] as const;
  }, [environment]);

  useEffect(() => {
    const { store, followers, retry } = live;
    const feed = new Feed({
      store,
      clock,
      followers,
      open: (heard) => openSocket(() => mintToken(environment), heard),
      read: () => readSnapshot(environment, clock.now()),
      agents: () => agentNames(environment),
    });
    feeds.add(feed);
    const stops = [
      clock.subscribe(() => store.sweep(clock.now())),
      clock.onBroken(() => void greet()),
      store.onConnection(() => {
        if (store.connection().state === "signed_out") signedOut.current();
      }),
      listen(window, "online", retry),
      listen(window, "focus", retry),
      listen(document, "visibilitychange", () => document.hidden || retry()),
    ];
    return () => {
      for (const stop of stops) stop();
      feeds.delete(feed);
      feed.close();
    };
  }, [environment, live, feeds]);

  return <Context value={live}>{children}</Context>;
}

function listen(target: EventTarget, name: string, callback: () => void): () => void {
  target.addEventListener(name, callback);
  return () => target.removeEventListener(name, callback);
}

export function useLive(): Live {
  const live = useContext(Context);
  if (live === null) throw new Error("what is live stands below a LiveProvider");
  return live;
}

/** The uuids of the calls in the table, newest first. */
export function useOrder(): readonly string[] {
  const { store } = useLive();
  return useSyncExternalStore(store.onList, store.order);
}

/** The calls that have just ended, the last one first. */
export function useEnded(): readonly Call[] {
  const { store } = useLive();
  return useSyncExternalStore(store.onList, store.ended);
}

/** One call of the table; undefined once it has left. */
export function useCall(uuid: string): Call | undefined {
  const { store } = useLive();
  const subscribe = useMemo(
    () => (callback: () => void) => store.onCall(uuid, callback),
    [store, uuid],
  );
  return useSyncExternalStore(subscribe, () => store.call(uuid));
}

/** How many calls are on the line. */
export function useOpenCalls(): number {
  const { store } = useLive();
  return useSyncExternalStore(store.onList, () => {
    const calls = store.order().map((uuid) => store.call(uuid));
    return calls.filter((call) => call && !hasEnded(call)).length;
  });
}

/** What a part shows of the connection. Its position moves with each event: take no more of it. */
export function useConnection<Shown>(shown: (connection: Connection) => Shown): Shown {
  const { store } = useLive();
  return useSyncExternalStore(store.onConnection, () => shown(store.connection()));
}

/** The server's time, once a second; it stands still while the connection is lost. */
export function useNow(): number {
  return useSyncExternalStore(clock.subscribe, clock.shown);
}

type CallPast = Past<CallRow>;

const NOTHING_READ: CallPast = {
  state: "reading",
  call: null,
  row: null,
  events: [],
  error: null,
};

/** One call from its beginning, and what read it. */
export function useHistory(uuid: string): CallPast & { again(): void } {
  const { environment, store, followers } = useLive();
  const [history, setHistory] = useState<History<CallRow> | null>(null);
  useEffect(() => {
    const made = new History({
      uuid,
      follow: (follower) => followers.follow(uuid, follower),
      read: (after) => readEvents(environment, uuid, after),
      known: () => known(environment, uuid, store),
      withTurns: async (call) => withTurns(call, await readTurns(environment, uuid)),
      schedule: withFrames,
    });
    setHistory(made);
    return () => {
      made.close();
      setHistory(null);
    };
  }, [environment, uuid, store, followers]);
  const past = useSyncExternalStore(
    history?.subscribe ?? never,
    history?.past ?? (() => NOTHING_READ),
  );
  return { ...past, again: () => history?.readAnew() };
}

function never(): () => void {
  return () => {};
}

async function known(
  environment: Environment,
  uuid: string,
  store: Store,
): Promise<Known<CallRow> | null> {
  const row = await readCall(environment, uuid);
  if (row === null) return null;
  const call = callOf(row);
  const agentName = call.agentName ?? store.agentName(call.agentId ?? "") ?? null;
  return { call: withGrowing({ ...call, agentName }, store.call(uuid)), row };
}
