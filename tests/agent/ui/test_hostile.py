"""Bad and hostile input: nothing is executed, nothing leaks, nothing breaks, and the page says what is wrong."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from jsonschema import Draft202012Validator
from playwright.sync_api import expect
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import status_code_conformance
from starlette.testclient import TestClient

from autotts.agent.archive.archive import MANIFEST, Archive, sha256
from autotts.agent.archive.reader import ArchiveReader
from autotts.agent.records.card import Card
from autotts.agent.ui.app import create

from .archives import protocol, small_archive, tiny
from .conftest import Opens, serving

CHECKS = (not_a_server_error, status_code_conformance)
VERSIONS = ("g001-child", "parallel_probe", "g002-failed", "g001-broken", "g001-logs", "g001-script", "g001-large")
SCRIPT = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
SECRET = "root:x:0:0"
TRAVERSALS = (
    "../../../../../../etc/passwd", "/etc/passwd", "..%2f..%2fetc%2fpasswd", "....//....//etc/passwd", "..", ".",
    "%00", "g001-child/../../../secret", "a\x00b", "C:\\windows", "~root", "file:///etc/passwd", "replays",
    "index.sqlite", "g001-child/card.json", "$(id)", "' OR 1=1 --", "😀" * 50, "A" * 5000,
)  # fmt: skip


def add(root: Path, version: str, source: str, **fields: Any) -> None:
    """File a version that did not run."""
    card = Card(
        id=version, generation=1, explorer=fields.pop("explorer", "evolve"), sandbox="process",
        source_sha256=sha256(source.encode()), protocol=protocol([tiny()]),
        **{"name": version, "verdict": "exception", **fields},
    )  # fmt: skip
    Archive(root).add(card, source, None, fields.get("rationale", ""))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of everything that should not be in one."""
    root = small_archive(tmp_path_factory.mktemp("hostile") / "archive", SCRIPT)
    (root.parent / "secret").write_text(SECRET)
    add(root, "g001-script", SCRIPT, name=SCRIPT, rationale=SCRIPT, message=SCRIPT, explorer=SCRIPT, outcome=SCRIPT)
    add(root, "g001-large", "# " + "x" * 78 + "\n" + ("y = '" + "z" * 70 + "'\n") * 13_500)
    add(root, "g001-one-line", "x" * 1_100_000)
    add(root, "g001-deep", "(" * 150_000)
    add(root, "g001-circle", "pass\n", parents=("g001-circle-too",))
    add(root, "g001-circle-too", "pass\n# too\n", parents=("g001-circle", "g001-circle-too", "gone", "../../secret"))
    good = (root / "g001-child" / "card.json").read_bytes()
    for name, content in {
        "g001-broken": b"{not json",
        "g001-nan": re.sub(rb'"mean_tokens": [0-9.]+', b'"mean_tokens": NaN', good.replace(b"g001-child", b"g001-nan")),
        "g001-liar": good,
        "g001-huge-number": good.replace(b"g001-child", b"g001-huge-number").replace(b'"beta": 0.5', b'"beta": 1e999'),
        "g001-empty": b"",
        "g001-nested": b"[" * 100_000,
    }.items():
        shutil.copytree(root / "g001-child", root / name)
        (root / name / "card.json").write_bytes(content)
    damages = {"g001-logs": "logs.npz", "g001-source": "controller.py", "g001-talk": "transcript.txt.gz"}
    for name, damage in damages.items():
        shutil.copytree(root / "g001-child", root / name)
        card = json.loads((root / name / "card.json").read_text())
        (root / name / "card.json").write_text(json.dumps({**card, "id": name}))
        (root / name / "manifest.json").unlink()  # its hashes are not looked at here
        (root / name / "manifest.json").write_text("{}")
        (root / name / damage).write_bytes(b"\xff\xfe\x00nonsense")
    (root / "g001-link").symlink_to(root.parent)
    (root / ".writing-abc").mkdir()
    (root / ".writing-abc" / "card.json").write_text("{")
    (root / "g001-half").mkdir()
    (root / "g001-half" / "card.json").write_text("{")
    (root / "stray.txt").write_text("stray")
    (root / "index.sqlite").write_bytes(b"nonsense" * 600)
    replays = root / "replays" / "g001-child"
    replays.mkdir(parents=True)
    (replays / "x.json").write_text("[1, 2")
    (replays / "y.json").write_text('{"protocol": 1, "curve": "many"}')
    return root


@pytest.fixture(scope="module")
def client(hostile: Path) -> TestClient:
    return TestClient(create(ArchiveReader(hostile, None, hostile), "process"), raise_server_exceptions=False)


def parameters(client: TestClient) -> Iterator[tuple[str, str, str]]:
    """Yield (path, where, name) of every parameter of every GET."""
    for path, verbs in client.get("/api/openapi.json").json()["paths"].items():
        for parameter in verbs.get("get", {}).get("parameters", ()):
            yield path, parameter["in"], parameter["name"]


GOOD = {"id": "g001-child", "base": "parallel_probe", "first": "g001-child", "second": "parallel_probe",
        "environment": tiny().name, "question": "0", "beta": "0.5", "order": "0"}  # fmt: skip


@pytest.mark.parametrize("text", TRAVERSALS, ids=range(len(TRAVERSALS)))
def test_no_parameter_becomes_a_path(client: TestClient, text: str) -> None:
    tried = 0
    for path, where, name in parameters(client):
        values = {**GOOD, name: text} if where == "query" else GOOD
        version = text if where == "path" else "g001-child"
        answer = client.get(path.replace("{version}", quote(version, safe="")), params=values)
        assert answer.status_code < 500, (path, name, answer.text)
        assert SECRET not in answer.text and "stray" not in answer.text and "Traceback" not in answer.text
        if where == "path":
            assert answer.status_code in (404, 405, 409, 422), (path, answer.status_code)
        tried += 1
    assert tried >= 20
    plain, encoded = text if text.isprintable() else "x", quote(text, safe="")
    for raw in (f"/static/{plain}", f"/static/{encoded}", f"/static/..%2f..%2f{encoded}"):
        answer = client.get(raw)
        assert answer.status_code in (404, 405, 307, 400, 200) and SECRET not in answer.text
        assert "<html" in answer.text or answer.status_code != 200 or text in ("..", ".")


def test_unreadable_versions_are_reported(client: TestClient) -> None:
    about = client.get("/api/about").json()
    bad = {"g001-broken", "g001-nan", "g001-liar", "g001-huge-number", "g001-empty", "g001-nested"}
    assert set(about["problems"]) == bad and "reindex" in about["note"]
    for version in bad:
        answer = client.get(f"/api/version/{version}")
        assert answer.status_code == 409 and version in answer.json()["detail"]
    for path, word in {
        "episodes/g001-logs": "damaged", "version/g001-source/source": "not readable",
        "version/g001-talk/transcript": "damaged", "version/g001-deep/transcript": "no transcript",
        "episodes/g001-deep": "no action logs", "version/g001-link": "no version", "version/g001-half": "no version",
        "version/g001-child/diff?base=g001-large": "not compared",
        "trace/g001-child?environment=nowhere&question=0&beta=0.5&order=0": "no environment",
        "trace/g001-child?environment=" + tiny().name + "&question=999&beta=0.5&order=0": "not recorded",
        "questions?first=g001-child&second=g001-deep&environment=x&beta=0.5": "no action logs",
    }.items():  # fmt: skip
        answer = client.get(f"/api/{path}")
        assert answer.status_code in (404, 409) and word in answer.json()["detail"], (path, answer.text)


def test_pages_of_an_archive_that_is_being_written_are_consistent(tmp_path: Path) -> None:
    """Versions come while lists are read: every answer is whole, and in the end all are there."""
    root = small_archive(tmp_path / "archive")
    client = TestClient(create(ArchiveReader(root, None, root)), raise_server_exceptions=False)
    writer = threading.Thread(target=lambda: [add(root, f"g001-n{i:03d}", f"# {i}\n") for i in range(60)])
    writer.start()
    counts = []
    while writer.is_alive():
        for path in ("lineage", "run", "about", "versions"):
            assert client.get(f"/api/{path}").status_code == 200
        family = client.get("/api/lineage").json()
        assert len({len(family[c]) for c in ("ids", "names", "generations", "qualities", "parents")}) == 1
        counts.append(len(family["ids"]))
    writer.join()
    assert counts == sorted(counts)
    Archive(root).reindex()
    assert len(ArchiveReader(root, None, root).view().rows) == 65
    shutil.rmtree(root / "g001-n000")
    assert len(ArchiveReader(root, None, root).view().rows) == 64  # the index still has it; the folder counts


def test_rejected_versions_are_never_replayed(tmp_path: Path) -> None:
    root = small_archive(tmp_path / "archive")
    add(root, "g001-looked", "raise SystemExit\n", verdict="rejected: looked ahead")
    client = TestClient(create(ArchiveReader(root, None, root), "process"), raise_server_exceptions=False)
    ask = {"version": "g001-looked", "environment": tiny().name, "question": 0, "beta": 0.5, "order": 0}
    answer = client.post("/api/replay", json=ask)
    assert answer.status_code == 409 and "not played" in answer.json()["detail"]
    answer = client.post("/api/replay", json={**ask, "version": "g002-failed"})
    assert answer.status_code == 409 and "failed" in answer.json()["detail"]
    before = sorted(path for path in root.rglob("*"))
    assert client.post("/api/replay", json={**ask, "version": "g001-child"}).status_code == 200
    assert sorted(path for path in root.rglob("*")) == before  # nothing of it is kept


def test_exports_escape_names() -> None:
    from autotts.agent.ui.latex import escaped
    from autotts.agent.ui.pages.compare import _cell

    assert escaped(r"\input{/etc/passwd} $x_1$ 5% & #") == (
        r"\textbackslash{}input\{/etc/passwd\} \$x\_1\$ 5\% \& \#"
    )  # fmt: skip
    assert _cell("=cmd|' /C calc'!A0") == "'=cmd|' /C calc'!A0" and _cell("g001") == "g001"


# The API against its own description


@pytest.fixture(scope="module")
def api(hostile: Path) -> Any:
    app = create(ArchiveReader(hostile, None, hostile), "process")
    return schemathesis.openapi.from_asgi("/api/openapi.json", app).exclude(path="/api/events")


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_api_follows_its_openapi_schema(api: Any, mode: GenerationMode) -> None:
    """Whatever is asked, by the description or against it: no 5xx, and no answer that is not described."""
    tried, described = set(), api.raw_schema
    for operation in (result.ok() for result in api.get_all_operations()):
        cases = operation.as_strategy(generation_mode=mode)

        @given(case=cases, version=st.sampled_from(["", *VERSIONS]), data=st.data())
        @settings(max_examples=30, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        def check(case: Any, version: str, data: st.DataObject) -> None:
            if version:  # what the description cannot know: a version that is there leads further in
                replace(case, version, data)
            tried.add(case.operation.path)
            answer = case.call()
            case.validate_response(answer, checks=CHECKS)
            as_described(described, case, answer)

        with contextlib.suppress(Unsatisfiable):  # nothing can be wrong with a call that takes nothing
            check()
    assert len(tried) >= 9


def as_described(described: dict[str, Any], case: Any, answer: Any) -> None:
    """Validate an answer against the schema of its code; schemathesis itself stumbles over fixed-length arrays."""
    content = described["paths"][case.operation.path][case.method.lower()]["responses"][str(answer.status_code)]
    schema = content.get("content", {}).get("application/json", {}).get("schema")
    if schema:
        Draft202012Validator({**schema, "components": described["components"]}).validate(answer.json())


def replace(case: Any, version: str, data: st.DataObject) -> None:
    """Put names that exist into some of the places of a case."""
    for place in (case.path_parameters, case.query, case.body):
        for name in list(place) if isinstance(place, dict) else ():
            if name in ("version", "id", "base", "first", "second") and data.draw(st.booleans()):
                place[name] = [version] if isinstance(place[name], list) else version
            elif name == "environment" and data.draw(st.booleans()):
                place[name] = tiny().name


# In the browser


@pytest.fixture(scope="module")
def hostile_link(hostile: Path) -> Iterator[str]:
    with serving("--archive", hostile, "--data", hostile, "--sandbox", "process") as link:
        yield link


@pytest.mark.browser
def test_names_never_become_markup(watch: Opens, hostile_link: str) -> None:
    found = watch(hostile_link)
    for hash in ("run", "lineage/g001-script?by=explorer", "version/g001-script", "version/g001-child", "compare",
                 "trace/g001-child", "lineage/g001-circle", "lineage?x=score", "version/g001-circle-too"):  # fmt: skip
        page = found.open(hash)
        page.locator("#notices details").wait_for()
        assert page.locator("main script, main img, header img, #notices img").count() == 0, hash
        assert "owned" not in page.title() or SCRIPT[:10] in page.title()
        page.evaluate("document.activeElement.blur()")
    page = found.open("version/g001-script")
    expect(page.locator("#rationale")).to_have_text(SCRIPT)
    expect(page.locator("pre.code")).to_have_text(SCRIPT)


@pytest.mark.browser
def test_page_shows_the_error_of_the_server(watch: Opens, hostile_link: str) -> None:
    found = watch(hostile_link)
    found.expected = ("409", "404")  # the browser says so of answers that are expected
    page = found.open("version/g001-broken", "main .notice")
    expect(page.locator("main .notice")).to_contain_text("not a card")
    page.locator("#notices summary").click()
    expect(page.locator("#notices li")).to_have_count(6)
    page = found.open("version/..%2F..%2Fsecret", "main .notice")
    expect(page.locator("main .notice")).to_contain_text("nothing at this address")
    page = found.open("trace/g001-logs", "main .notice")
    expect(page.locator("main .notice").first).to_contain_text("damaged")
    page = found.open("nothing/at/all?x=%ZZ")
    expect(page.locator("h1")).to_contain_text("Archive")
    found.accessible()


@pytest.mark.browser
def test_source_of_a_megabyte_is_shown(watch: Opens, hostile_link: str) -> None:
    found = watch(hostile_link)
    for version in ("g001-large", "g001-one-line"):
        page = found.open(f"version/{version}", "pre.code")
        assert len(page.locator("pre.code").inner_text()) <= 210_000
        page.get_by_role("button", name="Show the rest").click()
        page.wait_for_function("document.querySelector('pre.code').textContent.length > 1000000")
        found.open("run")


@pytest.mark.browser
def test_scripts_of_another_site_get_no_data(watch: Opens, hostile_link: str, tmp_path: Path) -> None:
    """A page of another origin, in the browser that holds the cookie, can neither read nor frame the application."""
    found = watch(hostile_link)
    found.open("run")
    found.expected = ("",)  # whatever the browser complains of is what this test is about
    page = found.page.context.new_page()
    page.goto("data:text/html,<title>elsewhere</title>")
    told = page.evaluate(
        "async (base) => { try { return await (await fetch(base + 'api/run', {credentials: 'include'})).text() }"
        " catch (e) { return 'refused' } }",
        found.base,
    )
    assert told == "refused"
    frame_it = "(base) => { const f = document.createElement('iframe'); f.src = base; document.body.append(f) }"
    page.evaluate(frame_it, found.base)
    frame = page.frames[-1]
    assert "AutoTTS" not in frame.content()


@pytest.mark.browser
def test_page_without_the_token_says_where_the_link_is(watch: Opens, hostile_link: str) -> None:
    base = hostile_link.partition("?")[0]
    found = watch(base)
    found.expected = ("401", "Failed to load")
    expect(found.page.locator("body")).to_contain_text("Open it by the link")
    assert "g001" not in found.page.content()


def test_folder_without_manifest_is_not_a_version(tmp_path: Path) -> None:
    """A folder counts once its manifest is there: it is renamed into place with it."""
    root = small_archive(tmp_path / "archive")
    place = ArchiveReader(root, None, root)
    aside = root / "g009-late"
    shutil.copytree(root / "g001-child", aside, ignore=lambda *_: [MANIFEST])
    assert "g009-late" not in place.view().problems
