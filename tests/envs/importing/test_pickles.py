"""Pickles are read as plain data: they give what `pickle` gives, and nothing that a file names is ever called."""

from __future__ import annotations

import builtins
import io
import os
import pickle
import pickletools
import struct
from collections import OrderedDict, deque
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.envs.errors import InputError
from autotts.envs.importing import pickles
from autotts.envs.importing.pickled_arrays import PickledArray
from autotts.envs.importing.pickles import CompactList, load

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def loaded(data: bytes, **limits: int) -> Any:
    return plain(load(io.BytesIO(data), len(data), "x.pkl", **limits))


def plain(value: Any) -> Any:
    """Return a value with ordinary lists and with arrays as lists."""
    if isinstance(value, CompactList):
        return [plain(item) for item in value]
    if isinstance(value, PickledArray):
        return value.values.tolist()
    if isinstance(value, tuple):
        return tuple(map(plain, value))
    return {key: plain(item) for key, item in value.items()} if isinstance(value, dict) else value


SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=9)
    | st.binary(max_size=9)
)  # fmt: skip
KEYS = SCALARS | st.tuples(st.integers(0, 999), st.integers(0, 999))
DATA = st.recursive(
    SCALARS | st.lists(st.floats(allow_nan=False), max_size=6) | st.lists(st.integers(-9, 2**33), max_size=6),
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner) | st.tuples(inner) | st.tuples(*[inner] * 4),
    max_leaves=15,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(DATA, st.sampled_from(PROTOCOLS))
def test_plain_data_of_every_protocol_are_read_as_pickle_reads_them(data: Any, protocol: int) -> None:
    text = pickle.dumps(data, protocol)
    if protocol == 0:
        text = text.replace(b"\r", b"\\u000d")  # `pickle` writes it as it is, and a line ends there
    assert loaded(text) == data
    assert repr(loaded(text)) == repr(plain(pickle.loads(text)))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("kind", ["f2", ">f4", "f8", "i8", "u1", "b1", ">i2"])
def test_arrays_and_numbers_of_numpy(protocol: int, kind: str) -> None:
    array = np.array([[1, 0, 3], [4, 5, 0]], kind)
    data = {"rows": array, "columns": np.asfortranarray(array), "none": array[:0], "one": array[0, 2],
            "list": list(array[1])}  # fmt: skip
    assert loaded(pickle.dumps(data, protocol)) == {
        "rows": array.tolist(), "columns": array.tolist(), "none": [], "one": array[0, 2].item(),
        "list": array[1].tolist(),
    }  # fmt: skip


def test_long_lists_of_numbers_are_compact_and_shared_values_stay_shared() -> None:
    numbers, ids = [n / 7 for n in range(5000)], [n * 40 for n in range(5000)]
    data = {
        "confs": numbers,
        "ids": ids,
        "again": numbers,
        "mixed": [*numbers[:3], None, *ids[:3]],
        "when": datetime.now(),
    }
    for protocol in PROTOCOLS:
        text = pickle.dumps(data, protocol)
        found = load(io.BytesIO(text), len(text), "x.pkl")
        assert found["again"] is found["confs"] and found["confs"].is_compact and found["ids"].is_compact
        assert found["confs"].numbers.tolist() == numbers and list(found["ids"]) == ids
        assert list(found["mixed"]) == data["mixed"] and found["when"] == "time"


class Calls:
    """Pickled as a call of a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def evil(target: Path) -> list[bytes]:
    """Return pickles that write a file where a reader executes them."""
    text = str(target)
    code = f"open({text!r}, 'w')"
    calls = [
        Calls(os.system, f"touch {text}"), Calls(builtins.open, text, "w"), Calls(eval, code), Calls(exec, code),
        Calls(os.mkdir, text), Calls(map, os.mkdir, [text]), Calls(np.save, text, 1),
        Calls(np.fromstring, code, "i1"), Calls(np.zeros(0).__reduce__()[0], Calls(os.mkdir, text), (0,), b"b"),
        OrderedDict(a=Calls(os.mkdir, text)), deque([1]), Decimal(1), {1}, frozenset([1]), Path("a"), Calls, print,
        np.array([Calls(os.mkdir, text), None], object), np.zeros(2, [("a", "f4")]), complex(1), range(3), slice(1),
        np.array(["a"]), np.datetime64(1, "s"),
    ]  # fmt: skip
    written = [pickle.dumps([1.5, call], protocol) for call in calls for protocol in PROTOCOLS]
    by_hand = [
        f"cos\nmkdir\n(V{text}\ntR.", f"(V{text}\nios\nmkdir\n.", f"(cos\nmkdir\nV{text}\no.", f"Vx\nP{text}\n.",
        "cbuiltins\nobject\n)\x81}(V__class__\nVx\nub.", f"\x80\x04\x8c\x02os\x8c\x05mkdir\x93V{text}\n\x85R.",
        f"\x80\x02cnumpy\ndtype\nV{text}\n\x85R.", f"\x80\x02cnumpy\nndarray\nV{text}\n\x85R.", "\x80\x02\x82\x01.",
        f"cdatetime\ndatetime\n(V{text}\ntR}}b.", f"c_codecs\nencode\n(V{text}\nVhex\ntR.", "\x80\x05\x97.",
        f"cnumpy\nsave\n(V{text}\nI1\ntR.", f"\x80\x02cnumpy.core.multiarray\nload\nV{text}\n\x85R.",
        f"cautotts.envs.store\nsave\n(V{text}\nI1\ntR.", f"cnumpy\nloads\nV{code}\n\x85R.",
    ]  # fmt: skip
    return written + [text.encode("latin1") for text in by_hand]


def test_pickles_that_would_write_a_file_are_refused_and_named(tmp_path: Path) -> None:
    target = tmp_path / "written"
    for data in evil(target):
        with pytest.raises(InputError, match=r"^x\.pkl: byte \d+: .*(was executed$|not a readable)") as error:
            loaded(data)
        assert "\n" not in str(error.value) and len(str(error.value)) < 300
        assert not target.exists()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (pickle.dumps(os.system), r"opcode STACK_GLOBAL: posix\.system is not plain data"),
        (b"cos\nsystem\n.", r"opcode GLOBAL: os\.system is not plain data"),
        (pickle.dumps({1}), "opcode EMPTY_SET"),
        (b"(ios\nsystem\n.", "opcode INST"),
        (b"cnumpy\ndtype\n(VO\nI0\nI1\ntR.", "an array of 'O': only numbers"),
        (pickle.dumps(1 << 70), "more than 64 bits"),
        (b"(" * 300 + b".", "more than 200 open containers"),
        (b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b"abc.", "not a readable pickle"),
        (b"\x80\x04X" + struct.pack("<I", 1 << 31) + b"abc.", "not a readable pickle"),
        (b"]a.", "not a readable pickle"),
        (b"(]a.", "not a readable pickle"),
        (b"", "not a readable pickle"),
        (b"N", "not a readable pickle"),
        (b"NN.", "not a readable pickle"),
        (b"a", "not a readable pickle"),
        (b"\xff", "not a readable pickle"),
        (b"}]Ns.", "a key that is CompactList"),
        (b"}((NttNs.", "a key that is tuple"),
        (b"cnumpy.core.multiarray\n_reconstruct\n)R(I1\n(I9\ntcnumpy\ndtype\n(Vf8\nI0\nI1\ntRI0\nVa\ntb.", "objects"),
    ],
)
def test_refusals_name_the_opcode_or_what_is_wrong(data: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        loaded(data)


def test_values_that_grow_without_end_stop_at_the_limit_of_memory() -> None:
    doubling = b"]\x94" + b"(" + b"h\x00" * 5_000 + b"e."
    many = b"(" + b"}" * 5_000 + b"l."
    text = b"(" + b"X\x0a\x00\x00\x00aaaaaaaaaa" * 5_000 + b"t."
    for data in (doubling, many, text):
        with pytest.raises(InputError, match="more memory than is allowed"):
            loaded(data, most=1 << 17)
    chain = b"N" + b"\x85" * 20_000 + b"."  # a tuple in a tuple in ...
    assert isinstance(load(io.BytesIO(chain), len(chain), "x.pkl"), tuple)
    numbers = pickle.dumps([float(n) for n in range(20_000)])
    assert len(loaded(numbers, most=1 << 19)) == 20_000


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[bytes]]:
    """Return a file that must not appear, and pickles that write it or that hold plain data."""
    target = tmp_path_factory.mktemp("fuzz") / "written"
    mars = {(1, 2): {"confs": np.ones(9, "f2"), "probes": [{"position": 1}]}}
    deepconf = {"all_traces": [{"confs": [1.5] * 40, "token_ids": [3, 70000] * 9}]}
    return target, [*evil(target), *(pickle.dumps(data, p) for data in (mars, deepconf) for p in PROTOCOLS)]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_pickles_give_a_value_or_a_line(samples: tuple[Path, list[bytes]], data: st.DataObject) -> None:
    target, files = samples
    text = bytearray(data.draw(st.sampled_from(files)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + data.draw(st.integers(0, 2))] = data.draw(OPCODES)
        text = text or bytearray(b".")
    try:
        loaded(bytes(text), most=1 << 24)
    except InputError as error:
        assert "\n" not in str(error)
    except RecursionError:
        pass  # of `plain` above
    assert not target.exists()


OPCODES = st.binary(max_size=3) | st.sampled_from([opcode.code.encode("latin1") for opcode in pickletools.opcodes])


def test_nothing_of_the_pickle_module_is_used() -> None:
    source = Path(pickles.__file__).read_text(encoding="utf-8")
    source += Path(pickles.__file__).with_name("pickled_arrays.py").read_text(encoding="utf-8")
    for word in ("import pickle\n", "from pickle ", "__import__", "importlib", "getattr(", "eval(", "exec("):
        assert word not in source
