"""Runs one candidate on lists of episodes: the only file of ours inside the sandbox. Standard library only.

Messages come in on standard input, and results go out on the original standard output (see `sandbox.wire`). The first
message holds the modules of the contract, and the next one the source of the candidate. Each later message is a job,
played by a child process of its own, which has no data of other jobs. The prints of a candidate go to standard error,
and its standard input is empty.
"""

import gc
import importlib
import io
import json
import os
import resource
import signal
import struct
import sys
import types
from array import array
from itertools import accumulate
from typing import Any

FRAME = struct.Struct("<cIiI")  # kind, episode, answer, bytes that follow
SIZE = struct.Struct("<Q")
NOT_A_TOKEN = -1
NO_HEADER = bytes(4)  # where a job has the size of its header: the message begins the work with live questions
SOURCE = b"\xff" * 4  # at the same place: the message is the source of the candidate of all later jobs
TOKEN = 12  # characters of a token
RESULTS = 3  # the descriptor of the results; the candidate's filter lets it write to this one, 1 and 2
LAZY = (
    "traceback", "linecache", "warnings", "unicodedata", "weakref", "types", "encodings.ascii", "encodings.latin_1",
    "encodings.utf_8", "encodings.utf_8_sig", "encodings.utf_16", "encodings.utf_32", "encodings.unicode_escape",
    "encodings.raw_unicode_escape", "encodings.cp1252", "select",
)  # fmt: skip
"""Modules that the interpreter itself imports when it first needs them, and the one of `sandbox.worker.live`."""

load: Any  # these three are of `sandbox.worker.loading`, which the host sends
explain: Any
compiled: Any


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the host handles Ctrl-C
    os.dup2(1, RESULTS)
    os.dup2(2, 1)
    os.closerange(RESULTS + 1, 1 << 16)
    library = hide()
    setup = json.loads(receive() or b"{}")
    preload(setup.get("preload", ()))
    global load, explain, compiled
    loading = types.ModuleType("loading")
    exec(compile(setup.get("loading", ""), "loading", "exec"), loading.__dict__)
    load, explain, compiled = loading.load, loading.explain, loading.compiled
    loading.prepare(setup.get("sets", ""))
    modules = install(setup.get("modules", {}))
    for_worker, for_candidate = setup.get("filters", {}).get(os.uname().machine, ("", ""))
    missing = [] if for_worker else ["no filter of system calls for this processor"]
    missing += take_clocks(library)
    restrict(for_worker, library)
    if missing and setup.get("strict"):
        raise OSError(f"this machine cannot confine a candidate: {missing[0]}")
    settle()
    os.write(RESULTS, FRAME.pack(b"Z", 0, 0, 0))
    candidate: tuple[str, Any] = "", None
    while head := read(SIZE.size + len(NO_HEADER)):
        left = SIZE.unpack_from(head)[0] - len(NO_HEADER)
        if head[SIZE.size :] == NO_HEADER:
            begin_live(json.loads(read(left)), modules, library)
            return
        if head[SIZE.size :] == SOURCE:
            candidate = prepared(read(left))
            continue
        child = os.fork()
        if child == 0:  # it reads its job itself: this process, of which the next child is a copy, never has one
            play(int.from_bytes(head[SIZE.size :], "little"), read(left), candidate, modules, library, for_candidate)
        status = os.waitpid(child, 0)[1]
        os.write(RESULTS, FRAME.pack(b"X", 0, os.waitstatus_to_exitcode(status), 0))


def hide() -> Any:
    """Forbid other processes of this user to inspect this one (ptrace, /proc/PID/mem). Return Linux's C library."""
    try:
        import ctypes

        library = ctypes.CDLL(None)
        library.prctl  # noqa: B018 - other systems have none
    except (ImportError, OSError, AttributeError):
        return None
    library.prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE
    library.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    return library


def preload(names: Any) -> None:
    """Import all modules that a candidate or the interpreter may need, since no file can be opened later on."""
    for name in (*names, *LAZY):
        importlib.import_module(name)


def take_clocks(library: Any) -> list[str]:
    """Make every clock unreadable that needs no system call. Return what this machine refused, as text.

    The kernel's pages of clock values become pages of zeros, which make the C library ask the kernel by a system call:
    the candidate's filter refuses it. Reading the processor's own counter ends the process.
    """
    if library is None:
        return ["no system calls through ctypes"]
    import ctypes

    library.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    library.mmap.restype = ctypes.c_void_p
    refused = []
    try:
        pages = mapped()
    except OSError:
        return ["/proc/self/maps cannot be read"]
    for place, name in pages:
        start, end = (int(part, 16) for part in place.split("-"))
        # PROT_READ; MAP_PRIVATE, FIXED, ANONYMOUS
        if name.startswith("[vvar") and library.mmap(start, end - start, 1, 0x32, -1, 0) != start:
            refused.append("the kernel keeps its page of clocks mapped")
    tsc_off = library.prctl(26, 2, 0, 0, 0) == 0  # PR_SET_TSC, PR_TSC_SIGSEGV
    if not tsc_off and os.uname().machine == "x86_64":  # others have it since Linux 6.12, or not at all
        refused.append("the kernel leaves the processor's time stamp counter readable")
    for name in {name for _, name in pages if os.path.isfile(name)}:
        load_file(name)
    return refused


def mapped() -> list[tuple[str, str]]:
    """Return the places of the named parts of this process's memory, and their names."""
    with open("/proc/self/maps") as maps:
        lines = [line.split(maxsplit=5) for line in maps]
    return [(line[0], line[5].strip()) for line in lines if len(line) == 6]


def load_file(name: str) -> None:
    """Have the kernel keep a file in memory: a candidate must bring no page of it there, and find none missing."""
    file = os.open(name, os.O_RDONLY)
    for at in range(0, os.fstat(file).st_size, 1 << 17):  # the kernel takes a limited number of pages at once
        os.posix_fadvise(file, at, 1 << 17, os.POSIX_FADV_WILLNEED)
    os.close(file)


def restrict(filter: str, library: Any) -> None:
    """Make the kernel refuse system calls that are not needed, in this process and in all its children."""
    if not filter or library is None:
        return
    import ctypes

    lines = ctypes.create_string_buffer(bytes.fromhex(filter))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(filter) // 16, ctypes.addressof(lines)))
    if library.prctl(22, 2, program, 0, 0) != 0:  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
        raise OSError("the kernel does not take the filter of system calls")


def receive() -> bytearray:
    """Return the next message from standard input, empty at its end."""
    head = read(SIZE.size)
    return read(SIZE.unpack(head)[0]) if head else bytearray()


def read(size: int) -> bytearray:
    """Return ``size`` bytes from standard input, empty if it ends before."""
    data = bytearray(size)
    view, at = memoryview(data), 0
    while at < size:
        n = read_into(0, view[at:])
        if n == 0:
            return bytearray()
        at += n
    view.release()
    return data


def read_into(descriptor: int, view: memoryview) -> int:
    """Fill the start of ``view`` from a descriptor, and return the number of bytes; 0 at the end."""
    if hasattr(os, "readv"):
        return os.readv(descriptor, [view])
    data = os.read(descriptor, min(len(view), 1 << 20))  # PyPy has no readv
    view[: len(data)] = data
    return len(data)


def settle(young: int | None = None) -> None:
    """Have CPython's collector leave alone what there is now; PyPy's has no such settings.

    Args:
        young: the number of new objects after which it looks for cycles; None for the default.
    """
    if hasattr(gc, "freeze"):
        gc.freeze()
        if young is not None:
            gc.set_threshold(young)


def prepared(message: bytearray) -> tuple[str, Any]:
    """Do what would be the same in each child; return the source of the candidate, and its code. Execute nothing of it.

    Where it cannot be compiled, each child tries that again, and reports why.
    """
    os.environ.clear()
    sys.stdin = io.TextIOWrapper(io.BytesIO())
    sys.path.clear()
    sys.path_importer_cache.clear()
    source = message.decode("utf-8", "surrogatepass")
    try:
        code = compiled(source)
    except BaseException:
        code = None
    settle()
    return source, code


def play(
    size: int, message: bytearray, candidate: tuple[str, Any], modules: dict[str, Any], library: Any, filter: str
) -> None:
    """Play one job, whose header takes ``size`` bytes of the message, and then end this process."""
    try:
        job, blobs = unpack(size, message)
        job["candidate"] = candidate[0]
        confine(job["limits"])
        if library is not None:
            library.prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG; after `confine`, which resets it
        if "prints" in job:
            sys.stdout = Prints(job["prints"])
        os.close(0)
        restrict(filter, library)  # the last step: from here on there are no files, no clock and no other process
        run(job, blobs, modules, candidate[1])
    except BaseException:
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


class Prints:
    """Standard output while a draft is tried: passes on the first ``left`` bytes at once, and drops the rest."""

    def __init__(self, left: int) -> None:
        self.left = left

    def write(self, text: str) -> int:
        data = text[: self.left].encode("utf-8", "backslashreplace")[: self.left]
        self.left -= len(data)
        os.write(2, data)
        return len(text)

    def flush(self) -> None:
        """Nothing waits."""


def begin_live(message: dict[str, Any], modules: dict[str, Any], library: Any) -> None:
    """Leave all further messages to `sandbox.worker.live`, whose source is in the first one."""
    live = types.ModuleType("live")
    exec(compile(message["live"], "live", "exec"), live.__dict__)
    live.serve(sys.modules[__name__], message, modules, library)


def unpack(at: int, message: bytearray) -> tuple[Any, dict[str, Any]]:
    """Return the header of the job, and its columns by name."""
    job = json.loads(message[:at])
    names = job["tokens"]
    job["tokens"] = [names[i : i + TOKEN] for i in range(0, len(names), TOKEN)]
    blobs: dict[str, Any] = {}
    view = memoryview(message)
    for name, code, length in job["blobs"]:
        blobs[name] = array(code)
        blobs[name].frombytes(view[at : at + length])
        at += length
    return job, blobs


def install(sources: dict[str, str]) -> dict[str, Any]:
    """Make the modules of the contract importable for the candidate, from the sources that the host sent."""
    package = types.ModuleType("envs")
    package.__path__ = []
    sys.modules["envs"] = sys.modules["autotts"] = package  # a controller may import the contract by either name
    modules: dict[str, Any] = {}
    for name, source in sources.items():
        module = types.ModuleType(name)
        module.__package__ = "envs"
        sys.modules[name] = modules[name] = module
        exec(compile(source, name, "exec"), module.__dict__)
        for key, value in module.__dict__.items():
            if not key.startswith("_"):
                setattr(package, key, value)
        setattr(package, name.rpartition(".")[2], module)
    return modules


def confine(limits: dict[str, int]) -> None:
    """Give up privileges, and set the limits of this process. Root becomes nobody, as some limits do not bind root."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setegid(65534)
        os.seteuid(65534)
        readable = os.access(os.__file__, os.R_OK, effective_ids=True)
        os.seteuid(0)
        os.setegid(0)
        if readable:
            os.setgid(65534)
            os.setuid(65534)
    for name, value in limits.items():
        kind = getattr(resource, name, None)
        if kind is None:
            continue
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


def run(job: Any, blobs: dict[str, Any], modules: dict[str, Any], code: Any) -> None:
    """Load the candidate, and play every episode. The first failure ends the run, and its frame is the last one."""
    home = own_id()

    def send(kind: bytes, episode: int = 0, answer: int = 0, data: bytes = b"") -> None:
        if own_id() != home:
            os._exit(1)
        frame = memoryview(FRAME.pack(kind, episode, answer, len(data)) + data)
        while frame:
            frame = frame[os.write(RESULTS, frame) :]

    def fail(error: BaseException, episode: int | None = None) -> None:
        kind, message = explain(error, illegal)
        data = json.dumps({"kind": kind, "message": message[:500], "episode": episode}).encode()
        send(b"F", data=data)

    illegal, spent = modules["envs.question"].IllegalAction, modules["envs.question"].TokensSpent
    try:
        controller = load(job["candidate"], modules["envs.controller"].Controller, code)
        send(b"R")
    except BaseException as error:
        fail(error)
        return
    tokens = [None, *job["tokens"]]
    codes = {token: code for code, token in enumerate(tokens)}
    recordings = Recordings(tokens, blobs, modules["envs.replay"], job.get("extras"))
    replay, without_tokens = modules["envs.replay"].kind(controller), modules["envs.controller"].answer_without_tokens
    orders = split(blobs["orders"], blobs["order_sizes"])
    max_branches, max_tokens = job["max_branches"], job["max_tokens"]
    settle(50_000)  # reference counts free the objects of an episode; the collector is rarely needed
    for index, world, order, beta, seed in zip(
        blobs["index"], blobs["world"], blobs["order"], blobs["beta"], blobs["seed"], strict=True
    ):
        question = replay(recordings[world], orders[order], max_branches, max_tokens)
        try:
            try:
                answer = controller(beta, seed).solve(question)
            except spent:
                answer = None
            if answer is None and question.tokens_ran_out:
                answer = without_tokens(question)
            answer = codes.get(answer, NOT_A_TOKEN)
        except BaseException as error:
            fail(error, index)
            return
        send(b"E", index, answer, question.finish().pack())
        if len(blobs["widths"]) == len(blobs["index"]):  # no question comes again: its memory is used again
            recordings.pop(world, None)
    send(b"D")


def own_id() -> int:
    """Return the id of this process; -1 where the filter refuses to tell, as it then refuses new processes."""
    try:
        return os.getpid()
    except OSError:  # PyPy looks at the result
        return -1


def split(values: Any, sizes: Any) -> list[list[Any]]:
    """Return ``values`` cut into lists of ``sizes``."""
    parts, start = [], 0
    for size in sizes:
        parts.append(list(values[start : start + size]))
        start += size
    return parts


class Recordings(dict[int, Any]):
    """The recorded branches by question; a `Recording` is made when it is first used."""

    def __init__(self, tokens: list[Any], blobs: dict[str, Any], replay: Any, extras: Any = None) -> None:
        self.pairs = [(token, False) for token in tokens]
        self.blobs, self.replay = blobs, replay
        self.branches, self.cells = (list(accumulate(blobs[name], initial=0)) for name in ("widths", "lengths"))
        self.extras = replay.unpacked_extras(extras, blobs, self.branches, self.cells) if extras else {}

    def __missing__(self, which: int) -> Any:
        first, last = self.branches[which], self.branches[which + 1]
        columns = self.replay.Columns(self.pairs, self.blobs["cells"], self.cells[first : last + 1])
        totals = list(self.blobs["totals"][first:last])
        delta, probe_cost = self.blobs["deltas"][which], self.blobs["probe_costs"][which]
        self[which] = self.replay.Recording(columns, totals, delta, probe_cost, **self.extras.get(which, {}))
        return self[which]


if __name__ == "__main__":
    main()
