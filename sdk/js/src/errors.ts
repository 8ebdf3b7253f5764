import type { RpcError } from "./types.js";

/** Fills the placeholders `%{…}` of an error's message from its `vars`. */
export function interpolate(error: Pick<RpcError, "message" | "vars">): string {
  return error.message.replace(/%\{(\w+)\}/g, (placeholder, name: string) =>
    name in error.vars ? shown(error.vars[name]) : placeholder,
  );
}

function shown(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
