"""Evaluate a model behind an OpenAI-compatible endpoint. The endpoint here is a toy in this process.

Run: python examples/08_evaluate_endpoint.py

A real one takes its place by its address: `openai:MODEL@http://HOST:8000/v1` (docs/agents.md).
"""

import json
import os
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from adagym.evals.runner import EvalConfig, evaluate
from adagym.store import read_trajectories

CALL = '<think>Where are the holes?</think><tool_call>{"name": "Point", "parameters": %s}</tool_call>'
ANSWER = "<think>It looks safe.</think><response>\\boxed{Yes}</response>"


class Optimist(BaseHTTPRequestHandler):
    """A model that looks for the holes once, and then says Yes whatever it saw."""

    def do_POST(self) -> None:
        """Answer a request for a chat completion."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        turns = sum(message["role"] == "assistant" for message in body["messages"])
        text = ANSWER if turns else CALL % json.dumps({"image": "img_1", "description": "Ice Holes"})
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        usage = {"prompt_tokens": 300, "completion_tokens": 30, "total_tokens": 330}
        reply = json.dumps({"object": "chat.completion", "choices": [choice], "usage": usage}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *args: object) -> None:
        """Say nothing of every request."""


os.environ["NO_PROXY"] = "127.0.0.1"
server = ThreadingHTTPServer(("127.0.0.1", 0), Optimist)
threading.Thread(target=server.serve_forever, daemon=True).start()

with tempfile.TemporaryDirectory() as folder:
    agent = f"openai:optimist@http://127.0.0.1:{server.server_port}/v1"
    config = EvalConfig("adagym/VSPVerification-v0", agent, tasks="vsp-generated:split=test,n=20")
    summary = evaluate(config, Path(folder))
    low, high = summary["accuracy_ci95"]
    print(f"accuracy {summary['accuracy']:.0%} of {summary['n']}, 95 % interval {low:.0%} to {high:.0%}")
    print(f"{summary['calls_per_sample']} calls per episode, {summary['usage']['prompt_tokens']} tokens of prompts")
    print(next(iter(read_trajectories(Path(folder) / "episodes.jsonl"))))
server.shutdown()
server.server_close()
