// Joins what tsc made of the voice part to one module without imports: `npm run build` runs it.
// It relies on tsc's one line for each import, and on names that no two of the modules share.

import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

const dist = new URL("./dist/", import.meta.url);
const entry = new URL("voice.js", dist);
const taken = new Set();
const names = [];

/** Gives the code of a module, after that of the modules it imports. */
function code(module) {
  if (taken.has(module.href)) return "";
  taken.add(module.href);
  let before = "";
  const own = readFileSync(module, "utf8")
    .replace(/^(import|export) \{(.*)\} from "(\..+)";\n/gm, (_, kind, listed, path) => {
      before += code(new URL(path, module));
      if (kind === "export") names.push(...listed.split(",").map((name) => name.trim()));
      return "";
    })
    .replace(/^export (?=(async function|class|const|function) )/gm, "")
    .replace(/^export \{\};\n/gm, "");
  return before + own;
}

const joined = code(entry);
const left = /^(import|export)\b.*/m.exec(joined);
if (left) throw new Error(`join.js cannot join this line: ${left[0]}`);
const head = "// Made by join.js from src/voice.ts and what it imports.\n\n";
writeFileSync(entry, `${head}${joined}export { ${names.sort().join(", ")} };\n`);
const parts = new URL("voice/", dist);
for (const part of readdirSync(parts)) if (part.endsWith(".js")) rmSync(new URL(part, parts));
