// The calls that the search finds: by their own name, and by a number of either side.

import type { CallFilter } from "@ringline/sdk";
import { type Environment, run } from "../data/rpc";
import type { Found } from "../keys/found";

const MOST = 5;

/** Find calls whose `callUuid` is the text, or whose numbers are or end in it. */
export async function findCalls(
  environment: Environment,
  text: string,
  signal: AbortSignal,
): Promise<readonly Found[]> {
  const page = await run(
    environment,
    ({ listCalls }) =>
      listCalls({
        fields: ["callUuid", "fromNumber", "toNumber", "startedAt"],
        filter: filterOf(text),
        sort: "-startedAt",
        page: { limit: MOST },
      }),
    { signal },
  );
  return page.results.map((call) => ({
    key: call.callUuid,
    label: `${call.fromNumber} → ${call.toNumber}`,
    detail: call.startedAt?.slice(0, 16).replace("T", " ") ?? "",
    to: { href: `/${environment}/calls/${encodeURIComponent(call.callUuid)}` },
  }));
}

/** What is dialled is written in many ways: its digits count. */
function filterOf(text: string): CallFilter {
  const number = /^\+?[\d\s().-]{3,}$/u.test(text) ? text.replaceAll(/[^\d+]/gu, "") : text;
  return {
    or: [
      { callUuid: { eq: text } },
      { fromNumber: { contains: number } },
      { toNumber: { contains: number } },
    ],
  };
}
