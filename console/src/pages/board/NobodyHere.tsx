import { useEnded } from "../../live/Live";
import { Empty } from "../../parts/Empty";
import { Since } from "../../parts/RelativeTime";
import type { Filter } from "./summary";

const NONE: Readonly<Record<Exclude<Filter, "all">, string>> = {
  agent: "No agent is on a call.",
  person: "No person of the team is on a call.",
  worth: "No call needs a look.",
};

/** What stands where the calls would. */
export function NobodyHere({ filter }: { filter: Filter }) {
  return filter === "all" ? <NobodyOnTheLine /> : <Empty title={NONE[filter]} />;
}

function NobodyOnTheLine() {
  const last = useEnded()[0]?.endedAt ?? null;
  return (
    <Empty title="Nobody is on the line.">
      {last === null ? (
        "A call to one of your agents is here as soon as it rings."
      ) : (
        <>
          The last call ended <Since at={last} words /> ago.
        </>
      )}
    </Empty>
  );
}
