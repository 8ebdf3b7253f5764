import { LogOut, UserRound } from "lucide-react";
import { Link, useLocation } from "wouter";
import { useOpenCalls } from "../live/Live";
import { Brand } from "../parts/Brand";
import { count } from "../parts/format";
import { Menu } from "../parts/Menu";
import { PAGES, type Page } from "../routes";
import { nameOf, useSession } from "../session/session";
import { useLeave } from "../session/useLeave";
import styles from "./Rail.module.css";

const GROUPS = ["Now", "Workspace"] as const;

/** The pages that there are, the workspace, and who one is. */
export function Rail() {
  const { me, environment } = useSession();
  return (
    <nav className={styles.rail} aria-label="Console">
      <Link href={`/${environment}`} className={styles.home}>
        <Brand />
      </Link>
      <p className={styles.place}>
        <span className={styles.seal} aria-hidden="true">
          {initials(me.workspace.name)}
        </span>
        <b>{me.workspace.name}</b>
      </p>
      {GROUPS.map((group) => (
        <RailGroup key={group} name={group} pages={PAGES.filter((p) => p.rail?.group === group)} />
      ))}
      <Person />
    </nav>
  );
}

function RailGroup({ name, pages }: { name: string; pages: readonly Page[] }) {
  const { environment } = useSession();
  const [path] = useLocation();
  if (pages.length === 0) return null;
  return (
    <>
      <h2 className={styles.group}>{name}</h2>
      <ul>
        {pages.map(({ path: own, title, rail }) => {
          const href = `/${environment}${own}`;
          const Icon = rail?.icon;
          return (
            <li key={own}>
              <Link
                href={href}
                className={styles.link}
                aria-current={isAt(path, href) ? "page" : undefined}
              >
                {Icon ? <Icon aria-hidden /> : null}
                {title}
                {own === "/board" ? <OnTheLine /> : null}
              </Link>
            </li>
          );
        })}
      </ul>
    </>
  );
}

/** How many calls are on the line; the link is named by its page alone. */
function OnTheLine() {
  const open = useOpenCalls();
  return open ? (
    <span aria-hidden="true" className={styles.count}>
      {count(open)}
    </span>
  ) : null;
}

function Person() {
  const { me, environment } = useSession();
  const [, navigate] = useLocation();
  const leave = useLeave();
  const name = nameOf(me.user);
  const button = (
    <button type="button" className={styles.person}>
      <span className={styles.face} aria-hidden="true">
        {initials(name)}
      </span>
      <span className={styles.name}>
        <b>{name}</b>
        <small>{me.role}</small>
      </span>
    </button>
  );
  const choices = [
    {
      label: "Profile",
      icon: <UserRound aria-hidden />,
      onChoose: () => navigate(`/${environment}/settings/profile`),
    },
    { label: "Sign out", icon: <LogOut aria-hidden />, onChoose: leave },
  ];
  return <Menu button={button} choices={choices} />;
}

/** Whether an address is a page's own, or below it. */
export function isAt(path: string, href: string): boolean {
  return path === href || path.startsWith(`${href}/`);
}

function initials(name: string): string {
  const words = name.split(/[\s@._-]+/u).filter(Boolean);
  return words
    .slice(0, 2)
    .map((word) => [...word][0]?.toUpperCase())
    .join("");
}
