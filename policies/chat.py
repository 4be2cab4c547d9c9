"""Messages to text: the chat template, and the text between two sampled turns.

Rendering is incremental. The prompt is rendered once; after each sampled turn only what follows it is
rendered and tokenised, so sampled tokens are never tokenised again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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

    def prompt(self, messages: Sequence[Message]) -> str:
        """The text before the first sampled token."""
        return self._render([_plain(message) for message in messages])

    def between(self, messages: Sequence[Message]) -> str:
        """The text from the end of a sampled turn to the next sampled token.

        Raises:
            UsageError: The template does not keep an assistant's text as it is.
        """
        turn = {"role": "assistant", "content": [{"type": "text", "text": _MARK}]}
        opening = {"role": "user", "content": [{"type": "text", "text": "."}]}
        text = self._render([opening, turn, *map(_plain, messages)])
        if text.count(_MARK) != 1:
            raise UsageError(
                "The chat template drops or repeats assistant turns, so a conversation cannot grow token by token. "
                "Pass `template=adagym.policies.chat.CHAT_TEMPLATE` for models of the Qwen family."
            )
        return text.partition(_MARK)[2]

    def _render(self, messages: list[dict[str, Any]]) -> str:
        options: dict[str, Any] = {"tokenize": False, "add_generation_prompt": True}
        if self._template is not None:
            options["chat_template"] = self._template
        text: str = self._processor.apply_chat_template(messages, **options)
        return text


def _plain(message: Message) -> dict[str, Any]:
    blocks: list[dict[str, str]] = []
    for block in message.content:
        if isinstance(block, ImageBlock):
            blocks.append({"type": "image"})
        elif isinstance(block, TextBlock):
            # Text from tools and files must not be able to write control tokens such as <|im_end|>.
            blocks.append({"type": "text", "text": block.text.replace("<|", "< |")})
    return {"role": message.role, "content": blocks}
