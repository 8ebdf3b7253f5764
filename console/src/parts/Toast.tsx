// Short notices in the corner: what an action did, or why it did not.

import { Toast } from "@base-ui/react/toast";
import type { ReactNode } from "react";
import styles from "./Toast.module.css";

const toasts = Toast.createToastManager();

/** Say something in the corner for some seconds; what failed is read out at once. */
export function say(title: string, { description, failed }: Notice = {}): void {
  toasts.add({ title, description, priority: failed ? "high" : "low" });
}

interface Notice {
  description?: string;
  failed?: boolean;
}

/** Give the page its corner for notices. */
export function Toasts({ children }: { children: ReactNode }) {
  return (
    <Toast.Provider toastManager={toasts} limit={3} timeout={6000}>
      {children}
      <Toast.Portal>
        <Toast.Viewport className={styles.place}>
          <Shown />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}

function Shown() {
  return Toast.useToastManager().toasts.map((toast) => (
    <Toast.Root key={toast.id} toast={toast} className={styles.toast}>
      <Toast.Title className={styles.title} />
      <Toast.Description />
    </Toast.Root>
  ));
}
