// Turns the table of actions into functions.

import { ACTIONS, type Actions } from "./generated.js";
import {
  isEnvelope,
  isFailure,
  merged,
  networkFailure,
  post,
  type TransportOptions,
} from "./transport.js";

type Config = Record<string, unknown> & TransportOptions;

/** Makes a function per action, and its `validate…`, that start from these options. */
export function createClient(options: TransportOptions = {}): Actions {
  return makeActions(() => options);
}

/** As `createClient`, with options that are asked for at each call. */
export function makeActions(defaults: () => TransportOptions): Actions {
  const functions: Record<string, (config?: Config) => Promise<unknown>> = {};
  for (const [name, action] of Object.entries(ACTIONS)) {
    functions[name] = (config = {}) => call("/rpc/public/run", action, config, defaults());
    functions[`validate${name.charAt(0).toUpperCase()}${name.slice(1)}`] = (config = {}) =>
      call("/rpc/public/validate", action, config, defaults());
  }
  return functions as unknown as Actions;
}

async function call(
  path: string,
  action: string,
  config: Config,
  defaults: TransportOptions,
): Promise<unknown> {
  const { baseUrl, headers, operatorToken, fetchOptions, customFetch, ...payload } = config;
  const own = { baseUrl, headers, operatorToken, fetchOptions, customFetch } as TransportOptions;
  if (Array.isArray(payload["sort"])) payload["sort"] = payload["sort"].join(",");
  const sent = await post(path, { action, ...payload }, merged(defaults, own));
  if (isFailure(sent)) return sent;
  return isEnvelope(sent.json) ? sent.json : networkFailure(0, "the answer is no envelope");
}
