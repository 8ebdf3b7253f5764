import { useCallback } from "react";
import { useLocation } from "wouter";
import { ApiError } from "../data/rpc";
import { sentence } from "../parts/format";
import { say } from "../parts/Toast";
import { leave } from "./leaving";

/** What the button "Sign out" does. */
export function useLeave(): () => void {
  const [, navigate] = useLocation();
  return useCallback(() => {
    leave().then(
      () => navigate("/sign-in"),
      (error: unknown) => {
        const description = error instanceof ApiError ? sentence(error.message) : String(error);
        say("You are still signed in", { description, failed: true });
      },
    );
  }, [navigate]);
}
