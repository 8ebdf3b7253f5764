// Contacts: here the names of those whose numbers are on the line.

import { type Environment, run } from "./rpc";

/** A filter lists so many values at most. */
const MOST = 1000;

interface Party {
  direction: "inbound" | "outbound";
  fromNumber: string;
  toNumber: string;
}

/** Return the names of calls' other parties by their numbers, as far as they are contacts. */
export async function contactNames(
  environment: Environment,
  calls: readonly Party[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const numbers = new Set(
    calls
      .map((call) => (call.direction === "inbound" ? call.fromNumber : call.toNumber))
      .filter((number) => number.startsWith("+")),
  );
  if (numbers.size === 0) return new Map();
  const contacts = await run(
    environment,
    ({ listContacts }) =>
      listContacts({
        fields: ["fullName", "phoneE164"],
        filter: { phoneE164: { in: [...numbers].slice(0, MOST) } },
      }),
    signal && { signal },
  );
  return new Map(contacts.map(({ fullName, phoneE164 }) => [phoneE164 ?? "", fullName]));
}
