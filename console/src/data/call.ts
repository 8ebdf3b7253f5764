// One call: its row, its whole log, and its turns where the log no longer has them.

import type { LogEvent } from "@ringline/sdk";
import { CONSOLE } from "../base";
import { CALL_FIELDS, TURN_FIELDS } from "./calls";
import { ApiError, type Environment, run, send } from "./rpc";

/** Return a call by its `callUuid`, with what only its own page shows; null if there is none. */
export async function readCall(environment: Environment, callUuid: string, signal?: AbortSignal) {
  const page = await run(
    environment,
    ({ listCalls }) =>
      listCalls({
        fields: [
          ...CALL_FIELDS,
          "callSource",
          "sipUsername",
          "durationSeconds",
          "metadata",
          "recordingConsent",
          "recordingMs",
          { conversation: ["id", "publicId", "channel", "mode"] },
        ],
        filter: { callUuid: { eq: callUuid } },
        page: { limit: 1 },
      }),
    signal && { signal },
  );
  return page.results[0] ?? null;
}

export type CallRow = NonNullable<Awaited<ReturnType<typeof readCall>>>;

/** Return how loud a call's recording is over time. */
export async function readPeaks(environment: Environment, id: string, signal: AbortSignal) {
  const answer = await send(`${CONSOLE}/api/${environment}/calls/${id}/peaks`, { signal });
  if (!answer.ok) throw new ApiError([], answer);
  return new Int8Array(await answer.arrayBuffer());
}

/** A page of a call's log, and where the next one begins. */
export interface LogPage {
  events: LogEvent[];
  position: string;
  hasMore: boolean;
}

const EVENTS = 1000;

/** Return the events of a call after a position. */
export async function readEvents(
  environment: Environment,
  callUuid: string,
  after: string,
): Promise<LogPage> {
  const page = await run(environment, ({ listEvents }) =>
    listEvents({ input: { callUuid, after, limit: EVENTS } }),
  );
  // The rows of `listEvents` are those of the feed; only their types are looser.
  return { ...page, events: page.events as unknown as LogEvent[] };
}

const TURNS = 250;

/** Return all turns of a call, in the order in which they were said. */
export async function readTurns(environment: Environment, callUuid: string) {
  const turns = [];
  let after: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof turnsAfter>> = await turnsAfter(
      environment,
      callUuid,
      after,
    );
    turns.push(...page.results);
    after = page.hasMore ? page.nextPage : null;
  } while (after !== null);
  return turns;
}

function turnsAfter(environment: Environment, callUuid: string, after: string | null) {
  return run(environment, ({ listCallTranscripts }) =>
    listCallTranscripts({
      fields: TURN_FIELDS,
      filter: { callUuid: { eq: callUuid } },
      sort: "occurredAt",
      page: { limit: TURNS, after },
    }),
  );
}
