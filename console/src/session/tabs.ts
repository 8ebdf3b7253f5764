// What the tabs of a browser tell each other: they share one sign-in.

import { CONSOLE } from "../base";

export type News = "signed-in" | "signed-out";

const channel = new BroadcastChannel(`ringline.session ${CONSOLE}`);

/** Tell the other tabs. */
export function tell(news: News): void {
  channel.postMessage(news);
}

/** Hear what another tab tells; returns what ends that. */
export function onNews(hear: (news: News) => void): () => void {
  const listener = (event: MessageEvent<News>) => hear(event.data);
  channel.addEventListener("message", listener);
  return () => channel.removeEventListener("message", listener);
}
