"""Every registered environment's docstring is its page."""

from __future__ import annotations

import doctest
import importlib

import pytest

from adagym.envs import ENVS
from adagym.envs.contract import check_page


@pytest.mark.parametrize("name", ENVS.names())
def test_the_docstring_is_the_page(name: str) -> None:
    check_page(ENVS.load(name))


@pytest.mark.parametrize("name", ENVS.names())
def test_the_examples_of_the_page_run(name: str) -> None:
    module = importlib.import_module(ENVS.entry(name).target.partition(":")[0])
    done = doctest.testmod(module)
    assert done.attempted > 0
    assert done.failed == 0


@pytest.mark.parametrize("name", ENVS.names())
def test_a_summary_is_listed(name: str) -> None:
    assert ENVS.entry(name).summary
