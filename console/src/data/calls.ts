// Calls: the snapshot that the feed begins with, counts, and orders to live calls.

import type { CallFilter, MintedToken } from "@ringline/sdk";
import { CONSOLE } from "../base";
import { BOARD } from "../live/reducer";
import { callOf, type ListedCall, type Snapshot, withTurns } from "../live/snapshot";
import { Refused, SignedOut } from "../live/socket";
import { ApiError, type Environment, order, run, send } from "./rpc";

/** The members of a call that everything shows. */
export const CALL_FIELDS = [
  "id",
  "callUuid",
  "status",
  "direction",
  "fromNumber",
  "toNumber",
  "model",
  "aiAgentId",
  "conversationId",
  "hangupCause",
  "startedAt",
  "answeredAt",
  "endedAt",
  {
    aiAgent: ["name"],
    contact: ["fullName"],
    participants: ["memberUuid", "role", "joinedAt", "leftAt"],
  },
] as const;

export const TURN_FIELDS = [
  "id",
  "callUuid",
  "itemId",
  "contentIndex",
  "role",
  "text",
  "interrupted",
  "spokenText",
  "recognized",
  "latency",
  "occurredAt",
] as const;

const PAGE = 250;
/** The lines of the board begin with this much of what was said. */
const RECENT_MS = 60_000;
const JUST_ENDED = 5;
const IS_OPEN: CallFilter = { endedAt: { isNil: true } };

/** Read what the table of calls begins with. */
export async function readSnapshot(environment: Environment, now: number): Promise<Snapshot> {
  const [rows, ended, turns] = await Promise.all([
    openCalls(environment),
    run(environment, ({ listCalls }) =>
      listCalls({
        fields: CALL_FIELDS,
        filter: { endedAt: { isNil: false } },
        sort: "--endedAt",
        page: { limit: JUST_ENDED },
      }),
    ),
    run(environment, ({ listCallTranscripts }) =>
      listCallTranscripts({
        fields: TURN_FIELDS,
        filter: {
          call: IS_OPEN,
          occurredAt: { greaterThanOrEqual: new Date(now - RECENT_MS).toISOString() },
        },
        sort: "occurredAt",
      }),
    ),
  ]);
  const listed = [...rows, ...ended.results];
  const byCall = Map.groupBy(turns, (turn) => turn.callUuid);
  return {
    open: rows.map((row) => {
      return withTurns(callOf(row), byCall.get(row.callUuid) ?? [], BOARD);
    }),
    ended: ended.results.map(callOf),
    // The feed asks for the others' names when one of them answers.
    agents: new Map(
      listed.flatMap(({ aiAgentId, aiAgent }) =>
        aiAgentId !== null && aiAgent !== null ? [[aiAgentId, aiAgent.name] as const] : [],
      ),
    ),
  };
}

async function openCalls(environment: Environment): Promise<ListedCall[]> {
  const rows: ListedCall[] = [];
  let after: string | null = null;
  do {
    const page = await run(environment, ({ listCalls }) =>
      listCalls({
        fields: CALL_FIELDS,
        filter: IS_OPEN,
        sort: "-startedAt",
        page: { limit: PAGE, after },
      }),
    );
    rows.push(...page.results);
    after = page.hasMore ? page.nextPage : null;
  } while (after !== null);
  return rows;
}

/** Count the calls of a filter. */
export async function countCalls(
  environment: Environment,
  filter: CallFilter,
  signal?: AbortSignal,
): Promise<number> {
  const page = await run(
    environment,
    ({ listCalls }) =>
      listCalls({
        fields: ["id"],
        filter,
        // By id, today's first call would be looked for among all others.
        sort: "-startedAt",
        page: { limit: 1, count: true },
      }),
    signal && { signal },
  );
  return page.count ?? 0;
}

// -- orders ---------------------------------------------------------------------------------

export function endCall(environment: Environment, callUuid: string): Promise<unknown> {
  return order(environment, (actions) => actions.endCall({ input: { callUuid } }));
}

/** Pause the agent of a call: a person has it, and the agent is silent. */
export function pauseAgent(environment: Environment, callUuid: string): Promise<unknown> {
  return order(environment, (actions) => actions.bargeCall({ input: { callUuid } }));
}

export function resumeAgent(environment: Environment, callUuid: string): Promise<unknown> {
  return order(environment, (actions) => actions.resumeAiCall({ input: { callUuid } }));
}

// -- the feed's token -----------------------------------------------------------------------

/** Mint a session token on the sign-in. Throws `SignedOut` if there is none. */
export async function mintToken(environment: Environment): Promise<MintedToken> {
  const answer = await send(`${CONSOLE}/api/${environment}/token`, { method: "POST" });
  if (answer.status === 401) throw new SignedOut("signed out");
  const said = await answer.json().catch(() => null);
  if (answer.ok && said !== null) return said;
  throw new Refused(new ApiError(said?.errors ?? [], answer).message);
}
