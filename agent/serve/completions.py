"""The JSON of answers: chat completions, and the chunks of streamed ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .chat_request import ChatRequest
from .final_text import cut
from .served_answer import ServedAnswer


@dataclass(frozen=True, slots=True)
class AnswerShape:
    """What a request wants of its answer."""

    id: str
    created: int
    """Seconds since 1970."""
    model: str
    """The name by which clients know the model."""
    request: ChatRequest

    def completion(self, answer: ServedAnswer) -> dict[str, Any]:
        """Return a whole chat completion."""
        content, reasoning = self._texts(answer)
        message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
        if self.request.options.reasoning:
            message["reasoning_content"] = reasoning
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish_reason}
        return self._head("chat.completion") | {
            "choices": [choice],
            "usage": answer.usage,
            "autotts": answer.details,
        }

    def first_chunk(self) -> dict[str, Any]:
        """Return the chunk that begins a stream."""
        return self._chunk({"role": "assistant", "content": ""})

    def progress_chunk(self, line: str) -> dict[str, Any]:
        """Return a line of progress, as a piece of reasoning."""
        return self._chunk({"reasoning_content": f"{line}\n"})

    def last_chunks(self, answer: ServedAnswer) -> list[dict[str, Any]]:
        """Return the chunks that end a stream: the text, the end, and the usage if the client wants it.

        The object ``autotts`` is in the last of them.
        """
        content, reasoning = self._texts(answer)
        chunks = []
        if self.request.options.reasoning and reasoning:
            chunks.append(self._chunk({"reasoning_content": reasoning}))
        if content:
            chunks.append(self._chunk({"content": content}))
        chunks.append(self._chunk({}, answer.finish_reason))
        options = self.request.stream_options
        if options is not None and options.include_usage:
            for chunk in chunks:
                chunk["usage"] = None
            chunks.append(self._head("chat.completion.chunk") | {"choices": [], "usage": answer.usage})
        chunks[-1]["autotts"] = answer.details
        return chunks

    def _texts(self, answer: ServedAnswer) -> tuple[str, str]:
        if answer.model_answer is not None:
            message = answer.model_answer["choices"][0]["message"]
            return message.get("content") or "", message.get("reasoning_content") or ""
        return cut(answer.text.content, self.request.stops), answer.text.reasoning

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return self._head("chat.completion.chunk") | {"choices": [choice]}

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}
