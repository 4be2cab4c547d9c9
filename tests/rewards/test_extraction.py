"""Finding the final answer in a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adagym.rewards.choices import read_choice
from adagym.rewards.extraction import final_answer, unwrapped


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Paris", "Paris"),
        ("  Paris.\n", "Paris."),
        ("\\boxed{Paris}", "Paris"),
        ("First \\boxed{A}, then \\boxed{\\frac{1}{2}}.", "\\frac{1}{2}"),
        ("<answer> B </answer>", "B"),
        ("<answer>A</answer> or <response>B</response>", "B"),
        ("<answer>A</answer><answer>B</answer> so", "B"),
        ("<response>The answer is \\boxed{7}, not 8.</response>", "7"),
        ("<answer>The answer is 7.</answer>", "7"),
        ("</answer>A<answer>", "</answer>A<answer>"),
        ("The answer is Paris.", "Paris"),
        ("Final ANSWER: **Paris**", "Paris"),
        ("**Answer:** Paris.", "Paris"),
        ("**Answer: Paris.**", "Paris"),
        ("The correct answer is: Paris", "Paris"),
        ("The answer is:\nParis\nbecause", "Paris"),
        ("The answers are 3 and 4.", "3 and 4"),
        ("The answer is Paris. It lies in France.", "Paris"),
        ("The answer is Dr. J. Smith. He waits.", "Dr. J. Smith"),
        ("The answer is 3.5.", "3.5"),
        ('The answer is "U.S."', "U.S."),
        ("The answer is A. No, the answer is B.", "B"),
        ("I do not know the answer", "I do not know the answer"),
        ("Answer:", "Answer:"),
        ("Answered: no", "Answered: no"),
        ("", ""),
        (" \n", ""),
    ],
)
def test_the_final_answer(text: str, answer: str) -> None:
    assert final_answer(text) == answer


def test_an_option_may_be_wrapped() -> None:
    assert read_choice("A bird. \\boxed{B}") == ("B",)
    assert read_choice("A or C? <answer>(b)</answer>") == ("B",)


@given(st.text(alphabet=st.sampled_from("answer is:.*{}<>/\\boxedA 1\n"), max_size=60) | st.text(max_size=60))
def test_any_text_has_a_final_answer(text: str) -> None:
    said = final_answer(text)
    assert said == said.strip()
    assert said in text
    assert bool(said) or not unwrapped(text)
