"""Benchmark rollouts: play tasks with an agent, keep every episode, and summarise.

Start at :func:`adagym.evals.runner.evaluate`.
"""
