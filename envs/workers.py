"""Where the environments of a vector environment live: in this thread, in threads, or in processes."""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any, Protocol

import cloudpickle
import gymnasium as gym

from adagym.errors import InfraError

MakeEnv = Callable[[], gym.Env[Any, Any]]
Call = tuple[int, tuple[Any, ...]]
"""Position of the environment, and the arguments of the method."""

_CLOSE_SECONDS = 5.0


class Pool(Protocol):
    """Runs one method on several environments."""

    def run(self, method: str, calls: Sequence[Call]) -> list[Any]:
        """Call ``method`` on each named environment; results in the order of the calls.

        Raises:
            InfraError: A worker died.
            Exception: Whatever the first failing environment raised, after all calls ended.
        """
        ...

    def close(self) -> None:
        """Close all environments and end all workers."""
        ...


class Inline:
    """All environments in the calling thread."""

    def __init__(self, make_env: MakeEnv, num_envs: int) -> None:
        self._envs = [make_env() for _ in range(num_envs)]

    def run(self, method: str, calls: Sequence[Call]) -> list[Any]:
        """See :meth:`Pool.run`."""
        return _unwrap([_attempt(self._envs[index], method, arguments) for index, arguments in calls])

    def close(self) -> None:
        """See :meth:`Pool.close`."""
        for env in self._envs:
            env.close()


class Threads:
    """Environments in this process, stepped by a pool of threads."""

    def __init__(self, make_env: MakeEnv, num_envs: int, num_workers: int) -> None:
        self._envs = [make_env() for _ in range(num_envs)]
        self._threads = ThreadPoolExecutor(num_workers, thread_name_prefix="adagym-env")

    def run(self, method: str, calls: Sequence[Call]) -> list[Any]:
        """See :meth:`Pool.run`."""
        return _unwrap(list(self._threads.map(lambda call: _attempt(self._envs[call[0]], method, call[1]), calls)))

    def close(self) -> None:
        """See :meth:`Pool.close`."""
        self._threads.shutdown()
        for env in self._envs:
            env.close()


class Processes:
    """Environments spread over worker processes; environment i lives in worker i modulo their number."""

    def __init__(self, make_env: MakeEnv, num_envs: int, num_workers: int, start_method: str) -> None:
        context = multiprocessing.get_context(start_method)
        self._pipes: list[Connection] = []
        self._processes: list[Any] = []
        recipe = cloudpickle.dumps(make_env)
        for worker in range(num_workers):
            ours, theirs = context.Pipe()
            process = context.Process(  # type: ignore[attr-defined]  # every start method has it
                target=_serve,
                args=(theirs, recipe, len(range(worker, num_envs, num_workers))),
                name=f"adagym-env-{worker}",
                daemon=True,
            )
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)
        try:
            for worker in range(num_workers):
                _unwrap([self._receive(worker)])
        except BaseException:  # Ctrl-C too must leave no worker behind
            self.close()
            raise

    def run(self, method: str, calls: Sequence[Call]) -> list[Any]:
        """See :meth:`Pool.run`."""
        count = len(self._pipes)
        shares: dict[int, list[int]] = {}
        for position, (index, _) in enumerate(calls):
            shares.setdefault(index % count, []).append(position)
        for worker, positions in shares.items():
            batch = [(calls[position][0] // count, calls[position][1]) for position in positions]
            self._send(worker, (method, batch))
        attempts: list[Any] = [None] * len(calls)
        # All replies are read before any error is raised, so that no reply is left over for the next call.
        for worker, positions in shares.items():
            ok, values = self._receive(worker)
            for position, value in zip(positions, values if ok else [(False, values)] * len(positions), strict=True):
                attempts[position] = value
        return _unwrap(attempts)

    def close(self) -> None:
        """See :meth:`Pool.close`."""
        for pipe in self._pipes:
            try:
                pipe.send(None)
            except (OSError, ValueError):  # the worker is gone already
                continue
        for process in self._processes:
            process.join(_CLOSE_SECONDS)
            if process.is_alive():
                process.terminate()
                process.join()
        for pipe in self._pipes:
            pipe.close()

    def _send(self, worker: int, message: object) -> None:
        try:
            self._pipes[worker].send_bytes(cloudpickle.dumps(message))
        except (OSError, ValueError):  # read as a death in _receive, after the other workers' replies
            return

    def _receive(self, worker: int) -> tuple[bool, Any]:
        try:
            reply: tuple[bool, Any] = pickle.loads(self._pipes[worker].recv_bytes())
        except (EOFError, OSError):
            process = self._processes[worker]
            process.join(_CLOSE_SECONDS)
            return False, InfraError(
                f"The environment worker {process.name} died (exit code {process.exitcode}); "
                "its episodes are lost. Make a new vector environment."
            )
        return reply


def _serve(pipe: Connection, recipe: bytes, num_envs: int) -> None:
    """The life of a worker process: make the environments, then answer until told to close."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the owner's to handle
    envs: list[gym.Env[Any, Any]] = []
    try:
        make_env = pickle.loads(recipe)
        envs += [make_env() for _ in range(num_envs)]
        pipe.send_bytes(pickle.dumps((True, None)))
    except Exception as error:  # a worker reports everything to its owner, who raises it
        pipe.send_bytes(_pack((False, error)))
        return
    while True:
        try:
            request = pickle.loads(pipe.recv_bytes())
        except (EOFError, OSError):  # the owner is gone
            break
        if request is None:
            break
        method, batch = request
        pipe.send_bytes(_pack((True, [_attempt(envs[index], method, arguments) for index, arguments in batch])))
    for env in envs:
        env.close()


def _attempt(env: gym.Env[Any, Any], method: str, arguments: tuple[Any, ...]) -> tuple[bool, Any]:
    """Call a method; an exception is a value here, so that one environment does not stop the others."""
    try:
        if method == "reset":
            seed, options = arguments
            return True, env.reset(seed=seed, options=options)
        target = env if method in ("step", "render") else env.unwrapped
        return True, getattr(target, method)(*arguments)
    except Exception as error:  # raised again by _unwrap in the caller's thread
        return False, error


def _pack(reply: tuple[bool, Any]) -> bytes:
    try:
        return pickle.dumps(reply, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # whatever pickling raises, the owner must learn why
        text = "".join(traceback.format_exception(error))
        return pickle.dumps((False, InfraError(f"A worker's reply cannot be pickled:\n{text}")))


def _unwrap(attempts: Sequence[tuple[bool, Any]]) -> list[Any]:
    for ok, value in attempts:
        if not ok:
            raise value
    return [value for _, value in attempts]
