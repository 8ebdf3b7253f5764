// Calls by a filter: page by page, and all of them up to a bound.

import type { CallFilter } from "@ringline/sdk";
import type { Call } from "../live/call";
import { callOf } from "../live/snapshot";
import { CALL_FIELDS } from "./calls";
import { type Environment, run } from "./rpc";

export interface Asked {
  filter: CallFilter;
  sort: "-startedAt" | "--endedAt";
}

const PAGE = 50;
const LARGEST_PAGE = 250;
/** So many calls one file of CSV holds at most. */
export const MOST_ROWS = 10_000;

export interface CallPage {
  calls: Call[];
  /** Where the next page begins; null after the last. */
  next: string | null;
}

/** Read a page of calls, with the names of those who are contacts. */
export async function readCallPage(
  environment: Environment,
  asked: Asked,
  { after, limit = PAGE, signal }: Partial<Pick<PageOptions, "limit">> & Omit<PageOptions, "limit">,
): Promise<CallPage> {
  const page = await listCalls(environment, asked, { after, limit, signal });
  return {
    calls: page.results.map(callOf),
    next: page.hasMore ? page.nextPage : null,
  };
}

/** Read all calls of a filter, at most `MOST_ROWS`, telling how many there are so far. */
export async function readAllCalls(
  environment: Environment,
  asked: Asked,
  { onRead, signal }: { onRead(rows: number): void; signal: AbortSignal },
) {
  type Page = Awaited<ReturnType<typeof listCalls>>;
  const rows: Page["results"][number][] = [];
  let after: string | null = null;
  do {
    const page: Page = await listCalls(environment, asked, { after, limit: LARGEST_PAGE, signal });
    rows.push(...page.results);
    onRead(rows.length);
    after = page.hasMore ? page.nextPage : null;
  } while (after !== null && rows.length < MOST_ROWS);
  return { rows, isWhole: after === null };
}

interface PageOptions {
  after: string | null;
  limit: number;
  signal: AbortSignal;
}

function listCalls(
  environment: Environment,
  { filter, sort }: Asked,
  { after, limit, signal }: PageOptions,
) {
  return run(
    environment,
    (actions) =>
      actions.listCalls({
        fields: [...CALL_FIELDS, "durationSeconds"],
        filter,
        sort,
        page: { limit, after },
      }),
    { signal },
  );
}
