// node-postgres' pool: LOOPS loops that each run one prepared query after the other.
//
// usage: node node_postgres.mjs HOST PORT POOL_SIZE LOOPS SECONDS
// Prints operations per second. The package `pg` is found through NODE_PATH.
import { createRequire } from "node:module";

const require = createRequire(`${process.env.NODE_PATH}/`);
const { Pool } = require("pg");

const [host, port, size, loops, seconds] = process.argv.slice(2);
const pool = new Pool({
  host, port: Number(port), user: "postgres", database: "postgres", max: Number(size),
});
const start = performance.now();
const countedFrom = start + Number(seconds) * 100;
const end = countedFrom + Number(seconds) * 1000;
let done = 0;

async function loop() {
  for (;;) {
    const began = performance.now();
    if (began >= end) return;
    const key = 1 + Math.floor(Math.random() * 100000);
    const result = await pool.query({
      name: "kv", text: "SELECT v FROM kv WHERE k = $1", values: [key],
    });
    if (result.rows.length !== 1) throw new Error("a query of the peer failed");
    if (began >= countedFrom && performance.now() <= end) done += 1;
  }
}

await Promise.all(Array.from({ length: Number(loops) }, loop));
await pool.end();
console.log(done / Number(seconds));
