// How the console is built and tested; `make console` and `make test` run it.

import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const sdk = decodeURIComponent(new URL("../sdk/js/src/index.ts", import.meta.url).pathname);

// Whichever file of styles a page loads first decides the order of the layers, so each says it.
const layers: Plugin = {
  name: "layers",
  enforce: "pre",
  transform: (code, id) =>
    /\/src\/.*\.css$/u.test(id) ? `@layer base, parts, frame, pages, last;\n${code}` : null,
};

export default defineConfig({
  base: "./", // files name each other; the server writes into the page where they are
  plugins: [layers],
  resolve: {
    alias: { "@ringline/sdk": sdk },
    dedupe: ["phoenix"], // the SDK's sources import it, and have no node_modules of their own
  },
  build: {
    target: "es2024",
    cssTarget: ["chrome130", "firefox130", "safari18"], // all have light-dark() and nesting
    outDir: "../src/ringline/web/console_dist",
    emptyOutDir: true,
    assetsInlineLimit: 0, // the Content-Security-Policy has no `data:` for fonts
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    license: { fileName: "licenses.md" },
  },
  test: {
    environment: "node",
    css: { include: [/tokens\.css/] }, // test/contrast.test.ts reads it
    include: ["test/**/*.test.ts", "test/**/*.test.tsx"],
  },
});
