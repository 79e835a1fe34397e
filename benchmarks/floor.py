"""The floor: the same questions asked by nothing but aiohttp, answers compared, nothing kept.

python benchmarks/floor.py URL ROWS CONCURRENCY
"""

import asyncio
import sys
from collections.abc import Iterator

import aiohttp


def question(number: int) -> str:
    """Return the input of row `number`, about 200 characters."""
    return (
        f"Q{number:06d}: read the words and reply with the code only. " + "river stone amber cloud signal garden " * 4
    )


async def ask(url: str, rows: int, concurrency: int, model: str = "fake-model") -> int:
    """Ask every row once and return how many answers came."""
    answered = 0
    numbers: Iterator[int] = iter(range(rows))

    async def work(session: aiohttp.ClientSession) -> None:
        nonlocal answered
        for number in numbers:
            body = {"model": model, "messages": [{"role": "user", "content": question(number)}]}
            async with session.post(f"{url}/chat/completions", json=body) as reply:
                answer = await reply.json()
                answered += bool(answer["choices"][0]["message"]["content"])

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(work(session) for _ in range(concurrency)))
    return answered


if __name__ == "__main__":
    print(asyncio.run(ask(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
