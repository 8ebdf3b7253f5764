import { expect, test } from "vitest";
import { consoleOf } from "../src/base";

test.each([
  ["https://voice.example.com/console/assets/index-1.js", "/console"],
  ["https://voice.example.com/ringline/console/assets/index-1.js", "/ringline/console"],
  ["http://localhost:7400/a/console/b/console/assets/index-1.js?v=1", "/a/console/b/console"],
])("the console is where %s is", (file, path) => {
  expect(consoleOf(file)).toBe(path);
});
