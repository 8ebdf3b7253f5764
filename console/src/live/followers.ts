// Those who follow the events of one call, besides the table of calls.

import type { CallEvent } from "./reducer";

export interface Follower {
  event(event: CallEvent): void;
  /** Events may be missing: read the call anew. */
  anew(): void;
}

export class Followers {
  readonly #byCall = new Map<string, Set<Follower>>();

  /** Follow one call's events; return what ends that. */
  follow(uuid: string, follower: Follower): () => void {
    const followers = this.#byCall.get(uuid) ?? new Set();
    this.#byCall.set(uuid, followers.add(follower));
    return () => {
      followers.delete(follower);
      if (followers.size === 0 && this.#byCall.get(uuid) === followers) this.#byCall.delete(uuid);
    };
  }

  tell(event: CallEvent): void {
    for (const follower of [...(this.#byCall.get(event.callUuid) ?? [])]) follower.event(event);
  }

  /** Have everybody read anew. */
  anew(): void {
    for (const followers of [...this.#byCall.values()]) {
      for (const follower of [...followers]) follower.anew();
    }
  }
}
