import { describe, expect, test } from "vitest";
import { type Focus, hear, keycap, type Press, SHORTCUTS } from "../src/keys/shortcuts";

const ON = { letters: true };

function press(key: string, focus: Focus = "page", more: Partial<Press> = {}): Press {
  return { key, focus, mod: false, shift: false, alt: false, ...more };
}

/** Press a shortcut as the table spells it, and say what was heard. */
function spell(keys: string, focus: Focus, options = ON) {
  let [pending, name]: [string, string | null] = ["", null];
  for (const key of keys === " " ? [" "] : keys.split(" ")) {
    const bare = key.replace(/^(Mod|Shift)\+/u, "");
    const held = { mod: key.startsWith("Mod+"), shift: key.startsWith("Shift+") };
    ({ pending, name } = hear(press(bare, focus, held), pending, options));
  }
  return name;
}

const KEYS = SHORTCUTS.flatMap(({ name, keys }) => keys.map((key) => [key, name] as const));

test("no two shortcuts share a key", () => {
  const keys = KEYS.map(([key]) => key);
  expect(new Set(keys).size).toBe(keys.length);
});

test("no key is the first of two and something by itself", () => {
  const firsts = KEYS.flatMap(([key]) => (key.length > 1 ? key.split(" ").slice(0, -1) : []));
  for (const first of firsts.filter(Boolean)) expect(KEYS.map(([key]) => key)).not.toContain(first);
});

describe.each(KEYS)("%s", (key, name) => {
  test("is heard in a row", () => expect(spell(key, "row")).toBe(name));
  test("is not heard in a dialog", () => expect(spell(key, "dialog")).toBeNull());
  test("is not heard in a field, but for the one with a modifier", () => {
    expect(spell(key, "field")).toBe(key.startsWith("Mod+") ? name : null);
  });
  test("is not heard with Alt", () => {
    if (key.includes(" ") || key.startsWith("Mod+")) return;
    const bare = key.replace("Shift+", "");
    const shift = bare !== key;
    expect(hear(press(bare, "row", { shift, alt: true }), "", ON).name).toBeNull();
  });
});

test.each(["Enter", " ", "ArrowDown", "Home"])(
  "%s belongs to a button that has the focus",
  (key) => {
    expect(hear(press(key, "control"), "", ON).name).toBeNull();
    expect(hear(press(key, "page"), "", ON).name).toBeNull();
  },
);

test("Shift changes nothing about a sign, and an arrow with it is no move in a table", () => {
  expect(hear(press("?", "page", { shift: true }), "", ON).name).toBe("keys");
  expect(hear(press("ArrowDown", "row", { shift: true }), "", ON).name).toBeNull();
});

test("letters can be switched off; arrows in a row and Ctrl K stay", () => {
  const off = { letters: false };
  for (const key of ["j", "e", "?", "/", "g b"]) expect(spell(key, "row", off)).toBeNull();
  expect(spell("ArrowDown", "row", off)).toBe("next");
  expect(spell(" ", "row", off)).toBe("unfold");
  expect(spell("Mod+k", "page", off)).toBe("search");
});

test("a second key that goes with no first one stands for itself", () => {
  expect(hear(press("g"), "", ON)).toEqual({ pending: "g", name: null });
  expect(hear(press("j"), "g", ON)).toEqual({ pending: "", name: "next" });
  expect(hear(press("g"), "g", ON)).toEqual({ pending: "g", name: null });
});

test("keys are spelt as they stand on the keyboard", () => {
  expect(keycap("Mod+k", { mac: true })).toBe("⌘K");
  expect(keycap("Mod+k", { mac: false })).toBe("Ctrl K");
  expect(keycap(" ", { mac: false })).toBe("Space");
  expect(keycap("Shift+ArrowLeft", { mac: false })).toBe("Shift ←");
  expect(keycap("g b", { mac: false })).toBe("g b");
});
