// The application's functions that a model may call.

import type { ServerEvents } from "../realtime.js";
import { words } from "../listeners.js";

/**
 * Runs a tool. The model gets what it returns, as JSON, or `{ error }` with the message of what
 * it throws. It may declare the arguments that it expects; the model is not bound by that.
 */
export type ToolFunction = {
  run(args: Record<string, unknown>): unknown; // only a method may expect more than `unknown`
}["run"];

export type ToolCall = ServerEvents["tool.call"];

/** Runs a call's function, if there is one, and answers with its result. */
export function runTool(
  tools: { readonly [name: string]: ToolFunction },
  call: ToolCall,
  answer: (result: unknown) => void,
): void {
  const tool = Object.hasOwn(tools, call.tool_name) ? tools[call.tool_name] : undefined;
  if (!tool) return;
  const run = async () => answer(await tool(call.tool_arguments));
  // What cannot be written as JSON fails in `answer`.
  run().catch((error: unknown) => answer({ error: words(error) }));
}
