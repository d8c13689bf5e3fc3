"""redis.asyncio and asyncpg, with a dict before them: TASKS tasks that each get.

usage: redis_asyncio.py LOOP MODE REDIS_HOST REDIS_PORT PG_HOST PG_PORT TASKS ROWS WARM_UP_SECONDS SECONDS

LOOP is asyncio (the one of Python itself) or uvloop.
MODE is
  redis  one GET of a random key, nothing else;
  l2     a dict of 1000 values, then Redis, which has every key;
  l3     the same, but Redis has none: then the table, and back to Redis. Every key is asked
         for once, in order.
Prints operations per second.
"""

import asyncio
import random
import sys
import time

import asyncpg
import redis.asyncio
import uvloop

DICT_SIZE = 1000


async def main(mode, host, port, pg_host, pg_port, tasks, rows, warm_up, seconds):
    pool = redis.asyncio.BlockingConnectionPool(host=host, port=port, max_connections=tasks)
    client = redis.asyncio.Redis(connection_pool=pool)
    database = None
    if mode == "l3":
        database = await asyncpg.create_pool(
            host=pg_host, port=pg_port, user="postgres", database="postgres", min_size=8, max_size=8
        )
    memory = {}
    counted_from = time.monotonic() + warm_up
    end = counted_from + seconds
    done = 0
    asked = 0

    def remember(key, value):
        if len(memory) >= DICT_SIZE:
            del memory[next(iter(memory))]
        memory[key] = value

    async def get(number):
        key = "kv:%d" % number
        if mode != "redis":
            value = memory.get(key)
            if value is not None:
                return value
        value = await client.get(key)
        if value is None and database is not None:
            value = await database.fetchval("SELECT v FROM kv WHERE k = $1", number)
            await client.set(key, value, ex=300)
        if mode != "redis":
            remember(key, value)
        return value

    async def task():
        nonlocal done, asked
        while True:
            began = time.monotonic()
            if began >= end:
                return
            asked += 1
            number = asked % rows + 1 if mode == "l3" else random.randint(1, rows)
            if await get(number) is None:
                raise RuntimeError("a key has no value")
            if began >= counted_from and time.monotonic() <= end:
                done += 1

    await asyncio.gather(*(task() for _ in range(tasks)))
    if mode == "l3" and asked > rows:
        raise RuntimeError("there were not enough keys")
    print(done / seconds)


if __name__ == "__main__":
    loop, mode, host, port, pg_host, pg_port, tasks, rows, warm_up, seconds = sys.argv[1:]
    if loop == "uvloop":
        uvloop.install()
    asyncio.run(
        main(mode, host, int(port), pg_host, int(pg_port), int(tasks), int(rows), float(warm_up), float(seconds))
    )
