// What stands around every page: rail, bar, and on a phone the tabs.

import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useRef } from "react";
import { Redirect, useLocation, useSearch } from "wouter";
import type { Environment } from "../data/rpc";
import { listen } from "../keys/listener";
import { LiveProvider } from "../live/Live";
import { Banner } from "../parts/Empty";
import { Failed } from "../parts/Failed";
import { sentence } from "../parts/format";
import { signInPath } from "../session/back";
import { Card } from "../session/Card";
import { useSignedOut } from "../session/leaving";
import { readMe } from "../session/requests";
import { Session } from "../session/session";
import { Banners } from "./Banners";
import { Bar } from "./Bar";
import { Boundary } from "./Boundary";
import styles from "./Frame.module.css";
import { Rail } from "./Rail";
import { Search } from "./Search";
import { Tabs } from "./Tabs";

/** A page that asks for nothing learns so that the database is away, or a newer build is there. */
const EVERY_MS = 10_000;

interface FrameProps {
  environment: Environment;
  children: ReactNode;
}

/** Let in whoever is signed in; anybody else signs in first, and comes back here. */
export function Frame({ environment, children }: FrameProps) {
  const [path] = useLocation();
  const search = useSearch();
  const me = useQuery({
    queryKey: ["me"],
    queryFn: ({ signal }) => readMe(signal),
    refetchInterval: EVERY_MS,
  });
  const { signedOut, end } = useSignedOut(me.error);
  if (signedOut) {
    return <Redirect to={signInPath(search ? `${path}?${search}` : path)} replace />;
  }
  if (me.data !== undefined) {
    return (
      <Session value={{ me: me.data, environment }}>
        <LiveProvider environment={environment} onSignedOut={end}>
          <Framed path={path}>{children}</Framed>
        </LiveProvider>
      </Session>
    );
  }
  const why = me.error ?? me.failureReason;
  if (why === null) return null;
  const what = "Who is signed in could not be read.";
  return (
    <Card title="The console">
      {me.isError ? (
        <Failed what={what} error={why} onRetry={() => me.refetch()} />
      ) : (
        <Banner failed>
          {what} {sentence(why.message)} Trying again…
        </Banner>
      )}
    </Card>
  );
}

function Framed({ path, children }: { path: string; children: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const came = useRef(path);
  useEffect(listen, []);
  useEffect(() => {
    if (came.current === path) return;
    came.current = path;
    heading.current?.focus({ preventScroll: true });
  }, [path]);
  return (
    <div className={styles.frame}>
      <a className={styles.skip} href="#page">
        Skip to the page
      </a>
      <Rail />
      <Bar heading={heading} />
      <main id="page" className={styles.main} tabIndex={-1}>
        <Banners />
        <Boundary path={path}>{children}</Boundary>
      </main>
      <Tabs />
      <Search />
    </div>
  );
}
