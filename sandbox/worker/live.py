"""Plays one controller on many live questions at once, in a worker. Standard library only.

The host sends this source to `sandbox.worker.worker`, which calls `serve`. Each question gets a child process and two
pipes of its own. This process passes on what children and host say to each other (see `sandbox.live.frames`), and
numbers it itself: no child can speak for another, nor read what another is told. Requests and replies alternate. A
child that speaks out of turn, or says too much at once, is killed.

A child starts as a copy of this process. Whatever passes through is therefore wiped at once, and never copied.
"""

import gc
import io
import os
import select
import signal
import struct
import sys
import types
from typing import Any

FROM_HOST = struct.Struct("<cI")  # what to do, the question
FROM_CHILD = struct.Struct("<cI")  # kind, bytes that follow
SIZE = struct.Struct("<I")
AT_ONCE = 4096  # bytes that a pipe takes without waiting if it is ready to be written to
NOT_STARTED = -1000


class LiveChild:
    """The process of one question, as the worker sees it."""

    __slots__ = ("filled", "inbox", "number", "outbox", "pid", "replies", "requests")

    def __init__(self, number: int, pid: int, replies: int, requests: int, most: int) -> None:
        self.number, self.pid, self.replies, self.requests = number, pid, replies, requests
        self.inbox = bytearray(FROM_CHILD.size + most + 1)  # one more byte shows that there was more
        self.filled = 0
        self.outbox = memoryview(b"")


def serve(worker: Any, message: dict[str, Any], modules: dict[str, Any], library: Any) -> None:
    """Play the questions that the host sends, until it closes standard input."""
    router = LiveRouter(worker, message, modules, library)
    gc.collect()
    gc.freeze()
    router.run()


class LiveRouter:
    """Starts a child for each question, and passes frames between the children and the host.

    Args:
        worker: the module `sandbox.worker.worker`.
        message: the first message (see `sandbox.live.frames.begin`).
        modules: the modules of the contract.
        library: the C library.
    """

    def __init__(self, worker: Any, message: dict[str, Any], modules: dict[str, Any], library: Any) -> None:
        self.worker, self.modules, self.library = worker, modules, library
        self.candidate, self.limits, self.prints = message["candidate"], message["limits"], message["prints"]
        self.filter = message["filters"].get(os.uname().machine, "")
        self.most = {kind.encode(): size for kind, size in message["most"].items()}
        self.largest = max(self.most.values())
        self.remote = types.ModuleType("envs.remote")
        self.remote.__package__ = "envs"
        exec(compile(message["remote"], "envs.remote", "exec"), self.remote.__dict__)
        self.children: dict[int, LiveChild] = {}
        self.by_requests: dict[int, LiveChild] = {}
        self.by_replies: dict[int, LiveChild] = {}  # those whose reply waits for room in the pipe
        self.poll = select.poll()
        self.poll.register(0, select.POLLIN)

    def run(self) -> None:
        """Pass on frames until the host closes standard input; then end all children."""
        listening = True
        while listening:
            ready = self.poll.poll()
            for descriptor, events in ready:
                if descriptor in self.by_requests:
                    self.from_child(self.by_requests[descriptor], events)
                elif descriptor in self.by_replies:
                    self.to_child(self.by_replies[descriptor])
            # last, as a new child may get the descriptors of one that has ended
            if any(descriptor == 0 for descriptor, _ in ready):
                listening = self.from_host()
        for child in list(self.children.values()):
            self.end(child, kill=True)

    def from_host(self) -> bool:
        """Do what one message of the host says, and return whether there was one."""
        message = self.worker.receive()
        if not message:
            return False
        what, number = FROM_HOST.unpack_from(message)
        child = self.children.get(number)
        if what == b"S":
            self.start(number, bytes(message[FROM_HOST.size :]))
        elif what == b"R" and child is not None:
            SIZE.pack_into(message, FROM_HOST.size - SIZE.size, len(message) - FROM_HOST.size)
            child.outbox = memoryview(message)[FROM_HOST.size - SIZE.size :]
            self.poll.modify(child.requests, select.POLLIN)
            self.to_child(child)
        elif what == b"K" and child is not None:
            self.end(child, kill=True)
        return True

    def to_child(self, child: LiveChild) -> None:
        """Write as much of a reply as the pipe takes now; the poll says when it takes more."""
        room = select.poll()
        room.register(child.replies, select.POLLOUT)
        while child.outbox and room.poll(0):
            try:
                written = os.write(child.replies, child.outbox[:AT_ONCE])
            except OSError:  # it has died, which the end of its requests shows
                written = len(child.outbox)
            child.outbox[:written] = bytes(written)
            child.outbox = child.outbox[written:]
        if child.outbox and child.replies not in self.by_replies:
            self.by_replies[child.replies] = child
            self.poll.register(child.replies, select.POLLOUT)
        elif not child.outbox and child.replies in self.by_replies:
            del self.by_replies[child.replies]
            self.poll.unregister(child.replies)

    def from_child(self, child: LiveChild, events: int) -> None:
        """Read from a child, and pass on a frame that is complete."""
        if not events & select.POLLIN:
            self.end(child)
            return
        view = memoryview(child.inbox)
        read = os.readv(child.requests, [view[child.filled :]])
        child.filled += read
        if child.filled < FROM_CHILD.size and read:
            return
        kind, size = FROM_CHILD.unpack_from(child.inbox) if read else (b"", 0)
        whole = FROM_CHILD.size + size
        if not read:
            self.end(child)
        elif size > self.most.get(kind, -1) or child.filled > whole:
            self.send(b"G", child.number)
            self.end(child, kill=True)
        elif child.filled == whole:
            self.send(kind, child.number, data=view[FROM_CHILD.size : whole])
            view[:whole] = bytes(whole)
            child.filled = 0
            self.poll.modify(child.requests, 0)  # until the reply: only its end is noticed

    def send(self, kind: bytes, number: int, code: int = 0, data: Any = b"") -> None:
        """Send a frame to the host."""
        head = self.worker.FRAME.pack(kind, number, code, len(data))
        written = os.writev(self.worker.RESULTS, [head, data])
        rest = memoryview(head + bytes(data))[written:] if written < len(head) + len(data) else b""
        while rest:
            rest = rest[os.write(self.worker.RESULTS, rest) :]

    def end(self, child: LiveChild, kill: bool = False) -> None:
        """Forget a child that has ended, or that is to be killed, and tell the host."""
        if kill or not self.filter:  # without a filter, a child can close its pipe and live on
            end_process(child.pid)
        status = os.waitpid(child.pid, 0)[1]
        self.poll.unregister(child.requests)
        if self.by_replies.pop(child.replies, None) is not None:
            self.poll.unregister(child.replies)
        os.close(child.requests)
        os.close(child.replies)
        self.wipe(child)
        del self.children[child.number], self.by_requests[child.requests]
        self.send(b"X", child.number, os.waitstatus_to_exitcode(status))

    def wipe(self, child: LiveChild) -> None:
        """Overwrite what is kept of the words of a child, and to it."""
        if child.filled:  # all else is zeros: a new child would only get copies of its pages
            child.inbox[: child.filled] = bytes(child.filled)
        if child.outbox:
            child.outbox[:] = bytes(len(child.outbox))

    def start(self, number: int, begin: bytes) -> None:
        """Start the child of a question."""
        replies, to_child = os.pipe()
        requests, from_child = os.pipe()
        try:
            pid = os.fork()
        except OSError:
            for descriptor in (replies, to_child, requests, from_child):
                os.close(descriptor)
            self.send(b"X", number, NOT_STARTED)
            return
        if pid == 0:
            others = (number for child in self.children.values() for number in (child.replies, child.requests))
            self.play(begin, replies, from_child, max(replies, to_child, requests, from_child, *others))
        os.close(replies)
        os.close(from_child)
        child = LiveChild(number, pid, to_child, requests, self.largest)
        self.children[number] = self.by_requests[requests] = child
        self.poll.register(requests, select.POLLIN)

    def play(self, begin: bytes, replies: int, requests: int, last: int) -> None:
        """Become the process of one question, play it, and end.

        Args:
            begin: what the controller is told.
            replies: the descriptor of the replies.
            requests: the descriptor of the requests.
            last: the largest descriptor of this process. In a container, it takes long to close all that there may be.
        """
        worker = self.worker
        try:
            for other in self.children.values():
                self.wipe(other)
            os.environ.clear()
            worker.confine(self.limits)
            if self.library is not None:
                self.library.prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG; after `confine`, which resets it
            os.dup2(replies, 0)
            os.dup2(requests, worker.RESULTS)
            os.closerange(1, worker.RESULTS)
            os.closerange(worker.RESULTS + 1, last + 1)
            sys.stdin = io.TextIOWrapper(io.BytesIO())
            sys.stdout = sys.stderr = CountedPrints(self.prints)
            sys.path.clear()
            sys.path_importer_cache.clear()
            worker.restrict(self.filter, self.library)  # the last step: see `worker.play`
            solve(worker, self.candidate, worker.json.loads(begin), self.modules, self.remote)
        except BaseException:
            os._exit(1)
        os._exit(0)


def end_process(pid: int) -> None:
    """Kill a child that has not been waited for."""
    try:
        os.kill(pid, signal.SIGKILL)
    except PermissionError:  # root without the right to kill processes of others: a child becomes the same user
        helper = os.fork()
        if helper == 0:
            try:
                os.setresuid(65534, 65534, 65534)
                os.kill(pid, signal.SIGKILL)
            finally:
                os._exit(0)
        os.waitpid(helper, 0)


class CountedPrints:
    """Standard output and error of a controller: drops all, and ends the process after ``left`` characters."""

    def __init__(self, left: int) -> None:
        self.left = left

    def write(self, text: str) -> int:
        self.left -= len(text)
        if self.left < 0:
            send(b"O")
            os._exit(1)
        return len(text)

    def flush(self) -> None:
        """Nothing waits."""


def send(kind: bytes, data: bytes = b"") -> None:
    """Send a frame from a child to the worker."""
    frame = memoryview(FROM_CHILD.pack(kind, len(data)) + data)
    while frame:
        frame = frame[os.write(3, frame) :]


def ask(request: bytes) -> bytes:
    """Send a request, and return the reply."""
    send(b"Q", request)
    return read(SIZE.unpack(read(SIZE.size))[0])


def read(size: int) -> bytes:
    """Return ``size`` bytes of a reply. Ends the process if the worker has ended."""
    data = b""
    while len(data) < size:
        more = os.read(0, size - len(data))
        if not more:
            os._exit(1)
        data = data + more if data else more
    return data


def solve(worker: Any, candidate: str, begin: dict[str, Any], modules: dict[str, Any], remote: Any) -> None:
    """Load the controller and play it; its answer or its failure is the last frame."""
    try:
        controller = worker.load(candidate, modules["envs.controller"].Controller)
        gc.set_threshold(50_000)
        if begin["beta"] is None:  # only to see whether it can be loaded
            return send(b"A")
        question = remote.RemoteQuestion(
            ask, begin["max_branches"], begin["max_tokens"], begin["can_step"], begin.get("signals", ()),
            begin.get("can_verify", False), begin.get("branches_left"),
        )  # fmt: skip
        try:
            answer = controller(begin["beta"], begin["seed"]).solve(question)
        except modules["envs.question"].TokensSpent:
            answer = None
        if answer is None and question.tokens_ran_out:
            answer = modules["envs.controller"].answer_without_tokens(question)
        send(b"A", {None: "", **question.answers}.get(answer, "?").encode())
    except BaseException as error:
        kind, said = worker.explain(error, modules["envs.question"].IllegalAction)
        send(b"F", worker.json.dumps({"kind": kind, "message": said[:500], "episode": None}).encode())
