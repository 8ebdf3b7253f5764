// The feed: what it shows of its connection, and that nothing is lost or told twice.

import type { Joined } from "@ringline/sdk";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Clock } from "../../src/live/clock";
import {
  backoff,
  isLive,
  next,
  PATIENCE_MS,
  type State,
  TRANSITIONS,
} from "../../src/live/connection";
import { Feed, type Heard } from "../../src/live/feed";
import { Followers } from "../../src/live/followers";
import type { CallEvent } from "../../src/live/reducer";
import { callOf, type Snapshot } from "../../src/live/snapshot";
import { Store } from "../../src/live/store";
import { BEGAN, listedAfter, logOf, ofOne } from "./log";

const STATES = Object.keys(TRANSITIONS) as State[];
const LOG = logOf(ofOne("answer", "say", "say", "end"));

describe("the table of states", () => {
  test("leads everywhere from the beginning, and nowhere from being signed out", () => {
    const reached = new Set<State>(["connecting"]);
    for (const state of reached) {
      for (const after of Object.values(TRANSITIONS[state])) reached.add(after);
    }
    expect([...reached].sort()).toEqual([...STATES].sort());
    expect(TRANSITIONS.signed_out).toEqual({});
  });

  test("is left by nothing that it does not name", () => {
    expect(next("connected", "recovered")).toBe("connected");
    expect(next("signed_out", "read")).toBe("signed_out");
    for (const state of STATES) {
      if (isLive(state)) expect(next(state, "lost")).toBe("resuming");
      if (state !== "signed_out") expect(next(state, "signed_out")).toBe("signed_out");
    }
  });
});

test("tries come each second until one is offline, and then every five", () => {
  expect([1, 2, 3, 4, 21, 22, 60].map(backoff)).toEqual([250, 500, 1000, 1000, 1000, 5000, 5000]);
  const waits = Array.from({ length: 21 }, (_, number) => backoff(number + 1));
  const whole = waits.reduce((sum, wait) => sum + wait, 0);
  expect(whole).toBeGreaterThanOrEqual(PATIENCE_MS - 1000);
});

/** A feed whose wire and reads are in the test's hands. */
class Desk {
  readonly store = new Store((callback) => callback());
  readonly followers = new Followers();
  readonly clock = new Clock();
  heard!: Heard;
  retries = 0;
  closed = false;
  /** The reads that wait for an answer. */
  readonly reads: { give(snapshot: Snapshot): void; fail(): void }[] = [];
  agents: ReadonlyMap<string, string> = new Map();
  asked = 0;
  readonly feed = new Feed({
    store: this.store,
    followers: this.followers,
    clock: this.clock,
    open: (heard) => {
      this.heard = heard;
      return { retry: () => (this.retries += 1), close: () => (this.closed = true) };
    },
    read: () =>
      new Promise((give, reject) => {
        this.reads.push({ give, fail: () => reject(new Error("away")) });
      }),
    agents: async () => {
      this.asked += 1;
      return this.agents;
    },
  });

  get state(): State {
    return this.store.connection().state;
  }

  join(reply: Partial<Joined> = {}): void {
    this.heard.joined({ position: "epoch001:0", ...reply });
  }

  async give(...log: CallEvent[]): Promise<void> {
    const open = listedAfter(log).calls.map(callOf);
    this.reads.at(-1)?.give({ open, ended: [], agents: new Map() });
    await vi.advanceTimersByTimeAsync(0);
  }

  tell(...events: CallEvent[]): void {
    for (const event of events) this.heard.event(event);
  }
}

async function connected(): Promise<Desk> {
  const desk = new Desk();
  desk.join();
  await desk.give();
  return desk;
}

beforeEach(() => {
  vi.useFakeTimers({ now: BEGAN });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("the feed", () => {
  test("joins first, reads second, and lays what came meanwhile over what was read", async () => {
    const desk = new Desk();
    expect(desk.reads.length).toBe(0);
    desk.join();
    expect(desk.reads.length).toBe(1);
    desk.tell(...LOG.slice(0, 3));
    expect([desk.state, desk.store.order()]).toEqual(["connecting", []]);
    await desk.give(...LOG.slice(0, 2));
    expect(desk.state).toBe("connected");
    expect(desk.store.call("call-0")?.turns.map((turn) => turn.text)).toEqual(["text 0"]);
    expect(desk.store.connection().offset).toBe(3);
    desk.tell(...LOG.slice(3));
    expect(desk.store.call("call-0")?.status).toBe("completed");
  });

  test("knows how far the log has got before anything happens", async () => {
    const desk = new Desk();
    desk.join({ position: "epoch001:41" });
    await desk.give();
    expect(desk.store.connection()).toMatchObject({ state: "connected", offset: 41 });
  });

  test("resumes: rows stay, the clock stands still, and what was missed is counted", async () => {
    const desk = await connected();
    desk.tell(...LOG.slice(0, 2));
    desk.heard.lost();
    const since = desk.clock.now();
    vi.advanceTimersByTime(15_000);
    expect(desk.clock.now()).toBe(since);
    expect(desk.store.connection()).toMatchObject({ state: "resuming", since });
    expect(desk.store.order()).toEqual(["call-0"]);
    desk.heard.lost(); // a try that failed
    desk.join({ recovered: true });
    expect(desk.clock.now()).toBe(since + 15_000);
    desk.tell(...LOG.slice(2));
    expect(desk.store.connection()).toMatchObject({
      state: "caught_up",
      since: null,
      caughtUp: LOG.length - 2,
    });
    vi.advanceTimersByTime(4000);
    expect(desk.state).toBe("connected");
    expect(desk.reads.length).toBe(1);
  });

  test("reads anew what cannot be recovered", async () => {
    const desk = await connected();
    let anew = 0;
    desk.followers.follow("call-0", { event: () => {}, anew: () => (anew += 1) });
    desk.tell(...LOG.slice(0, 2));
    desk.heard.lost();
    desk.join({ recovered: false });
    expect(anew).toBe(1);
    desk.tell(LOG[2] as CallEvent);
    expect(desk.state).toBe("resuming");
    await desk.give();
    expect(desk.state).toBe("read_anew");
    expect(desk.store.call("call-0")?.turns.length, "the event that came meanwhile").toBe(1);
    vi.advanceTimersByTime(4000);
    expect(desk.state).toBe("connected");
  });

  test("is offline after 20 seconds, says why, and comes back", async () => {
    const desk = await connected();
    desk.heard.lost();
    vi.advanceTimersByTime(20_000);
    expect(desk.store.connection()).toMatchObject({
      state: "offline",
      reason: "The server could not be reached for 20 seconds.",
    });
    desk.feed.retry();
    expect(desk.retries).toBe(1);
    desk.join({ recovered: true });
    expect(desk.store.connection()).toMatchObject({ state: "caught_up", reason: null });
  });

  test("says what the server says, if it says why", async () => {
    const desk = await connected();
    desk.heard.lost();
    desk.heard.failed("The database is away.");
    vi.advanceTimersByTime(20_000);
    expect(desk.store.connection().reason).toBe("The database is away.");
    desk.join({ recovered: true });
    desk.heard.lost();
    vi.advanceTimersByTime(20_000);
    expect(desk.store.connection().reason).toContain("could not be reached");
  });

  test("is offline if it never connects, and has read nothing anew when it does", async () => {
    const desk = new Desk();
    vi.advanceTimersByTime(20_000);
    expect(desk.state).toBe("offline");
    desk.join();
    await desk.give();
    expect(desk.state).toBe("connected");
  });

  test("reads again after a read that failed, and keeps what came", async () => {
    const desk = new Desk();
    desk.join();
    desk.tell(...LOG.slice(0, 2));
    desk.reads[0]?.fail();
    await vi.advanceTimersByTimeAsync(250);
    expect(desk.reads.length).toBe(2);
    desk.reads[1]?.fail();
    await vi.advanceTimersByTimeAsync(499);
    expect(desk.reads.length).toBe(2);
    await vi.advanceTimersByTimeAsync(1);
    await desk.give();
    expect(desk.store.call("call-0")?.status).toBe("answered");
  });

  test("says that the calls could not be read, if that is it", async () => {
    const desk = new Desk();
    desk.join();
    await vi.advanceTimersByTimeAsync(20_000);
    expect(desk.store.connection().reason).toBe("The calls could not be read.");
  });

  test("a connection that is lost during the read loses nothing", async () => {
    const desk = new Desk();
    desk.join();
    desk.tell(...LOG.slice(0, 2));
    desk.heard.lost();
    desk.join({ recovered: true });
    desk.tell(...LOG.slice(2));
    await desk.give();
    expect(desk.state).toBe("connected");
    expect(desk.store.call("call-0")).toMatchObject({ status: "completed", offset: LOG.length });
  });

  test("an answer to a read of before is not taken", async () => {
    const desk = new Desk();
    desk.join();
    desk.join({ recovered: false });
    desk.reads[0]?.give({ open: [], ended: [], agents: new Map() });
    await vi.advanceTimersByTimeAsync(0);
    expect(desk.state).toBe("connecting");
    await desk.give();
    expect(desk.state).toBe("connected");
  });

  test("does not try while it is connected", async () => {
    const desk = await connected();
    desk.feed.retry();
    expect(desk.retries).toBe(0);
  });

  test("a sign-in that has ended ends it", async () => {
    const desk = await connected();
    desk.heard.lost();
    desk.heard.signedOut();
    expect([desk.state, desk.closed]).toEqual(["signed_out", true]);
    vi.advanceTimersByTime(60_000);
    expect(desk.state).toBe("signed_out");
  });

  test("a refusal says why", async () => {
    const desk = new Desk();
    desk.heard.refused("the sign-in may not read the log");
    expect(desk.store.connection()).toMatchObject({
      state: "offline",
      reason: "The server refuses the feed: the sign-in may not read the log.",
    });
  });

  test("asks once for the name of an agent that it does not know", async () => {
    const desk = await connected();
    desk.agents = new Map([["agent-1", "Front desk"]]);
    for (const event of LOG.slice(0, 3)) {
      const data = { ...event.data, aiAgentId: "agent-1" };
      desk.tell({ ...event, data } as CallEvent);
    }
    await vi.advanceTimersByTimeAsync(0);
    expect(desk.asked).toBe(1);
    expect(desk.store.call("call-0")?.agentName).toBe("Front desk");
  });
});
