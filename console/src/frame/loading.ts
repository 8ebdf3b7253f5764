// A page whose code cannot be loaded: a newer build has replaced it, or the server is away.

import { type ComponentType, type LazyExoticComponent, lazy } from "react";
import { greet } from "../data/rpc";

const EVERY_MS = 1000;

type Code = Promise<{ default: ComponentType }>;

/** Load a page's code when the page is first opened. */
export function whenOpened(load: () => Code): LazyExoticComponent<ComponentType> {
  return lazy(() => load().catch(startAgain));
}

/**
 * Load the console again, at this address and once, as soon as the server answers. Part of a build
 * is no help, and a browser may remember that a part could not be had.
 */
async function startAgain(error: unknown): Promise<never> {
  const { pathname } = location;
  if (history.state?.startedAgain) throw error;
  while (!(await greet())) await new Promise((wake) => setTimeout(wake, EVERY_MS));
  if (location.pathname !== pathname) throw error;
  history.replaceState({ ...history.state, startedAgain: true }, "");
  location.reload();
  return new Promise(() => {});
}
