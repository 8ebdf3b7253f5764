import { Suspense } from "react";
import { Redirect, Route, Switch } from "wouter";
import type { Environment } from "./data/rpc";
import { Frame } from "./frame/Frame";
import { Empty, Skeleton } from "./parts/Empty";
import { usePageTitle } from "./parts/title";
import { FIRST, PAGES } from "./routes";
import { Join } from "./session/Join";
import { SignIn } from "./session/SignIn";

const ENVIRONMENTS: readonly Environment[] = ["live", "test"];

/** What each address shows. */
export function App() {
  return (
    <Switch>
      <Route path="/sign-in" component={SignIn} />
      <Route path="/join" component={Join} />
      {ENVIRONMENTS.map((environment) => (
        <Route key={environment} path={`/${environment}/*?`}>
          <Frame environment={environment}>
            <Suspense fallback={<Skeleton rows={8} height={56} />}>
              <Pages environment={environment} />
            </Suspense>
          </Frame>
        </Route>
      ))}
      <Route>
        <Redirect to={`/live${FIRST.path}`} replace />
      </Route>
    </Switch>
  );
}

function Pages({ environment }: { environment: Environment }) {
  return (
    <Switch>
      <Route path={`/${environment}`}>
        <Redirect to={`/${environment}${FIRST.path}`} replace />
      </Route>
      {PAGES.map(({ path, page }) => (
        <Route key={path} path={`/${environment}${path}`} component={page} />
      ))}
      <Route>
        <NoSuchPage />
      </Route>
    </Switch>
  );
}

function NoSuchPage() {
  usePageTitle("No such page");
  return <Empty title="There is no page at this address.">The search finds the pages.</Empty>;
}
