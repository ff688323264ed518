"""Measures what one run can still tell a later one: `python -m benchmarks.channels [bubblewrap|docker] [TRIALS]`.

A sender, in a worker of its own, is told a bit and does one thing if it is 1. A receiver, in the next worker, looks at
everything that it can reach: clocks, counters, files, numbers of processes, memory addresses, randomness, and what is
left in fresh memory. For each sender and each thing seen, a rule is learnt from the first half of the trials (the bit
that goes with a value, or a threshold between numbers) and tested on the second half. A channel of one bit has a
success of 1; without a channel it is 0.5. The width is the capacity in bits per trial of a channel with that success.
The policy is off.
"""

from __future__ import annotations

import json
import math
import random
import sys
from collections import Counter
from collections.abc import Sequence

from autotts.envs.episodes import grid
from autotts.envs.synthetic.model import default_models, generate
from autotts.sandbox.base import Sandbox, SandboxLimits
from autotts.sandbox.choice import open_sandbox
from autotts.sandbox.evaluation import evaluate

TRIALS = 40
_FRAME = """
import ctypes, os, random, resource, sys, time
from envs import Controller
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
libc.malloc.restype = libc.pthread_self.restype = ctypes.c_void_p
FILE = os.path.join(os.path.dirname(os.__file__), "tarfile.py")

def attempt(work):
    try:
        return work()
    except Exception as error:
        return type(error).__name__[:4]

def cached():
    descriptor = os.open(FILE, os.O_RDONLY)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_inblock
    try:
        there = os.preadv(descriptor, [bytearray(4096)], 0, os.RWF_NOWAIT)
    except BlockingIOError:
        there = -1
    os.read(descriptor, 1 << 20)
    return there, resource.getrusage(resource.RUSAGE_SELF).ru_inblock - before

class Run(Controller):
    def solve(self, question):
        {body}
"""
SENDERS = {
    "drops a file's pages": "attempt(lambda: os.posix_fadvise(os.open(FILE, 0), 0, 0, 4))",
    "drops a library's pages": "attempt(lambda: [libc.madvise(ctypes.cast(libc.abort, ctypes.c_void_p).value & ~4095, "
    "1 << 18, a) for a in (4, 21, 20)])",
    "fills 700 MB of memory": "attempt(lambda: b'mark' * (175 << 20))",
    "runs for a while longer": "sum(range(20_000_000))",
    "touches the pipes": "attempt(lambda: os.utime(3, (1, 1))); attempt(lambda: os.fchmod(3, 0o600))",
    "prints 60,000 bytes": "os.write(2, b'x' * 60_000)",
    "uses up randomness": "os.urandom(1 << 24)",
}
"""What a sender does for a 1; for a 0 it does nothing."""

SEEN = {
    "page cache": "cached()",
    "page faults": "(lambda u: (u.ru_minflt, u.ru_majflt, u.ru_inblock))(resource.getrusage(resource.RUSAGE_SELF))",
    "parent's counters": "open(f'/proc/{os.getppid()}/stat').read().split(')')[1].split()[7:13]",
    "clock": "time.time()",
    "elapsed time": "time.perf_counter()",
    "processor time": "time.process_time()",
    "free memory": "open('/proc/meminfo').read().split()[4]",
    "pipe's times": "(lambda s: (s.st_mtime_ns, s.st_mode))(os.fstat(3))",
    "process number": "os.getpid()",
    "thread's number in memory": "ctypes.c_int.from_address(libc.pthread_self() + 720).value",
    "processor's number": "libc.sched_getcpu()",
    "address of the heap": "id(object()) >> 12",
    "address of a new page": "libc.mmap(None, 4096, 3, 0x22, -1, 0)",
    "address of the stack": "ctypes.addressof(ctypes.c_int())",
    "hash seed": "hash('a')",
    "random bytes": "os.urandom(1)[0]",
    "largest allocation": "max((s for s in range(20, 48) if libc.mmap(None, 1 << s, 3, 0x22, -1, 0) != 2**64 - 1))",
    "marks in fresh memory": "ctypes.string_at(libc.malloc(100 << 20), 100 << 20).count(b'mark')",
}
"""What a receiver looks at."""


def main() -> int:
    kind = sys.argv[1] if len(sys.argv) > 1 else "bubblewrap"
    trials = int(sys.argv[2]) if len(sys.argv) > 2 else TRIALS
    print(f"{kind}: {trials} trials of each sender, {trials // 2} of them to test; success, and width in bits a trial")
    generator, found = random.Random(0), []
    with open_sandbox(kind, limits=SandboxLimits()) as sandbox:
        for name, action in SENDERS.items():
            bits = [i % 2 for i in range(trials)]
            generator.shuffle(bits)
            seen = [_trial(sandbox, action, bit) for bit in bits]
            for thing in SEEN:
                success = _success(bits, [one[thing] for one in seen])
                found.append((success, name, thing, len({str(one[thing]) for one in seen})))
    half = trials - trials // 2
    constant = sorted({thing for *_, thing, _ in found} - {thing for *_, thing, values in found if values > 1})
    print(f"always the same, 0 bits: {', '.join(constant)}")
    for success, name, thing, values in sorted(found, reverse=True)[:12]:
        low = _lower(success, half)
        print(f"{success:5.2f} {_width(low):6.3f} bits at least  {name} -> {thing} ({values} values)")
    tests = sum(values > 1 for *_, values in found)
    chance = 0.05 / max(1, tests)
    real = [row for row in found if row[0] > 0.5 and _by_luck(row[0], half) < chance]
    print(f"{tests} pairs vary; {len(real)} of them carry a bit more often than luck explains (p < {chance:.5f})")
    print(f"remaining width: {sum(_width(_lower(row[0], half)) for row in real):.3f} bits a trial")
    return 0


def _trial(sandbox: Sandbox, action: str, bit: int) -> dict[str, object]:
    """Send ``bit``, and return what the receiver saw."""
    _run(sandbox, action if bit else "pass")
    looks = ", ".join(f"{name!r}: attempt(lambda: {look})" for name, look in SEEN.items())
    message = _run(sandbox, f"import json; raise ValueError('<' + json.dumps(list({{{looks}}}.values())) + '>')")
    try:
        values = json.loads(message[message.index("<") + 1 : message.rindex(">")])
    except ValueError:
        raise SystemExit(f"the receiver failed: {message}") from None
    return dict(zip(SEEN, values, strict=True))


def _run(sandbox: Sandbox, body: str) -> str:
    environment = generate(next(iter(default_models().values())), "toy/model", questions=1, branches=4)
    return evaluate(_FRAME.replace("{body}", body), grid([environment], [0.5], range(1)), sandbox).verdict.message


def _success(bits: Sequence[int], values: Sequence[object]) -> float:
    """Return the share of the second half's bits that a rule learnt from the first half tells."""
    half = len(bits) // 2
    learnt, tested = (
        list(zip(values[:half], bits[:half], strict=True)),
        list(zip(values[half:], bits[half:], strict=True)),
    )
    rules = [_by_value(learnt)]
    if all(isinstance(value, (int, float)) for value in values):
        rules += [lambda v, t=t, s=s: int((v > t) == s) for t in {v for v, _ in learnt} for s in (True, False)]
    best = max(rules, key=lambda rule: sum(rule(value) == bit for value, bit in learnt))
    return sum(best(value) == bit for value, bit in tested) / len(tested)


def _by_value(learnt: Sequence[tuple[object, int]]):  # type: ignore[no-untyped-def]
    counts = Counter((str(value), bit) for value, bit in learnt)
    return lambda value: int(counts[str(value), 1] > counts[str(value), 0])


def _by_luck(success: float, n: int) -> float:
    """Return the chance that guesses are right so often."""
    return float(sum(math.comb(n, k) for k in range(round(success * n), n + 1))) / float(2**n)


def _lower(success: float, n: int) -> float:
    """Return the lower end of the Wilson interval (95%)."""
    z = 1.96
    middle = success + z * z / (2 * n)
    return (middle - z * math.sqrt(success * (1 - success) / n + z * z / (4 * n * n))) / (1 + z * z / n)


def _width(success: float) -> float:
    """Return the bits of a binary symmetric channel with that success; 0 at 0.5 and below."""
    if success <= 0.5:
        return 0.0
    return 1.0 if success >= 1 else 1 + success * math.log2(success) + (1 - success) * math.log2(1 - success)


if __name__ == "__main__":
    sys.exit(main())
