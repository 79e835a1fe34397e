"""What one call costs in CPU: the provider against bare aiohttp, in one run, on one fake endpoint.

    python -m benchmarks.call_cost --calls 5000 --concurrency 32

Bar: within 0.6 CPU-ms of the floor at 32 in flight. Client and server are separate processes; only the client counts.
"""

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

import aiohttp

from evalkit.protocols import ProviderContext
from evalkit.records import CallKey, Message, PredictionOutcome, Request, Sample
from evalkit.registry import Registry

Call = Callable[[int], Awaitable[None]]


async def cost_ms(call: Call, calls: int, concurrency: int) -> float:
    """Return CPU milliseconds of this process for each of `calls`, after as many to warm up."""

    async def work(numbers: range) -> None:
        left = iter(numbers)

        async def one_after_another() -> None:
            for number in left:
                await call(number)

        await asyncio.gather(*(one_after_another() for _ in range(concurrency)))

    await work(range(calls))
    began = time.process_time()
    await work(range(calls, 2 * calls))
    return (time.process_time() - began) / calls * 1000


async def measure_floor(url: str, calls: int, concurrency: int) -> float:
    """Return what bare aiohttp needs for a call, its JSON read."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def call(number: int) -> None:
            body = {"model": "m", "messages": [{"role": "user", "content": f"question {number}"}]}
            async with session.post(f"{url}/chat/completions", json=body) as reply:
                await reply.json()

        return await cost_ms(call, calls, concurrency)


async def measure_provider(url: str, calls: int, concurrency: int) -> float:
    """Return what the provider needs for a call, from Request to Prediction."""
    provider = Registry("evalkit.providers").build("openai", {"base_url": url})
    sample = Sample(id="s", input="question")
    async with provider.open(ProviderContext()) as model:

        async def call(number: int) -> None:
            messages = (Message("user", f"question {number}"),)
            prediction = await model.predict(Request("m", messages, {}, sample, CallKey("r", "s")))
            if prediction.outcome is not PredictionOutcome.OK:
                raise RuntimeError(prediction.failure)

        return await cost_ms(call, calls, concurrency)


async def compare(url: str, calls: int, concurrency: int) -> None:
    """Print both figures and their ratio."""
    floor = await measure_floor(url, calls, concurrency)
    ours = await measure_provider(url, calls, concurrency)
    print(f"bare aiohttp {floor:.3f} CPU-ms a call, provider {ours:.3f}: {ours - floor:+.3f}, x{ours / floor:.1f}")


def main() -> None:
    """Start the endpoint, compare, stop it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--calls", type=int, default=5000)
    parser.add_argument("--concurrency", type=int, default=32)
    options = parser.parse_args()
    with subprocess.Popen([sys.executable, "-m", "tests.fake_endpoint"], stdout=subprocess.PIPE) as server:
        try:
            url = server.stdout.readline().decode().strip()
            asyncio.run(compare(url, options.calls, options.concurrency))
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
