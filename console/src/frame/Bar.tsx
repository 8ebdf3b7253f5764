import { ChevronLeft, Moon, Search as SearchIcon, Sun } from "lucide-react";
import type { RefObject } from "react";
import { Link, useLocation } from "wouter";
import type { Environment } from "../data/rpc";
import { isMac } from "../keys/KeyTable";
import { perform } from "../keys/listener";
import { keycap } from "../keys/shortcuts";
import { Button } from "../parts/Button";
import { chooseTheme, useTheme } from "../parts/theme";
import { useTitle } from "../parts/title";
import { homeOf } from "../routes";
import { useSession } from "../session/session";
import styles from "./Bar.module.css";
import { ConnectionStatus } from "./ConnectionStatus";

/** The title, the search, the connection, the environment and the theme. */
export function Bar({ heading }: { heading: RefObject<HTMLHeadingElement | null> }) {
  const { environment } = useSession();
  const title = useTitle();
  return (
    <header className={environment === "test" ? `${styles.bar} ${styles.test}` : styles.bar}>
      {title.above ? (
        <Link href={title.above.href} className={styles.above} aria-label={title.above.text}>
          <ChevronLeft aria-hidden className="only-phone" />
          <span className="not-phone">{title.above.text} /</span>
        </Link>
      ) : null}
      <h1 ref={heading} tabIndex={-1} className={styles.title}>
        {title.text}
      </h1>
      <button type="button" className={styles.find} onClick={() => perform("search")}>
        <SearchIcon aria-hidden />
        <span>Search</span>
        <span aria-hidden="true" className={styles.key}>
          {keycap("Mod+k", { mac: isMac() })}
        </span>
      </button>
      <ConnectionStatus />
      <EnvironmentSwitch />
      <ThemeButton />
    </header>
  );
}

const ENVIRONMENTS: readonly { name: Environment; label: string }[] = [
  { name: "live", label: "Live" },
  { name: "test", label: "Test" },
];

/** Live or Test: it is part of the address, so two tabs may be in two environments. */
function EnvironmentSwitch() {
  const { environment } = useSession();
  const [path, navigate] = useLocation();
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for a form; this goes somewhere
    <div role="group" aria-label="Environment" className={styles.environments}>
      {ENVIRONMENTS.map(({ name, label }) => (
        <button
          type="button"
          key={name}
          aria-pressed={name === environment}
          onClick={() => name === environment || navigate(`/${name}${homeOf(path)}`)}
        >
          {label}
        </button>
      ))}
    </div>
  );
}

function ThemeButton() {
  const theme = useTheme();
  const dark =
    theme === "dark" || (theme === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  return (
    <span className="not-phone">
      <Button
        look="icon"
        aria-label={dark ? "Light theme" : "Dark theme"}
        onClick={() => chooseTheme(dark ? "light" : "dark")}
      >
        {dark ? <Sun aria-hidden /> : <Moon aria-hidden />}
      </Button>
    </span>
  );
}
