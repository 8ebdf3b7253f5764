// The calls that the search finds: by their own ids, by a number of either side, and by the name of
// a contact.

import type { CallFilter } from "@ringline/sdk";
import { readCallPage } from "../data/callList";
import { longId } from "../data/ids";
import { type Environment, run } from "../data/rpc";
import type { Found } from "../keys/found";
import { answererName, type Call, callerName } from "../live/call";
import { TIMES, zone } from "../parts/zone";

const MOST = 5;

/** Find the newest calls with an id, a number or a contact like the text. */
export async function findCalls(
  environment: Environment,
  text: string,
  signal: AbortSignal,
): Promise<readonly Found[]> {
  const found = await Promise.all([
    read(environment, likeText(text), signal),
    ofContacts(environment, text, signal),
  ]);
  const calls = new Map(found.flat().map((call) => [call.uuid, call]));
  return [...calls.values()]
    .sort((one, other) => (other.startedAt ?? 0) - (one.startedAt ?? 0))
    .slice(0, MOST)
    .map((call) => ({
      key: call.uuid,
      label: `${callerName(call)} → ${answererName(call)}`,
      detail: call.startedAt === null ? "" : TIMES[zone()].short(call.startedAt),
      to: { href: `/${environment}/calls/${encodeURIComponent(call.uuid)}` },
    }));
}

async function read(environment: Environment, filter: CallFilter, signal: AbortSignal) {
  const asked = { filter, sort: "-startedAt" } as const;
  const page = await readCallPage(environment, asked, { after: null, limit: MOST, signal });
  return page.calls;
}

/** Read calls by their contacts' numbers, which an index answers. */
async function ofContacts(
  environment: Environment,
  text: string,
  signal: AbortSignal,
): Promise<readonly Call[]> {
  if (!/\p{L}/u.test(text)) return [];
  const { results } = await run(
    environment,
    ({ listContacts }) =>
      listContacts({
        fields: ["phoneE164"],
        filter: {
          or: [text, capitalised(text)].map((name) => ({ fullName: { contains: name } })),
          phoneE164: { isNil: false },
        },
        page: { limit: MOST },
      }),
    { signal },
  );
  const numbers = results.flatMap(({ phoneE164 }) => (phoneE164 === null ? [] : [phoneE164]));
  if (numbers.length === 0) return [];
  const either = [{ fromNumber: { in: numbers } }, { toNumber: { in: numbers } }];
  return read(environment, { or: either }, signal);
}

/** Names are compared as they are written, and one rarely types them so. */
export function capitalised(text: string): string {
  return text.replaceAll(/(?<!\p{L})\p{L}/gu, (letter) => letter.toUpperCase());
}

/** Ask for the calls whose ids are the text, or whose numbers have it in them. */
export function likeText(text: string): CallFilter {
  const id = longId("call", text);
  if (id !== null) return { id: { eq: id } };
  // What is dialled is written in many ways: its digits count.
  const number = /^\+?[\d\s().-]{3,}$/u.test(text) ? text.replaceAll(/[^\d+]/gu, "") : text;
  return {
    or: [
      { callUuid: { eq: text } },
      { fromNumber: { contains: number } },
      { toNumber: { contains: number } },
    ],
  };
}
