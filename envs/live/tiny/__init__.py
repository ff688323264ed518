"""The embedded model: a tiny transformer that reasons in steps, its questions, and a real server for it.

Names here load the standard library only; `server` needs the extra ``live``, `train` the extra ``train``.
"""

from pathlib import Path

MODEL_NAME = "autotts-tiny"
"""The name under which the server lists the model."""
WEIGHTS = Path(__file__).parent / "weights"
"""A folder as transformers and vLLM load it. `GGUF` lies in it too, for llama.cpp."""
GGUF = WEIGHTS / "autotts-tiny-f16.gguf"
PROBE_SUFFIX = "\n</think>\n\nFinal answer: \\boxed{"
"""Text after a thought that was cut off; the model writes its answer after it."""
CONTEXT = 1024
"""The longest prompt and completion together, in tokens."""
