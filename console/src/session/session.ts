// Who is signed in, for everything below the frame.

import { createContext, use } from "react";
import type { Environment } from "../data/rpc";

export type Role = "owner" | "admin" | "operator" | "member";

/** The answer of `GET /console/api/me`. */
export interface Me {
  readonly user: {
    readonly id: string;
    readonly email: string;
    readonly fullName: string | null;
    readonly hasPassword: boolean;
  };
  readonly workspace: { readonly id: string; readonly name: string };
  readonly environments: readonly Environment[];
  readonly role: Role;
  /** The actions and deeds that the role may do. */
  readonly can: readonly string[];
  readonly expiresAt: string;
}

export interface SignedIn {
  readonly me: Me;
  /** The environment of the address. */
  readonly environment: Environment;
}

export const Session = createContext<SignedIn | null>(null);

export function useSession(): SignedIn {
  const session = use(Session);
  if (session === null) throw new Error("this part belongs below the frame");
  return session;
}

export function useEnvironment(): Environment {
  return useSession().environment;
}

/** What a person is called: the name, or the address where none was given. */
export function nameOf({ fullName, email }: Me["user"]): string {
  return fullName || email;
}
