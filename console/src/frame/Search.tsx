// The search, the table of keys, and the keys that go to a page.

import { useState } from "react";
import { useLocation } from "wouter";
import { KeyTable } from "../keys/KeyTable";
import { useShortcut } from "../keys/listener";
import { Palette } from "../keys/Palette";
import { PAGES } from "../routes";
import { useSession } from "../session/session";
import { findCalls } from "./findCalls";

export function Search() {
  const { environment } = useSession();
  const [, navigate] = useLocation();
  const [shown, setShown] = useState<"search" | "keys" | null>(null);
  const close = () => setShown(null);
  useShortcut("search", () => setShown("search"));
  useShortcut("keys", () => setShown("keys"));
  const goTo = (path: string) =>
    PAGES.some((page) => page.path === path) ? () => navigate(`/${environment}${path}`) : null;
  useShortcut("board", goTo("/board"));
  useShortcut("calls", goTo("/calls"));
  return (
    <>
      <Palette
        open={shown === "search"}
        onClose={close}
        pages={PAGES.filter(({ rail }) => rail).map(({ path, title }) => ({
          title,
          href: `/${environment}${path}`,
        }))}
        callHref={(uuid) => `/${environment}/calls/${encodeURIComponent(uuid)}`}
        findCalls={(text, signal) => findCalls(environment, text, signal)}
      />
      <KeyTable open={shown === "keys"} onClose={close} />
    </>
  );
}
