"""What a controller declares is read from its source, without running any of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from autotts.envs import Controller
from autotts.envs.declarations import DeclarationError, Declarations, declarations_in, read_declarations
from autotts.sandbox import policy

BASELINES = sorted(Path("controllers_archive/baselines").glob("*.py"))
HEAD = "from envs import Controller\nclass A(Controller):\n"


def read(body: str) -> Declarations:
    return read_declarations(HEAD + body)


def test_what_is_declared_is_read() -> None:
    assert read(" pass\n") == Declarations()
    names = ' signals = ("a", "b")\n optional_signals: tuple[str, ...] = ["c"]\n'
    others = ' verifier = "optional"\n forks = "needed"\n'
    assert read(names + others) == Declarations(("a", "b"), ("c",), "optional", "needed")
    inherited = ' signals = ("a",)\n forks = "needed"\nclass B(A):\n forks = ""\nclass Trace:\n signals = set()\n'
    assert read(inherited) == Declarations(signals=("a",))
    renamed = "from envs import Controller as Base\nclass A(Base):\n verifier = 'needed'\n"
    assert read_declarations(renamed) == Declarations(verifier="needed")
    assert read_declarations("class A: signals = f()\n") == Declarations(), "it is no controller"


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (' signals = "confidence"\n', "line 3: `signals` is a tuple of names"),
        (" signals = names()\n", "line 3: `signals` is declared by a literal only"),
        (" pass\n forks = 'maybe'\n", 'line 4: `forks` is "needed", "optional" or ""'),
        (" verifier = []\n", 'line 3: `verifier` is "needed", "optional" or ""'),
        (" forks, verifier = 'needed', ''\n", "line 3: `forks` is declared by `forks = ...` only"),
        (" if True:\n  forks = 'needed'\n", "line 3: `forks` is declared by `forks = ...` only"),
        (" def signals(self): return ()\n", "line 3: `signals` is declared by a literal only"),
        (f" signals = {('x',) * 101}\n", "line 3: `signals` has more than 100 names"),
    ],
)
def test_any_other_declaration_is_refused_with_its_line(body: str, fault: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        read(body)
    assert fault in str(refused.value)
    verdict = policy.check(HEAD + body)
    assert verdict.kind == "rejected: policy" and fault in verdict.message


@pytest.mark.parametrize("file", BASELINES, ids=lambda file: file.stem)
def test_the_source_declares_what_the_class_has(file: Path) -> None:
    source = file.read_text(encoding="utf-8")
    space: dict[str, object] = {}
    exec(compile(source.replace("from envs import", "from autotts.envs import"), str(file), "exec"), space)
    kinds = [v for v in space.values() if isinstance(v, type) and issubclass(v, Controller) and v is not Controller]
    (leaf,) = (kind for kind in kinds if not any(other is not kind and issubclass(other, kind) for other in kinds))
    assert read_declarations(source) == Declarations.of(leaf)


def test_what_is_missing_is_named() -> None:
    declared = Declarations(("a", "b"), ("c",), "needed", "optional")
    assert declared.missing(("a",), verifier=False, forks=False) == ("the signal b", "a verifier")
    assert declared.missing(("a", "b"), verifier=True, forks=False) == ()
    assert declared.shown(("c", "b", "d")) == ("b", "c")
    assert declared.needs and not Declarations(optional_signals=("c",), forks="optional").needs


def test_deep_sources_are_read_without_recursion_errors() -> None:
    import ast

    chain = "".join(f"class C{n}(C{n - 1}, C{n - 1}): pass\n" for n in range(1, 2000))
    assert declarations_in(ast.parse(f"{HEAD} signals = ('a',)\nclass C0(A): pass\n{chain}")).signals == ("a",)
    assert declarations_in(ast.parse("class A(B): pass\nclass B(A): pass\n")) == Declarations()


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        (Declarations(), ""),
        (Declarations(verifier="needed", forks="needed"), "It needs a verifier and forks."),
        (Declarations(("confidence",)), "It needs the signal confidence."),
        (
            Declarations(("group", "lowest_group"), ("entropy",), "", "optional"),
            "It needs the signals group and lowest_group, and uses the signal entropy and forks where an environment "
            "has them.",
        ),
        (
            Declarations((), ("a", "b", "c"), "optional"),
            "It uses the signals a, b and c and a verifier where an environment has them.",
        ),
    ],
)
def test_what_a_controller_uses_is_told_in_one_sentence(declared: Declarations, words: str) -> None:
    assert declared.in_words() == words
