"""Judging a run: the task's own rule first, a language model for what it does not settle.

``judge`` reads the episodes of a run folder, writes ``judgements.jsonl`` beside them (a line per episode that was not
void, sorted by key), and puts its figures under ``judge`` into ``summary.json``. Verdicts are kept in a cache as they
come, so a run that was stopped goes on where it was, and another run asks only for what is new.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from adagym.agents.endpoint import Endpoint
from adagym.errors import UsageError
from adagym.evals.figures import write_json
from adagym.evals.judges.asking import Asker, Chat, Question, Reply
from adagym.evals.judges.cache import VerdictCache, default_folder
from adagym.evals.judges.config import JudgeConfig
from adagym.evals.judges.figures import Judgement, summarise
from adagym.evals.judges.rule import settled
from adagym.evals.run_folder import EPISODES, SUMMARY, read_json
from adagym.rewards import REWARDS
from adagym.rewards.texts import references
from adagym.store import read_records
from adagym.types import Trajectory

JUDGEMENTS = "judgements.jsonl"


@dataclass(frozen=True)
class Judged:
    """What came of judging a run."""

    figures: Mapping[str, Any]
    """As under ``judge`` in the summary."""
    judgements: Sequence[Judgement]

    @property
    def disagreements(self) -> list[Judgement]:
        """Judgements in which the judge said other than the rule scored."""
        return [item for item in self.judgements if None not in (item.rule, item.judge) and differ(item)]


def differ(item: Judgement) -> bool:
    """Whether the rule's score, right if it is 1, and the judge's verdict are not the same."""
    return (item.rule == 1) != (item.judge == 1)


def judge(
    folder: Path,
    config: JudgeConfig,
    *,
    chat: Chat | None = None,
    on_reply: Callable[[Judgement, int], None] | None = None,
) -> Judged:
    """Judge the episodes of a run folder.

    Args:
        folder: The run; other files than ``judgements.jsonl``, and ``judge`` in ``summary.json``, stay as they are.
        config: Who judges, and what.
        chat: Asked instead of an endpoint.
        on_reply: Called with each judgement that the judge was to give, and the number of all these.

    Returns:
        The figures, see :func:`adagym.evals.judges.figures.summarise`, with ``model``, ``prompt``, ``all``, ``audit``,
        ``requests`` and ``from_cache`` (verdicts known from before); and the judgements, sorted by key. Where the run
        has no ``summary.json`` yet, the figures are returned only.

    Raises:
        UsageError: The folder holds no episodes or a damaged file, or the judge does not answer.
        MissingExtra: A rule needs a package that is not installed.
    """
    address = config.address()
    judgements = _by_rule(folder)
    summary = read_json(folder / SUMMARY) if (folder / SUMMARY).is_file() else None
    audited = _audit(judgements, config)
    to_ask = [
        position
        for position, item in enumerate(judgements)
        if _comparable(item) and (config.all or position in audited or item.by is None)
    ]
    client = Endpoint(address.model, address.url) if chat is None else chat
    asker = _asker(client, address.model, config)
    try:
        with closing(_replies(asker, judgements, to_ask, config.workers)) as replies:
            for position, reply in replies:
                item = replace(_heard(judgements[position], reply, config.all), audited=position in audited)
                judgements[position] = item
                if on_reply is not None:
                    on_reply(item, len(to_ask))
    finally:
        client.close()
    said = {"model": address.model, "prompt": config.prompt, "all": config.all, "audit": config.audit}
    asked = {"requests": asker.requests, "from_cache": sum(item.cached for item in judgements)}
    figures = {**said, **summarise(judgements), **asked}
    _write_lines(folder / JUDGEMENTS, judgements)
    if summary is not None:
        write_json(folder / SUMMARY, {**summary, "judge": figures})
    return Judged(figures, judgements)


def _asker(client: Chat, model: str, config: JudgeConfig) -> Asker:
    """What puts questions to the judge, with the verdicts that are known."""
    return Asker(
        client,
        model,
        config.prompt,
        VerdictCache(default_folder() if config.cache is None else config.cache),
        seed=config.seed,
        max_tokens=config.max_tokens,
        retries=config.retries,
        budget=config.budget,
    )


def _by_rule(folder: Path) -> list[Judgement]:
    """What the rules settle, sorted by key; an episode that was played again counts once, void ones not at all."""
    path = folder / EPISODES
    if not path.is_file():
        raise UsageError(f"{folder} holds no {EPISODES}; give the folder of a run of `adagym eval`.")
    found: dict[tuple[str, int | None], Judgement] = {}
    for _, trajectory in read_records(path):
        key = (trajectory.task.id, trajectory.seed)
        if trajectory.outcome != "infra_failure" and key not in found:
            found[key] = _settled(trajectory)
    return [found[key] for key in sorted(found, key=lambda key: (key[0], -1 if key[1] is None else key[1]))]


def _settled(trajectory: Trajectory) -> Judgement:
    task, answer = trajectory.task, trajectory.answer or ""
    score = REWARDS.load("accuracy")(task, trajectory)
    # A plan is right if it arrives, whichever way a reference goes.
    wanted = () if task.answer_type == "plan" else references(task)
    item = Judgement(task.id, trajectory.seed, task.prompt, wanted, answer, score)
    sure = settled(task, answer, score)
    if sure is None:
        return item if wanted else replace(item, reason="no reference to compare with")
    reason = "no answer" if not answer.strip() else "accepted by the rule" if sure else "refused by the rule"
    return replace(item, verdict=int(sure), by="rule", reason=reason)


def _comparable(item: Judgement) -> bool:
    return bool(item.references and item.answer.strip())


def _audit(judgements: Sequence[Judgement], config: JudgeConfig) -> set[int]:
    """Positions of the judgements by which the agreement is measured.

    Only a choice by chance over all, settled or not, tells it: those that rules leave open are the doubtful ones.
    """
    known = [index for index, item in enumerate(judgements) if _comparable(item) and item.rule is not None]
    if config.all or config.audit >= len(known):
        return set(known) if config.all or config.audit else set()
    chosen = np.random.default_rng(config.seed).choice(len(known), config.audit, replace=False)
    return {known[index] for index in chosen}


def _replies(
    asker: Asker, judgements: Sequence[Judgement], to_ask: Sequence[int], workers: int
) -> Generator[tuple[int, Reply], None, None]:
    """Positions and replies as they come. What is the same for several episodes is asked once.

    Raises:
        UsageError: The endpoint does not answer.
    """
    pool = ThreadPoolExecutor(workers)
    try:
        positions: dict[str, list[int]] = {}
        asked: dict[Future[Reply], str] = {}
        for position in to_ask:
            item = judgements[position]
            question = Question(item.question, item.references, item.answer)
            key = asker.key(question)
            if key not in positions:
                asked[pool.submit(asker.ask, question)] = key
            positions.setdefault(key, []).append(position)
        for future in as_completed(asked):
            reply = future.result()
            for position in positions[asked[future]]:
                yield position, reply
    finally:
        # Without waiting: the client is closed next, which ends what is in flight.
        pool.shutdown(wait=False, cancel_futures=True)
    asker.check()


def _heard(item: Judgement, reply: Reply, stands: bool) -> Judgement:
    """A judgement with the judge's reply.

    Args:
        item: By the rule alone.
        reply: The judge's.
        stands: Whether it is the judge's verdict that counts, also where the rule has one.
    """
    failed = reply.verdict is None and reply.asked
    said = None if reply.verdict is None else reply.verdict.value
    item = replace(item, judge=said, asked=True, failed=failed, cached=reply.cached)
    reason = reply.problem if reply.verdict is None else reply.verdict.reason
    if item.by == "rule" and not stands:
        return replace(item, reason=f"{item.reason}; the judge: {reason}" if reason else item.reason)
    return replace(item, verdict=said, by=None if said is None else "judge", reason=reason)


def _write_lines(path: Path, judgements: Sequence[Judgement]) -> None:
    """Write the file so that a reader sees the old one or the new one."""
    part = path.with_name(path.name + ".part")
    lines = (json.dumps(item.line(), ensure_ascii=False, allow_nan=False) + "\n" for item in judgements)
    part.write_text("".join(lines), encoding="utf-8")
    part.replace(path)
