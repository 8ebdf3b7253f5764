// Callbacks of an application, none of which can break what calls them.

type Callback<Payload> = (payload: Payload) => void;

export class Listeners<Events extends object> {
  readonly #all = new Map<PropertyKey, Set<Callback<never>>>();

  /** Calls back on an event, and returns what ends that. */
  on<Name extends keyof Events>(name: Name, callback: Callback<Events[Name]>): () => void {
    const those = this.#all.get(name) ?? new Set<Callback<never>>();
    this.#all.set(name, those.add(callback));
    return () => void those.delete(callback);
  }

  emit<Name extends keyof Events>(name: Name, payload: Events[Name]): void {
    for (const callback of [...(this.#all.get(name) ?? [])]) {
      const call = callback as Callback<Events[Name]>;
      guarded(`a callback of "${String(name)}"`, () => call(payload));
    }
  }
}

/** Runs what may throw or reject; a failure is logged. */
export function guarded(what: string, action: () => unknown): void {
  const report = (error: unknown) => console.error(`@ringline/sdk: ${what} failed:`, error);
  try {
    Promise.resolve(action()).catch(report);
  } catch (error) {
    report(error);
  }
}

/** Gives an error's message. */
export function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
