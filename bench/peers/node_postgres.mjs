// node-postgres' pool: LOOPS loops that each run one prepared query after the other.
//
// usage: node node_postgres.mjs HOST PORT POOL_SIZE LOOPS ROWS WARM_UP_SECONDS SECONDS
// Prints operations per second. The package `pg` is found through NODE_PATH, which
// scripts/bench sets.
import { createRequire } from "node:module";

const require = createRequire(`${process.env.NODE_PATH}/`);
const { Pool } = require("pg");

const [host, port, size, loops, rows, warmUp, seconds] = process.argv.slice(2);
const pool = new Pool({
  host, port: Number(port), user: "postgres", database: "postgres",
  min: Number(size), max: Number(size),
});
const countedFrom = performance.now() + Number(warmUp) * 1000;
const end = countedFrom + Number(seconds) * 1000;
let done = 0;

async function loop() {
  for (;;) {
    const began = performance.now();
    if (began >= end) return;
    const key = 1 + Math.floor(Math.random() * Number(rows));
    const result = await pool.query({
      name: "kv", text: "SELECT v FROM kv WHERE k = $1", values: [key],
    });
    if (result.rows.length !== 1) throw new Error("a key has no row");
    if (began >= countedFrom && performance.now() <= end) done += 1;
  }
}

await Promise.all(Array.from({ length: Number(loops) }, loop));
await pool.end();
console.log(done / Number(seconds));
