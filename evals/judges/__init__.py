"""The parts of a judge: prompts, the reading of verdicts, what the rule settles, the cache, and the figures.

:mod:`adagym.evals.judging` puts them together.
"""
