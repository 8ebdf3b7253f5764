import { useEffect, useState } from "react";
import { type Offer, readOffer } from "./offer";

/** The page at `/console/sign-in`: what this server offers. */
export function SignIn() {
  const [offer, setOffer] = useState<Offer | null | undefined>(undefined);
  useEffect(() => {
    const stop = new AbortController();
    fetch("/console/api/hello", { signal: stop.signal })
      .then((answer) => answer.json())
      .then((answer) => setOffer(readOffer(answer)))
      .catch(() => stop.signal.aborted || setOffer(null));
    return () => stop.abort();
  }, []);
  return (
    <main>
      <h1>Ringline</h1>
      {offer === undefined && <p>Connecting …</p>}
      {offer === null && <p>This server offers no sign-in.</p>}
      {offer && <p>Ask the server for a link: ringline console --email you@example.com</p>}
    </main>
  );
}
