// What stands behind `#` in a link for signing in: a secret that reaches no log and no proxy. It
// leaves the address before it is sent, so it stays in no history and no bookmark either.

import { useEffect, useState } from "react";

/** Take the fragment out of the address; null if there is none. */
function take(): string | null {
  const fragment = location.hash.slice(1);
  if (fragment === "") return null;
  history.replaceState(history.state, "", location.pathname + location.search);
  return fragment;
}

/** The secret of the link that led here; a link that is pasted later counts too. */
export function useFragment(): string | null {
  const [fragment, setFragment] = useState(take);
  useEffect(() => {
    const look = () => setFragment((before) => take() ?? before);
    addEventListener("hashchange", look);
    return () => removeEventListener("hashchange", look);
  }, []);
  return fragment;
}
