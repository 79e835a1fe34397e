"""Prints the bars that are named, or all: `python -m benchmarks [engine gate history ...]`; BARS lists them."""

import json
import math
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.floor import question
from benchmarks.processes import ROOT, Cost, Endpoint, endpoint, run_process

CONFIG = {
    "name": "bench",
    "weave": {"backend": "off"},
    "providers": {"fake": {"use": "openai"}},
    "models": [{"id": "fake-model", "provider": "fake"}],
    "datasets": {"rows": {"path": "rows.jsonl"}},
    "scorers": {"exact": {"use": "exact"}},
    "report": {"html": True},
}

NO_PAGES = {"html": False, "markdown": False, "parquet": False}


def evalkit(server: Endpoint, rows: int, concurrency: int, folder: Path, **changes: object) -> Cost:
    """Run evalkit over `rows` questions with everything on but Weave."""
    lines = (json.dumps({"id": f"Q{n:06d}", "input": question(n), "target": "x"}) for n in range(rows))
    (folder / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
    throttle = {"max_concurrency": concurrency, "start_concurrency": concurrency}
    config = CONFIG | {"providers": {"fake": {"use": "openai", "base_url": server.url}}, "throttle": throttle} | changes
    (folder / "config.yaml").write_text(json.dumps(config), encoding="utf-8")
    command = [sys.executable, "-m", "evalkit", "run", "config.yaml", "--fresh"]
    return run_process(command, cwd=folder, env={"PYTHONPATH": str(ROOT)})


def floor(server: Endpoint, rows: int, concurrency: int) -> Cost:
    """Run the bare loop over the same questions."""
    return run_process([sys.executable, "benchmarks/floor.py", server.url, str(rows), str(concurrency)])


def per_row(run: Callable[[int], Cost], few: int, many: int) -> float:
    """Return CPU milliseconds a row between `few` and `many` rows: what start-up costs falls out. Median of three."""
    return statistics.median((run(many).cpu_s - run(few).cpu_s) / (many - few) * 1000 for _ in range(3))


def bar_engine(server: Endpoint, folder: Path) -> None:
    """Engine CPU a row over the floor's, no latency, C=32; and at C=512 over C=32."""
    server.reset(latency_s=0.0)
    ours = per_row(lambda rows: evalkit(server, rows, 32, folder), 1000, 5000)
    theirs = per_row(lambda rows: floor(server, rows, 32), 1000, 5000)
    wide = per_row(lambda rows: evalkit(server, rows, 512, folder), 1000, 5000)
    over = ours - theirs
    print(f"CPU a row, C=32: evalkit {ours:.2f} ms, floor {theirs:.2f} ms, over it {over:.2f} ms (bar 1.5, aim 1.0)")
    print(f"CPU a row at C=512 over C=32: {wide / ours:.2f} (bar 1.2)")


def bar_efficiency(server: Endpoint, folder: Path) -> None:
    """Busy and whole-run efficiency at 200 ms."""
    for concurrency, rows, bar in ((32, 1000, 0.95), (128, 5000, 0.90), (512, 20000, 0.60)):
        ideal = math.ceil(rows / concurrency) * 0.2
        runs: list[tuple[float, float]] = []
        for run in (lambda r, c: evalkit(server, r, c, folder), lambda r, c: floor(server, r, c)):
            server.reset(latency_s=0.2)
            cost = run(rows, concurrency)
            runs.append((ideal / server.stats()["busy_s"], ideal / cost.wall_s))
        (busy, whole), (floor_busy, _) = runs
        figures = f"{busy:.2f}, floor {floor_busy:.2f} (bar {bar:.2f}); whole run {whole:.2f}"
        print(f"busy efficiency, C={concurrency}, N={rows}: {figures}")


def bar_memory(server: Endpoint, folder: Path) -> None:
    """Peak memory at N=5000 and its growth; disk a row."""
    server.reset(latency_s=0.0)
    small, engine = (evalkit(server, rows, 32, folder, report=NO_PAGES) for rows in (1000, 5000))
    growth = (engine.peak_mib - small.peak_mib) / 4000 * 1024
    print(f"peak memory at N=5000: {engine.peak_mib:.0f} MiB (bar 100), growth {growth:.1f} KiB a row (bar 2.5)")
    large = evalkit(server, 5000, 32, folder)
    print(f"the largest process with its pages (made by a process of their own): {large.peak_mib:.0f} MiB")
    run_folder = folder / large.stdout.strip().splitlines()[-1]
    for path in sorted(run_folder.iterdir()):
        print(f"  {path.name}: {path.stat().st_size / 5000:.0f} B a row")


def bar_startup(_: Endpoint, __: Path) -> None:
    """CPU of `evalkit --help`."""
    costs = [run_process([sys.executable, "-m", "evalkit", "--help"]).cpu_s for _ in range(5)]
    bare = [run_process([sys.executable, "-c", "import click"]).cpu_s for _ in range(5)]
    print(f"evalkit --help: {statistics.median(costs):.2f} CPU s (bar 0.15), click alone {statistics.median(bare):.2f}")


def bar_first_request(server: Endpoint, folder: Path) -> None:
    """CPU of a whole run of one row."""
    server.reset(latency_s=0.0)
    costs = [evalkit(server, 1, 1, folder, report=NO_PAGES).cpu_s for _ in range(3)]
    print(f"a run of one row without pages: {statistics.median(costs):.2f} CPU s (bar for the first request 1.2)")


def bar_limit(server: Endpoint, folder: Path) -> None:
    """The adaptive limit against a server that takes five."""
    server.reset(latency_s=0.2, max_concurrency=5)
    throttle = {"max_concurrency": 32}
    cost = evalkit(server, 200, 32, folder, throttle=throttle)
    run = json.loads((folder / cost.stdout.strip().splitlines()[-1] / "run.json").read_text(encoding="utf-8"))
    statuses = server.stats()["statuses"]
    refused = statuses.get("429", 0) / sum(statuses.values())
    print(f"server limit 5, 200 rows: {refused:.1%} answered 429 (bar 5%), settled at {run['throttle']['settled']}")
    server.reset(max_concurrency=0)


def bar_rate(server: Endpoint, folder: Path) -> None:
    """Starts per second."""
    server.reset(latency_s=0.01)
    for rate, rows in ((0.5, 12), (2.5, 25), (50, 300), (500, 2000)):
        server.reset()
        throttle = {"max_concurrency": 64, "requests_per_second": rate, "adaptive": False}
        evalkit(server, rows, 64, folder, throttle=throttle)
        got = (rows - math.ceil(rate * 0.1)) / server.stats()["busy_s"]
        print(f"requests_per_second {rate}: {got:.2f} ({got / rate - 1:+.1%}, bar 5%)")


def bar_three(server: Endpoint, folder: Path) -> None:
    """Three models on one endpoint share one limit."""
    server.reset(latency_s=0.2)
    models = [{"id": f"m{n}", "provider": "fake"} for n in range(3)]
    evalkit(server, 1000, 32, folder, models=models)
    stats, ideal = server.stats(), math.ceil(3000 / 32) * 0.2
    busy = stats["busy_s"] / ideal
    print(f"three models, C=32: peak {stats['peak']} in flight (bar 32), busy {busy:.2f} of the ideal (bar 1.15)")


def bar_faults(server: Endpoint, folder: Path) -> None:
    """Wall time with faults on first attempts over the fault-free run's; 3,000 rows at 0.5 s, C=32."""
    faults = {"429": 0.3, "500": 0.1, "malformed": 0.1, "reset": 0.1}
    server.reset(latency_s=0.5, faults={}, fault_at={})
    quiet = evalkit(server, 3000, 32, folder).wall_s
    for adaptive, bar in ((False, f"{1.5 * quiet + 15:.0f} s"), (True, f"{3 * quiet:.0f} s")):
        server.reset(faults=faults, fault_attempts=1, fault_at={1000: "hang"}, retry_after="1")
        throttle = {"max_concurrency": 32, "adaptive": adaptive}
        provider = {"use": "openai", "base_url": server.url, "timeout": "5s"}
        cost = evalkit(server, 3000, 32, folder, throttle=throttle, providers={"fake": provider})
        run = json.loads((folder / cost.stdout.strip().splitlines()[-1] / "run.json").read_text(encoding="utf-8"))
        stats, scored = server.stats(), run["cells"][0]["metrics"]["exact"]["n"]
        twice = sum(count > 1 for count in stats["answered"].values())
        print(
            f"faults, adaptive {adaptive}: {cost.wall_s:.0f} s, fault-free {quiet:.0f} s (bar {bar}); {scored} scored, "
            f"{twice} answered twice, settled at {run['throttle']['settled']}, statuses {stats['statuses']}"
        )
    server.reset(latency_s=0.0, faults={}, fault_at={}, retry_after="")


def bar_gate(_: Endpoint, folder: Path) -> None:
    """CPU of a gate over a million stored samples and three models."""
    command = [sys.executable, "-m", "benchmarks.gate_cost", str(folder / "gate"), "1000000"]
    cost = run_process(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})
    whole, read, verdict, checks = cost.stdout.split()
    print(f"a gate over 1,000,000 samples x 3 models: {whole} CPU s (bar 10), {read} of it reads the baseline's run")
    print(f"  {checks} checks: {verdict}")


def bar_history(_: Endpoint, folder: Path) -> None:
    """CPU of a trend over 1,000 nights x 20 series x 500 samples, imports apart."""
    command = [sys.executable, "-m", "benchmarks.history", str(folder / "nights")]
    cost = run_process(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})
    made, listed, read, every, one, mebibytes = cost.stdout.split()
    print(f"the trend of 20 series x 1,000 nights x 500 samples: {every} CPU s (bar 2); of 5 of them: {one}")
    print(f"  {read} of it reads history, {listed} without scores; {mebibytes} MiB, made in {made} CPU s")


BARS = {
    "engine": bar_engine,
    "efficiency": bar_efficiency,
    "memory": bar_memory,
    "startup": bar_startup,
    "first": bar_first_request,
    "limit": bar_limit,
    "rate": bar_rate,
    "three": bar_three,
    "faults": bar_faults,
    "gate": bar_gate,
    "history": bar_history,
}


def main() -> None:
    """Print the bars that are named, or all."""
    wanted = sys.argv[1:] or list(BARS)
    with endpoint() as server, tempfile.TemporaryDirectory() as folder:
        for name in wanted:
            BARS[name](server, Path(folder))
            sys.stdout.flush()


if __name__ == "__main__":
    main()
