"""asyncpg's pool under uvloop: TASKS tasks that each acquire, fetch and release.

usage: asyncpg_pool.py HOST PORT POOL_SIZE TASKS SECONDS
Prints operations per second.
"""

import asyncio
import random
import sys
import time

import asyncpg
import uvloop


async def main(host, port, size, tasks, seconds):
    pool = await asyncpg.create_pool(
        host=host, port=port, user="postgres", database="postgres", min_size=size, max_size=size
    )
    start = time.monotonic()
    counted_from = start + seconds / 10
    end = counted_from + seconds
    done = 0

    async def task():
        nonlocal done
        while True:
            began = time.monotonic()
            if began >= end:
                return
            value = await pool.fetchval("SELECT v FROM kv WHERE k = $1", random.randint(1, 100_000))
            assert value is not None
            if began >= counted_from and time.monotonic() <= end:
                done += 1

    await asyncio.gather(*(task() for _ in range(tasks)))
    await pool.close()
    print(done / seconds)


if __name__ == "__main__":
    uvloop.install()
    host, port, size, tasks, seconds = sys.argv[1:]
    asyncio.run(main(host, int(port), int(size), int(tasks), float(seconds)))
