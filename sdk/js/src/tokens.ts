// The token that connections and requests present. The application's backend mints it and it
// ends by itself, so it is minted anew before it expires and after a refusal.

/** What the server's mint answers. Without a lifetime the token serves once. */
export interface MintedToken {
  token: string;
  ttl_seconds?: number;
  expires_at?: string;
}

/** Asks the application's own backend for a new token. */
export type TokenSource = () =>
  | string
  | MintedToken
  | Promise<string | MintedToken>;

/** The part of a token's life after which it is renewed; drawn, so that clients spread out. */
const RENEWED_AFTER = { least: 0.7, most: 0.85 };
const LEAST_WAIT_MS = 1000;
const LONGEST_RETRY_MS = 60_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A token in milliseconds of this machine's clock; `expiresAt` 0: it serves once. */
interface Held {
  token: string;
  mintedAt: number;
  expiresAt: number;
}

export class Tokens {
  readonly #source: TokenSource;
  readonly #limitMs: number;
  readonly #name: string;
  #held: Held | undefined;
  #minting: Promise<string> | undefined;
  #failing = false;

  /** Each answer of `source`, the option `name`, is waited for `limitMs` at most. */
  constructor(source: TokenSource, limitMs: number, name: string) {
    this.#source = source;
    this.#limitMs = limitMs;
    this.#name = name;
  }

  /** Gives the token that is held if it still lives, else a new one; rejects with a sentence. */
  async current(): Promise<string> {
    if (this.#held && Date.now() < this.#held.expiresAt) return this.#held.token;
    return this.#mint();
  }

  /** Forgets a token that opened nothing: to a browser a refusal looks like a dead network. */
  refuse(token: string | undefined): void {
    if (this.#held?.token === token) this.#held = undefined;
  }

  /** Renews the token before it expires; gives what ends that. */
  keep(): () => void {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let resting = false;
    const renewIn = (delayMs: number, retryMs: number) => {
      timer = setTimeout(
        async () => {
          // A failure is told to nobody: the connection stands, and the next one mints again.
          const renewed = await this.#mint().then(
            () => true,
            () => false,
          );
          if (resting) return;
          if (!renewed) renewIn(retryMs, Math.min(retryMs * 2, LONGEST_RETRY_MS));
          else if (this.#held?.expiresAt) renewIn(due(this.#held), LEAST_WAIT_MS);
        },
        Math.min(Math.max(delayMs, LEAST_WAIT_MS), LONGEST_TIMER_MS),
      );
    };
    if (this.#held?.expiresAt) renewIn(due(this.#held), LEAST_WAIT_MS);
    return () => {
      resting = true;
      clearTimeout(timer);
    };
  }

  #mint(): Promise<string> {
    this.#minting ??= this.#ask().finally(() => (this.#minting = undefined));
    return this.#minting;
  }

  async #ask(): Promise<string> {
    const mintedAt = Date.now();
    try {
      const minted = this.#read(await this.#answer());
      this.#held = { token: minted.token, mintedAt, expiresAt: expiry(minted, mintedAt) };
      this.#failing = false;
      return minted.token;
    } catch (error) {
      // Browsers log a connection that fails, but nobody logs this; once for each outage.
      if (!this.#failing) console.warn(`@ringline/sdk: ${String(error)}; trying again`);
      this.#failing = true;
      throw error;
    }
  }

  async #answer(): Promise<unknown> {
    let limit: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      const words = `${this.#name} gave nothing within ${this.#limitMs} ms`;
      limit = setTimeout(() => reject(new Error(words)), this.#limitMs);
    });
    try {
      return await Promise.race([this.#asked(), late]);
    } finally {
      clearTimeout(limit);
    }
  }

  async #asked(): Promise<unknown> {
    try {
      return await this.#source();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`${this.#name} failed: ${why}`, { cause: error });
    }
  }

  #read(answer: unknown): MintedToken {
    const minted = typeof answer === "string" ? { token: answer } : answer;
    if (typeof minted === "object" && minted !== null && "token" in minted) {
      if (typeof minted.token === "string" && minted.token !== "") return minted as MintedToken;
    }
    throw new Error(`${this.#name} gave no token: it returns a text or { token, ttl_seconds }`);
  }
}

// The lifetime counts before the moment: this machine's clock may be wrong. By a clock that is
// far ahead every token is dead on arrival, and then nothing is known of when it ends.
function expiry({ ttl_seconds, expires_at }: MintedToken, mintedAt: number): number {
  const told = typeof ttl_seconds === "number" ? mintedAt + ttl_seconds * 1000 : 0;
  const expiresAt = told || Date.parse(expires_at ?? "");
  return expiresAt > mintedAt ? expiresAt : 0;
}

function due({ mintedAt, expiresAt }: Held): number {
  const { least, most } = RENEWED_AFTER;
  const part = least + Math.random() * (most - least);
  return mintedAt + (expiresAt - mintedAt) * part - Date.now();
}
