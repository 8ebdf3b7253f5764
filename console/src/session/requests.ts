// The console's own routes: who is signed in, and how one signs in and out.

import { CONSOLE } from "../base";
import { ApiError, send } from "../data/rpc";
import { type Offer, readOffer } from "./offer";
import type { Me, Role } from "./session";

/** A browser that one is signed in with. */
export interface Device {
  readonly id: string;
  /** E.g. "Firefox on Linux". */
  readonly device: string;
  readonly createdAt: string;
  readonly lastUsedAt: string | null;
  /** Whether it is this one. */
  readonly current: boolean;
}

/** Several workspaces know the address; one has to choose. */
export class ChooseWorkspace extends Error {
  readonly workspaces: readonly { id: string; name: string }[];

  constructor(workspaces: readonly { id: string; name: string }[]) {
    super("Choose a workspace.");
    this.workspaces = workspaces;
  }
}

export async function hello(signal: AbortSignal): Promise<Offer> {
  const offer = readOffer(await ask("hello", { signal }));
  if (offer === null) throw new ApiError([], undefined);
  return offer;
}

export const readMe = (signal: AbortSignal): Promise<Me> => ask("me", { signal });

export const signInByLink = (token: string): Promise<Me> => post("sign-in/link", { token });

interface Password {
  email: string;
  password: string;
  workspaceId?: string;
}

export const signInByPassword = (given: Password): Promise<Me> => post("sign-in/password", given);

/** What an invitation offers, before it is accepted. */
export interface Invitation {
  readonly workspace: { readonly name: string };
  readonly email: string;
  readonly role: Role;
}

export const readInvitation = (token: string, signal: AbortSignal): Promise<Invitation> =>
  ask("invitations/show", { method: "POST", body: json({ token }), signal });

interface Acceptance {
  token: string;
  name: string;
  password: string;
}

export const acceptInvitation = (given: Acceptance): Promise<Me> =>
  post("invitations/accept", given);

export const signOut = (): Promise<void> => post("sign-out", {});

export const rename = (fullName: string): Promise<Me> => change({ fullName });

export const changePassword = (given: { old: string | null; new: string }): Promise<Me> =>
  change({ password: given });

export async function readDevices(signal: AbortSignal): Promise<readonly Device[]> {
  const { signIns } = await ask<{ signIns: readonly Device[] }>("me/sign-ins", { signal });
  return signIns;
}

export const endDevice = (id: string): Promise<void> =>
  ask(`me/sign-ins/${encodeURIComponent(id)}`, { method: "DELETE" });

export const endOtherDevices = (): Promise<void> => ask("me/sign-ins", { method: "DELETE" });

const change = (body: object): Promise<Me> => ask("me", { method: "PATCH", body: json(body) });

function post<Answer>(path: string, body: object): Promise<Answer> {
  return ask(path, { method: "POST", body: json(body) });
}

function json(body: object): string {
  return JSON.stringify(body);
}

async function ask<Answer>(path: string, init: RequestInit): Promise<Answer> {
  const headers: HeadersInit = init.body ? { "content-type": "application/json" } : {};
  let answer: Response;
  try {
    answer = await send(`${CONSOLE}/api/${path}`, { ...init, headers });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError([], undefined);
  }
  if (answer.status === 204) return undefined as Answer;
  const body: unknown = await answer.json().catch(() => null);
  if (answer.ok) return body as Answer;
  const { errors, workspaces } = (body ?? {}) as Refusal;
  if (answer.status === 409 && workspaces) throw new ChooseWorkspace(workspaces);
  throw new ApiError(errors ?? [], answer);
}

interface Refusal {
  errors?: ConstructorParameters<typeof ApiError>[0];
  workspaces?: ChooseWorkspace["workspaces"];
}
