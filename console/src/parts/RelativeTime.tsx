// Times that tick by the server's clock; hover shows the moment, here and in UTC.

import { useNow } from "../live/Live";
import { clock, spell } from "./format";

const local = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const hours = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

/** Write a moment whole, in the viewer's zone and in UTC. */
export function moment(at: number): string {
  return `${local.format(at)}, ${new Date(at).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** Write the time of the day: `10:20`. */
export function timeOfDay(at: number): string {
  return hours.format(at);
}

/** How long ago a moment was, as a clock (`0:48`) or in words (`14 minutes`). */
export function Since({ at, words }: { at: number; words?: boolean }) {
  const passed = Math.max(0, useNow() - at);
  return (
    <time dateTime={new Date(at).toISOString()} title={moment(at)}>
      {words ? spell(passed) : clock(passed)}
    </time>
  );
}
