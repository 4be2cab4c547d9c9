"""Messages to text: the chat template, and the text between two sampled turns.

Rendering is incremental. The prompt is rendered once; after each sampled turn only what follows it is
rendered and tokenised, so sampled tokens are never tokenised again.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any

from jinja2 import TemplateError

from adagym.errors import UsageError
from adagym.types import ImageBlock, Message, TextBlock

CHAT_TEMPLATE = """{%- for message in messages -%}
{{- '<|im_start|>' + ('user' if message.role == 'tool' else message.role) + '\\n' -}}
{{- '<tool_response>\\n' if message.role == 'tool' else '' -}}
{%- for block in message.content -%}
{{- '<|vision_start|><|image_pad|><|vision_end|>' if block.type == 'image' else block.text -}}
{%- endfor -%}
{{- '\\n</tool_response>' if message.role == 'tool' else '' -}}
{{- '<|im_end|>\\n' -}}
{%- endfor -%}
{{- '<|im_start|>assistant\\n' if add_generation_prompt else '' -}}
"""
"""Qwen's chat format; unlike the stock template it keeps the pictures of tool messages."""

_REMEDY = "Pass `template=adagym.policies.chat.CHAT_TEMPLATE` for models of the Qwen family."
_MARK = "\u2042adagym-turn\u2042"


class Chat:
    """Renders conversations with a processor's template.

    Args:
        processor: A transformers processor or tokenizer with ``apply_chat_template``.
        template: Replaces the processor's own template.
    """

    def __init__(self, processor: Any, template: str | None = None) -> None:
        self._processor = processor
        self._template = template
        tokenizer = getattr(processor, "tokenizer", processor)
        marks = {"<|", *tokenizer.all_special_tokens, getattr(processor, "image_token", "<|")}
        self._control = re.compile("|".join(re.escape(mark) for mark in sorted(marks) if len(mark) > 1))

    def prompt(self, messages: Sequence[Message]) -> str:
        """The text before the first sampled token.

        Raises:
            UsageError: The template refuses these messages.
        """
        return self._render([self._plain(message) for message in messages])

    def between(self, messages: Sequence[Message]) -> str:
        """The text from the end of a sampled turn to the next sampled token.

        Raises:
            UsageError: The template refuses these messages, or does not keep an assistant's text as it is.
        """
        turn = {"role": "assistant", "content": [{"type": "text", "text": _MARK}]}
        opening = {"role": "user", "content": [{"type": "text", "text": "."}]}
        text = self._render([opening, turn, *map(self._plain, messages)])
        if text.count(_MARK) != 1:
            raise UsageError(
                "The chat template drops or repeats assistant turns, so a conversation cannot grow token by token. "
                f"{_REMEDY}"
            )
        return text.partition(_MARK)[2]

    def harmless(self, text: str) -> str:
        """Text in which the control tokens of the template, such as ``<|im_end|>``, are broken by a space."""
        return self._control.sub(lambda match: f"{match[0][0]} {match[0][1:]}", text)

    def _render(self, messages: list[dict[str, Any]]) -> str:
        options: dict[str, Any] = {"tokenize": False, "add_generation_prompt": True}
        if self._template is not None:
            options["chat_template"] = self._template
        try:
            text: str = self._processor.apply_chat_template(messages, **options)
        except (TemplateError, ValueError) as error:
            roles = ", ".join(message["role"] for message in messages)
            raise UsageError(f"The chat template cannot write a conversation of {roles}: {error}. {_REMEDY}") from error
        return text

    def _plain(self, message: Message) -> dict[str, Any]:
        blocks: list[dict[str, str]] = []
        # Neighbouring texts are joined first: a control token could stand across their border.
        for is_image, group in itertools.groupby(message.content, lambda block: isinstance(block, ImageBlock)):
            if is_image:
                blocks += [{"type": "image"} for _ in group]
            else:
                text = "".join(block.text for block in group if isinstance(block, TextBlock))
                blocks.append({"type": "text", "text": self.harmless(text)})
        return {"role": message.role, "content": blocks}
