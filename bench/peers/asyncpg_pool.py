"""asyncpg's pool under uvloop: TASKS tasks that each acquire, fetch and release.

usage: asyncpg_pool.py HOST PORT POOL_SIZE TASKS ROWS WARM_UP_SECONDS SECONDS
Prints operations per second.
"""

import asyncio
import random
import sys
import time

import asyncpg
import uvloop


async def main(host, port, size, tasks, rows, warm_up, seconds):
    pool = await asyncpg.create_pool(
        host=host, port=port, user="postgres", database="postgres", min_size=size, max_size=size
    )
    counted_from = time.monotonic() + warm_up
    end = counted_from + seconds
    done = 0

    async def task():
        nonlocal done
        while True:
            began = time.monotonic()
            if began >= end:
                return
            value = await pool.fetchval("SELECT v FROM kv WHERE k = $1", random.randint(1, rows))
            if value is None:
                raise RuntimeError("a key has no row")
            if began >= counted_from and time.monotonic() <= end:
                done += 1

    await asyncio.gather(*(task() for _ in range(tasks)))
    await pool.close()
    print(done / seconds)


if __name__ == "__main__":
    uvloop.install()
    host, port, size, tasks, rows, warm_up, seconds = sys.argv[1:]
    asyncio.run(main(host, int(port), int(size), int(tasks), int(rows), float(warm_up), float(seconds)))
