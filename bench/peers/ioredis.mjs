// ioredis: LOOPS loops that each run one GET after the other on one connection, with
// automatic pipelining.
//
// usage: node ioredis.mjs HOST PORT LOOPS ROWS WARM_UP_SECONDS SECONDS
// Prints operations per second. The package `ioredis` is found through NODE_PATH, which
// scripts/bench sets.
import { createRequire } from "node:module";

const require = createRequire(`${process.env.NODE_PATH}/`);
const { Redis } = require("ioredis");

const [host, port, loops, rows, warmUp, seconds] = process.argv.slice(2);
const redis = new Redis({ host, port: Number(port), enableAutoPipelining: true });
const countedFrom = performance.now() + Number(warmUp) * 1000;
const end = countedFrom + Number(seconds) * 1000;
let done = 0;

async function loop() {
  for (;;) {
    const began = performance.now();
    if (began >= end) return;
    const key = 1 + Math.floor(Math.random() * Number(rows));
    const value = await redis.get(`kv:${key}`);
    if (value === null) throw new Error("a key has no value");
    if (began >= countedFrom && performance.now() <= end) done += 1;
  }
}

await Promise.all(Array.from({ length: Number(loops) }, loop));
await redis.quit();
console.log(done / Number(seconds));
