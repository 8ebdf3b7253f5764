// Times that tick by the server's clock; hover shows the moment, here and in UTC.

import { useNow } from "../live/Live";
import { clock, spell } from "./format";
import { moment } from "./zone";

/** How long ago a moment was, as a clock (`0:48`) or in words (`14 minutes`). */
export function Since({ at, words }: { at: number; words?: boolean }) {
  const passed = Math.max(0, useNow() - at);
  return (
    <time dateTime={new Date(at).toISOString()} title={moment(at)}>
      {words ? spell(passed) : clock(passed)}
    </time>
  );
}
