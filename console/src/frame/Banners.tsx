// What concerns every page: a newer build of the console, and a database that is away.

import { useEffect, useState } from "react";
import { observe } from "../data/rpc";
import { Button } from "../parts/Button";
import { Banner } from "../parts/Empty";
import styles from "./Frame.module.css";

/** The build that this page was loaded from; `tools/console.py` names it. */
const BUILD: string = import.meta.env.VITE_BUILD ?? "";

export function Banners() {
  const newer = useNewerBuild();
  const away = useDatabaseAway();
  return (
    <div className={styles.banners}>
      {away ? <Banner failed>The database is away. Calls go on; changes must wait.</Banner> : null}
      {newer ? (
        <Banner>
          A newer console is ready.
          <Button low onClick={() => location.reload()}>
            Reload
          </Button>
        </Banner>
      ) : null}
    </div>
  );
}

/** Whether the server has another build by now. */
function useNewerBuild(): boolean {
  const [newer, setNewer] = useState(false);
  useEffect(
    () =>
      observe(({ headers }) => {
        const build = headers.get("x-ringline-build");
        if (build && BUILD && build !== BUILD) setNewer(true);
      }),
    [],
  );
  return newer;
}

/** Whether the last answer that knows said that the database is away. */
function useDatabaseAway(): boolean {
  const [away, setAway] = useState(false);
  useEffect(() => observe(({ status }) => setAway(status === 503)), []);
  return away;
}
