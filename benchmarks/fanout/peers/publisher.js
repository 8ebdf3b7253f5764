// Publishes what the driver asks for on standard input (benchmarks/fanout/contestants.py).
"use strict";

const readline = require("node:readline");

/** The text of a message: the generator's mark, then padding. */
function message(number, length) {
  const made = String(process.hrtime.bigint()).padStart(18, "0");
  return `@t=${made},n=${String(number).padStart(8, "0")};`.padEnd(length, "x");
}

/** Obey the driver: `send(topic, text)` sends a message to everybody of a topic. */
exports.obey = function obey(send) {
  const numbers = new Map();
  let order = null;
  let next = 0;

  function tick({ burst, length, topics }) {
    for (let count = 0; count < burst; count++) {
      const topic = next++ % topics;
      const number = numbers.get(topic) ?? 0;
      numbers.set(topic, number + 1);
      send(topic, message(number, length));
    }
  }

  function go(mine) {
    if (order !== mine) return;
    if (mine.rate === 0) {
      tick(mine);
      setImmediate(go, mine);
      return;
    }
    for (; mine.due <= performance.now(); mine.due += 1000 / mine.rate) tick(mine);
    setTimeout(go, Math.max(0, mine.due - performance.now()), mine);
  }

  readline.createInterface({ input: process.stdin }).on("line", (line) => {
    const [word, rate, burst, length, topics] = line.split(" ");
    order = null;
    if (word === "publish") {
      next = 0;
      order = {
        rate: Number(rate),
        burst: Number(burst),
        length: Number(length),
        topics: Number(topics),
        due: performance.now(),
      };
      setImmediate(go, order);
    }
    console.log("ok");
  }).on("close", () => process.exit(0));
};
