// What the server offers to a person who wants to sign in.

/** The answer of `GET /console/api/hello`. */
export interface Offer {
  readonly version: string;
  readonly signIn: readonly string[];
  readonly insecure: boolean;
}

/** Read the answer of `hello`; null if it is none, as where the console is switched off. */
export function readOffer(answer: unknown): Offer | null {
  if (typeof answer !== "object" || answer === null) return null;
  const { version, signIn, insecure } = answer as Record<string, unknown>;
  if (typeof version !== "string" || !Array.isArray(signIn)) return null;
  const ways = signIn.filter((way): way is string => typeof way === "string");
  return { version, signIn: ways, insecure: insecure === true };
}
