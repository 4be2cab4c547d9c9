"""Episodes on tool servers that are restarted and whose workers are killed, over and over.

Some servers (``adagym serve-tools``), each with worker processes, serve players in several threads. After a quiet
start, rounds of trouble follow: one server is restarted, in turn gently (SIGTERM) and by SIGKILL, and some workers are
killed. The players go on until all rounds are over and all episodes are played; then each episode is played again
without servers, and the two must be equal to the last pixel and reward.

Throughput is back when, within one second, half as many episodes end as in a second of the quiet start.

Example: python benchmarks/chaos.py --json runs/chaos.json
"""

from __future__ import annotations

import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import tyro

import adagym  # noqa: F401  (registers the environments)
from adagym.agents.scripted import ExpertAgent
from adagym.algos.collect import Collector, Job
from adagym.digest import messages_digest
from adagym.envs.vsp_navigation import VSPNavigation
from adagym.errors import InfraError
from adagym.evals.figures import publish
from adagym.tools.backends import close_backends
from adagym.types import Trajectory

TASKS = "vsp-generated:sides=3-4,n=20000"
TOOLS = ("Point", "Draw2DPath", "AStar")
START_SECONDS = 120.0
WINDOW = 1.0
"""Seconds over which throughput is counted."""


@dataclass(frozen=True)
class Options:
    """Play episodes on servers in trouble."""

    episodes: int = 200
    """Episodes at least; more if the trouble lasts longer."""
    rounds: int = 2
    """Rounds of trouble, each with one restart."""
    kills: int = 10
    """Workers killed in each round."""
    servers: int = 2
    """Servers, with two workers each."""
    players: int = 4
    """Threads that play."""
    seed: int = 0
    """Seeds the episodes and the choice of what is killed."""
    json: Path | None = None
    """Write the figures to this file."""


class Server:
    """``adagym serve-tools`` in a process of its own, always at the same port."""

    def __init__(self) -> None:
        self._port = "0"
        self._log = Path()
        self.start()
        self.wait()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it, without waiting until it is there."""
        with tempfile.NamedTemporaryFile(prefix="chaos-", delete=False) as log:
            program = [sys.executable, "-c", "import sys; from adagym.cli import main; sys.exit(main())"]
            settings = ["--backend", "workers:count=2", "--port", self._port, "--tools", *TOOLS]
            self._process = subprocess.Popen([*program, "serve-tools", *settings], stderr=log)
        self._log = Path(log.name)

    def wait(self) -> None:
        """Wait until it listens.

        Raises:
            InfraError: It ended, or does not listen in time.
        """
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            found = re.search(r"tools at http://127\.0\.0\.1:(\d+)", self._log.read_text())
            if found:
                self._port = found[1]
                self._log.unlink()
                return
            time.sleep(0.05)
        self.end(signal.SIGKILL)
        raise InfraError(f"The server did not start. It said:\n{self._log.read_text()}")

    def end(self, how: signal.Signals) -> None:
        """End it and wait for its end."""
        self._process.send_signal(how)
        self._process.wait()

    def workers(self) -> list[int]:
        """Process ids of its workers."""
        try:
            threads = list(Path(f"/proc/{self._process.pid}/task").iterdir())
            children = [pid for thread in threads for pid in (thread / "children").read_text().split()]
            return [int(pid) for pid in children if "workers_main" in Path(f"/proc/{pid}/cmdline").read_text()]
        except OSError:  # it, or one of them, has just ended
            return []


@dataclass(frozen=True)
class Ended:
    """An episode that was played, without its pictures."""

    number: int
    at: float
    """When it ended, on the monotonic clock."""
    outcome: str
    reward: float | None
    calls: int
    content: str
    """Hash of all texts and pictures."""

    @property
    def facts(self) -> tuple[object, ...]:
        """What must be equal however it was played."""
        return self.outcome, self.reward, self.calls, self.content


@dataclass
class Play:
    """What was played, shared by the players."""

    tools: str | None
    least: int
    ended: list[Ended] = field(default_factory=list)
    over: bool = False
    """Whether no more than ``least`` episodes are wanted."""
    failures: list[BaseException] = field(default_factory=list)
    _next: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def jobs(self) -> Iterator[Job]:
        """Give out jobs, each number once."""
        while True:
            with self._lock:
                number = self._next
                if number >= self.least and self.over:
                    return
                self._next += 1
            yield Job(number, seed=number)

    def run(self) -> None:
        """Play until no more jobs are given out; a player of its own."""
        collector = Collector(partial(VSPNavigation, TASKS, tools=self.tools), ExpertAgent(draw=True), n_envs=1)
        try:
            for rollout in collector.collect(self.jobs()):
                self.ended.append(_ended(rollout.job.seed, rollout.trajectory))
        except BaseException as error:  # raised again by the main thread
            self.failures.append(error)
        finally:
            collector.close()

    def rate(self, since: float, until: float) -> float:
        """Episodes per second that ended in a span of time."""
        return sum(since < episode.at <= until for episode in list(self.ended)) / (until - since)


def trouble(play: Play, servers: list[Server], options: Options) -> dict[str, float]:
    """Let the players play a while, then restart servers and kill workers.

    Returns:
        How many of each, the quiet throughput, and how long it took to come back.
    """
    rng = np.random.default_rng(options.seed)
    quiet = max(10, options.episodes // 10)
    while len(play.ended) < quiet // 2 and not play.failures:  # the first ones also start the workers
        time.sleep(0.05)
    began, count = time.monotonic(), len(play.ended)
    while len(play.ended) < count + quiet and not play.failures:
        time.sleep(0.05)
    usual = play.rate(began, time.monotonic())
    after: dict[str, list[float]] = {"restart": [], "kills": []}
    killed = 0
    for number in range(options.rounds):
        server = servers[int(rng.integers(len(servers)))]
        struck = time.monotonic()
        server.end(signal.SIGKILL if number % 2 else signal.SIGTERM)
        server.start()
        after["restart"].append(_recovery(play, struck, usual))
        server.wait()
        left = options.kills
        while left and not play.failures:
            workers = [pid for server in servers for pid in server.workers()]
            if workers:
                _kill(int(rng.choice(workers)))
                left -= 1
                killed += 1
            time.sleep(0.1)
        struck = time.monotonic()
        after["kills"].append(_recovery(play, struck, usual))
        print(f"round {number + 1}: {len(play.ended)} episodes", file=sys.stderr)
    return {
        "restarts": options.rounds,
        "worker_kills": killed,
        "episodes_per_second_quiet": usual,
        **{f"seconds_to_recover_after_{name}_max": max(values) for name, values in after.items()},
        **{f"seconds_to_recover_after_{name}_median": statistics.median(values) for name, values in after.items()},
    }


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:  # it ended by itself in the meantime
        return


def _recovery(play: Play, struck: float, usual: float) -> float:
    """Seconds from then until throughput was back."""
    start = struck
    while not play.failures:
        if start + WINDOW > time.monotonic():
            time.sleep(0.02)
        elif play.rate(start, start + WINDOW) >= usual / 2:
            break
        else:
            start += 0.05
    return start - struck


def measure(options: Options) -> dict[str, float]:
    """Play in trouble and without, and compare.

    Raises:
        InfraError: A server did not start, or a player broke.
    """
    servers: list[Server] = []
    try:
        servers += [Server() for _ in range(options.servers)]
        play = Play(f"mcp+http://{';'.join(server.address for server in servers)}", options.episodes)
        players = [threading.Thread(target=play.run) for _ in range(options.players)]
        for player in players:
            player.start()
        try:
            figures = trouble(play, servers, options)
        finally:
            play.over = True
            for player in players:
                player.join()
    finally:
        close_backends()
        for server in servers:
            server.end(signal.SIGKILL)
    if play.failures:
        raise InfraError(f"A player broke: {play.failures[0]!r}") from play.failures[0]
    return {**_compared(play), **figures}


def _compared(play: Play) -> dict[str, float]:
    played = Counter(episode.number for episode in play.ended)
    calm = Play(None, max(played) + 1, over=True)
    calm.run()
    expected = {episode.number: episode.facts for episode in calm.ended}
    ends = sorted(episode.at for episode in play.ended)
    return {
        "episodes": len(played),
        "lost": len(expected.keys() - played.keys()),
        "duplicated": sum(count > 1 for count in played.values()),
        "void": sum(episode.outcome == "infra_failure" for episode in play.ended),
        "different": sum(episode.facts != expected[episode.number] for episode in play.ended),
        "calls": sum(episode.calls for episode in play.ended),
        "reward_mean": statistics.mean(episode.reward or 0.0 for episode in play.ended),
        "longest_pause_seconds": max(later - earlier for earlier, later in pairwise(ends)),
    }


def _ended(number: int, episode: Trajectory) -> Ended:
    content = messages_digest(episode.messages)
    return Ended(number, time.monotonic(), episode.outcome, episode.reward, len(episode.calls), content)


def main(options: Options) -> None:
    """Run, print and write the figures."""
    began = time.perf_counter()
    figures = measure(options)
    publish("Chaos", figures, seed=options.seed, seconds=time.perf_counter() - began, path=options.json)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
