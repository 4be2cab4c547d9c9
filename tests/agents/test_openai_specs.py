"""How an agent behind an endpoint is written on the command line."""

from __future__ import annotations

import pytest

from adagym.agents import AGENTS
from adagym.agents.openai import OpenAIAgent, OpenAIConfig
from adagym.agents.openai_messages import PictureFormat
from adagym.errors import UsageError


def test_specs(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = "org/m@http://h:1/v1,temperature=none,top_p=0.5,max_tokens=9,limit=max_completion_tokens,seeds=no"
    agent = AGENTS.load("openai").from_spec(f"{spec},image=jpeg,side=64,parallel=3,timeout=2.5,retries=0")
    assert isinstance(agent, OpenAIAgent)
    pictures = PictureFormat("jpeg", 64)
    assert agent.config == OpenAIConfig(None, 0.5, 9, "max_completion_tokens", False, pictures, 3)
    where = agent.endpoint
    assert (where.model, where.url, where.timeout, where.retries) == ("org/m", "http://h:1/v1", 2.5, 0)
    agent.close()
    monkeypatch.setenv("OPENAI_BASE_URL", "https://far/v1")
    other = OpenAIAgent.from_spec("m")
    assert (other.endpoint.model, other.endpoint.url, other.config) == ("m", "https://far/v1", OpenAIConfig())
    other.close()


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (None, "openai:MODEL@URL"),
        ("m@http://h,speed=3", "`speed=3` is no option.*temperature, top_p"),
        ("m@http://h,side", "`side` is no option"),
        ("m@http://h,side=wide", "`side=wide` is no option"),
        ("m@http://h,side=4", "at least 16 pixels"),
        ("m@http://h,image=gif", "`png` or `jpeg`, not `gif`"),
        ("m@http://h,parallel=0", "at least 1"),
        ("m@http://h,temperature=nan", "`temperature` is `none` or from 0"),
        ("m@http://h,limit=tokens", "not `tokens`"),
        ("m@http://h,timeout=0", "`timeout` is above 0"),
        ("m@http://h,seeds=maybe", "`seeds=maybe` is no option"),
    ],
)
def test_specs_that_cannot_be_used(argument: str | None, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(UsageError, match=message):
        OpenAIAgent.from_spec(argument)
