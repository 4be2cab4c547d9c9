"""What an evaluation adds to the time that an endpoint takes, and what it holds in memory.

A server in a process of its own answers every request after the same time, in a script of turns. Episodes of equal
length that all run at a time take, at the least, turns times that latency; the wall time of the episodes over that
is the overhead. A second part plays many short episodes and takes the process's peak memory.

Example: python benchmarks/eval_overhead.py --json runs/eval-overhead.json
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import tyro

import adagym  # noqa: F401  (registers the environments)
from adagym.agents.base import Conversation
from adagym.agents.openai import OpenAIAgent
from adagym.errors import InfraError
from adagym.evals.figures import publish
from adagym.evals.runner import EPISODES, EvalConfig, evaluate
from adagym.policies.base import TokenTrace
from adagym.protocol import DIALECTS
from adagym.store import read_trajectories
from adagym.types import ToolCall

ENV = "adagym/VSPNavigation-v0"
DIALECT = "adareasoner"


@dataclass(frozen=True)
class Options:
    """Measure the overhead of evaluations."""

    episodes: int = 64
    """Episodes, all at a time."""
    turns: int = 20
    """Turns of each: calls, and an answer at the end."""
    latency: float = 0.2
    """Seconds that the endpoint takes."""
    many: int = 10_000
    """Short episodes of the second part; 0 leaves it out."""
    seed: int = 0
    """Seeds the tasks and the episodes."""
    json: Path | None = None
    """Write the figures to this file."""


def completion(body: dict[str, Any], turns: int) -> bytes:
    """The reply of a turn: a call, and an answer in the last one."""
    spoken = DIALECTS.load(DIALECT)
    turn = sum(message["role"] == "assistant" for message in body["messages"])
    look = ToolCall("Point", {"image": "img_1", "description": "Elf"})
    text = spoken.write_call(look, "Look.") if turn + 1 < turns else spoken.write_answer("R,R,D,D", "Go.")
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    return json.dumps({"choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}).encode()


def serve(ready: Connection, latency: float, turns: int) -> None:
    """Answer requests until the process is ended."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):  # the client has hung up
                writer.close()
                return
            began = time.monotonic()
            length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            content = completion(json.loads(await reader.readexactly(length)), turns)
            await asyncio.sleep(max(0.0, latency - (time.monotonic() - began)))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content)
            await writer.drain()

    async def run() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=1024)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


@contextmanager
def endpoint(latency: float, turns: int) -> Iterator[str]:
    """A server in a process of its own; gives its address."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, latency, turns), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}/v1"
    finally:
        process.terminate()
        process.join()


class Timed(OpenAIAgent):
    """Notes when it is first handed a conversation, when it last lets one go, and how many turns there were."""

    first = last = 0.0
    turns = 0

    def submit(self, conversation: Conversation) -> None:
        """Start the clock at the first one."""
        self.first = self.first or time.perf_counter()
        self.turns += 1
        super().submit(conversation)

    def finish(self, key: str) -> TokenTrace | None:
        """Read the clock."""
        self.last = time.perf_counter()
        return super().finish(key)


def play(url: str, episodes: int, options: Options, turns: int) -> tuple[float, float]:
    """Evaluate; returns the seconds from the first request to the last episode, and turns played per episode."""
    spec = f"openai:scripted@{url}"
    env = {"dialect": DIALECT, "prompt": "brief", "max_turns": turns}
    tasks = f"vsp-generated:n={episodes},seed={options.seed},sides=3-4"
    config = EvalConfig(ENV, spec, tasks, seed=options.seed, env_kwargs=env)
    agent = Timed.from_spec(spec.partition(":")[2])
    assert isinstance(agent, Timed)
    with tempfile.TemporaryDirectory() as folder:
        try:
            evaluate(config, Path(folder) / "run", n_envs=options.episodes, agent=agent)
        finally:
            agent.close()
        outcomes = {episode.outcome for episode in read_trajectories(Path(folder) / "run" / EPISODES)}
    if outcomes != {"answered"}:
        raise InfraError(f"Episodes ended otherwise than by an answer: {outcomes}.")
    return agent.last - agent.first, agent.turns / episodes


def peak_mb() -> float:
    """Most memory this process ever held, in megabytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 1024)


def measure(options: Options) -> dict[str, float]:
    """Both parts."""
    with endpoint(options.latency, options.turns) as url:
        play(url, 2, options, options.turns)  # warms up
        began = time.process_time()
        wall, turns = play(url, options.episodes, options, options.turns)
        busy = time.process_time() - began
    ideal = options.turns * options.latency
    figures = {
        "wall_over_ideal": wall / ideal,
        "seconds_wall": wall,
        "seconds_ideal": ideal,
        "seconds_processor": busy,
        "episodes": float(options.episodes),
        "turns_per_episode": turns,
        "latency": options.latency,
    }
    if options.many:
        with endpoint(0.0, 2) as url:
            wall, turns = play(url, options.many, options, 2)
        figures |= {"peak_mb_10k": peak_mb(), "many_episodes": float(options.many), "many_seconds": wall}
    return figures


def main(options: Options) -> None:
    """Measure, print and write the figures."""
    started = time.perf_counter()
    figures = measure(options)
    publish("Evaluating", figures, seed=options.seed, seconds=time.perf_counter() - started, path=options.json)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
