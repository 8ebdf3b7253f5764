// Dialogs. Focus moves in, stays in, and goes back to where it was; Escape closes.

import { AlertDialog } from "@base-ui/react/alert-dialog";
import { Dialog as Base } from "@base-ui/react/dialog";
import { X } from "lucide-react";
import type { ReactNode, RefObject } from "react";
import { Button } from "./Button";
import styles from "./Dialog.module.css";

interface DialogProps {
  open: boolean;
  onClose(): void;
  title: string;
  /** Name the dialog by its title without showing that. */
  untitled?: boolean;
  wide?: boolean;
  /** What has the focus first; else the first thing that can. */
  first?: RefObject<HTMLElement | null>;
  children: ReactNode;
}

export function Dialog(props: DialogProps) {
  const { open, onClose, title, untitled, wide, first, children } = props;
  const shape = [styles.popup, wide && styles.wide, untitled && styles.bare];
  return (
    <Base.Root open={open} onOpenChange={(next) => next || onClose()}>
      <Base.Portal>
        <Base.Backdrop className={styles.shade} />
        <Base.Popup className={shape.filter(Boolean).join(" ")} initialFocus={first ?? true}>
          <Base.Title className={untitled ? "visually-hidden" : styles.title}>{title}</Base.Title>
          {children}
          <Base.Close className={styles.close} aria-label="Close">
            <X aria-hidden />
          </Base.Close>
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

interface ConfirmProps {
  open: boolean;
  onClose(): void;
  /** The question: "End this call?" */
  title: string;
  /** What it means for those on the call. */
  children: ReactNode;
  /** The verb of the button that does it. */
  verb: string;
  onConfirm(): void;
  look?: "main" | "end";
}

/** Ask before something that cannot be taken back. */
export function Confirm(props: ConfirmProps) {
  return (
    <AlertDialog.Root open={props.open} onOpenChange={(next) => next || props.onClose()}>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className={styles.shade} />
        <AlertDialog.Popup className={styles.popup}>
          <AlertDialog.Title className={styles.title}>{props.title}</AlertDialog.Title>
          <AlertDialog.Description className={styles.text}>
            {props.children}
          </AlertDialog.Description>
          <div className={styles.buttons}>
            <AlertDialog.Close render={<Button />}>Cancel</AlertDialog.Close>
            <Button
              look={props.look ?? "main"}
              onClick={() => {
                props.onConfirm();
                props.onClose();
              }}
            >
              {props.verb}
            </Button>
          </div>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
