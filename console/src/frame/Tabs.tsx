import { Ellipsis, LogOut, Moon, Search, UserRound } from "lucide-react";
import { Link, useLocation } from "wouter";
import { perform } from "../keys/listener";
import { Menu } from "../parts/Menu";
import { chooseTheme, useTheme } from "../parts/theme";
import { PAGES } from "../routes";
import { useSession } from "../session/session";
import { useLeave } from "../session/useLeave";
import styles from "./Frame.module.css";
import { isAt } from "./Rail";

/** The rail of a phone. */
export function Tabs() {
  const { environment } = useSession();
  const [path, navigate] = useLocation();
  const theme = useTheme();
  const leave = useLeave();
  const more = (
    <button type="button">
      <Ellipsis aria-hidden />
      More
    </button>
  );
  const choices = [
    { label: "Search", icon: <Search aria-hidden />, onChoose: () => void perform("search") },
    {
      label: "Profile",
      icon: <UserRound aria-hidden />,
      onChoose: () => navigate(`/${environment}/settings/profile`),
    },
    {
      label: theme === "dark" ? "Light theme" : "Dark theme",
      icon: <Moon aria-hidden />,
      onChoose: () => chooseTheme(theme === "dark" ? "light" : "dark"),
    },
    { label: "Sign out", icon: <LogOut aria-hidden />, onChoose: leave },
  ];
  return (
    <nav className={styles.tabs} aria-label="Pages">
      {PAGES.filter(({ rail }) => rail?.group === "Now").map(({ path: own, title, rail }) => {
        const href = `/${environment}${own}`;
        const Icon = rail?.icon;
        return (
          <Link key={own} href={href} aria-current={isAt(path, href) ? "page" : undefined}>
            {Icon ? <Icon aria-hidden /> : null}
            {title}
          </Link>
        );
      })}
      <Menu button={more} choices={choices} />
    </nav>
  );
}
