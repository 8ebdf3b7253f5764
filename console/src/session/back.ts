// The address to go back to after signing in.

/** The sign-in page, with the address that one came from. */
export function signInPath(from: string): string {
  return from === "/" || from === "" ? "/sign-in" : `/sign-in?to=${encodeURIComponent(from)}`;
}

/** Where to go after signing in: a page of the console, whatever the query says. */
export function backFrom(query: string): string {
  const to = new URLSearchParams(query).get("to") ?? "";
  return /^\/(live|test)\/(?!\/)/u.test(to) ? to : "/";
}
