// How the console is built and tested; `make console` and `make test` run it.

import { defineConfig } from "vitest/config";

const sdk = decodeURIComponent(new URL("../sdk/js/src/index.ts", import.meta.url).pathname);

export default defineConfig({
  base: "/console/",
  resolve: {
    alias: { "@ringline/sdk": sdk },
    dedupe: ["phoenix"], // the SDK's sources import it, and have no node_modules of their own
  },
  build: {
    target: "es2024",
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
