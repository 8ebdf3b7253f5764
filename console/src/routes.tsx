// The pages of the console: one table for the rail, the phone's tabs, the palette and the router.

import { type LucideIcon, Phone, SquareActivity, UserRound } from "lucide-react";
import type { ComponentType } from "react";
import { whenOpened } from "./frame/loading";

export interface Page {
  /** Below the environment; a page with a parameter is reached from another page. */
  path: string;
  title: string;
  /** Its place in the rail, and in the tabs if it is about now. */
  rail?: { group: "Now" | "Workspace"; icon: LucideIcon };
  page: ComponentType;
}

export const PAGES: readonly [Page, ...Page[]] = [
  {
    path: "/board",
    title: "Board",
    rail: { group: "Now", icon: SquareActivity },
    page: whenOpened(() => import("./pages/board/Board")),
  },
  {
    path: "/calls",
    title: "Calls",
    rail: { group: "Now", icon: Phone },
    page: whenOpened(() => import("./pages/calls/Calls")),
  },
  {
    path: "/calls/:uuid",
    title: "Call",
    page: whenOpened(() => import("./pages/call/Call")),
  },
  {
    path: "/settings/profile",
    title: "Profile",
    rail: { group: "Workspace", icon: UserRound },
    page: whenOpened(() => import("./pages/profile/Profile")),
  },
];

/** Where one begins. */
export const FIRST = PAGES[0];

/** The path of the page of the rail that an address belongs to: what both environments have. */
export function homeOf(address: string): string {
  const path = address.replace(/^\/(live|test)/u, "");
  const isBelow = (page: Page) => path === page.path || path.startsWith(`${page.path}/`);
  return (PAGES.find((page) => page.rail && isBelow(page)) ?? FIRST).path;
}
