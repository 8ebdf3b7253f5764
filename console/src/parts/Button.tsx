// Buttons: one filled button a group, `people` where a person joins in, `end` where something ends.

import type { ComponentProps } from "react";
import { Link } from "wouter";
import styles from "./Button.module.css";

interface Looks {
  look?: "plain" | "main" | "people" | "end" | "icon";
  /** Smaller, for a button inside a row. */
  low?: boolean;
}

export function Button({ look, low, className, ...rest }: Looks & ComponentProps<"button">) {
  return <button type="button" className={classes(look, low, className)} {...rest} />;
}

/** A link that looks like a button: it goes somewhere, and changes nothing. */
export function ButtonLink({ look, low, href, ...rest }: Looks & { href: string } & LinkProps) {
  return <Link href={href} className={classes(look, low, undefined)} {...rest} />;
}

type LinkProps = Omit<ComponentProps<"a">, "className" | "href" | "ref">;

interface Choice<Name extends string> {
  name: Name;
  label: string;
  count?: number | undefined;
}

interface ChipsProps<Name extends string> {
  label: string;
  choices: readonly Choice<Name>[];
  chosen: Name;
  onChoose(name: Name): void;
}

/** A row of filters of which one is on. */
export function Chips<Name extends string>(props: ChipsProps<Name>) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for a form; these filter at once
    <div role="group" aria-label={props.label} className={styles.chips}>
      {props.choices.map(({ name, label, count }) => (
        <button
          type="button"
          key={name}
          className={styles.chip}
          aria-pressed={name === props.chosen}
          onClick={() => props.onChoose(name)}
        >
          {label}
          {count === undefined ? null : <span>{count}</span>}
        </button>
      ))}
    </div>
  );
}

function classes(look: Looks["look"], low: boolean | undefined, more: string | undefined): string {
  const own = look && look !== "plain" ? styles[look] : undefined;
  return [styles.button, own, low ? styles.low : undefined, more].filter(Boolean).join(" ");
}
