import { useMutation, useQueryClient } from "@tanstack/react-query";
import { say } from "../../parts/Toast";
import type { Me } from "../../session/session";

/** Change something about oneself, and say that it was done. */
export function useChange<Given>(send: (given: Given) => Promise<Me>, done: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: send,
    onSuccess: async (me) => {
      await queries.cancelQueries({ queryKey: ["me"] }); // it may answer what was before
      queries.setQueryData(["me"], me);
      say(done);
    },
  });
}
