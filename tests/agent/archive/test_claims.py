"""Figures of imported versions: claims until their action logs have been scored again here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import autotts
from autotts.agent.archive.archive import Archive
from autotts.agent.archive.bundles.bundle import LIST
from autotts.agent.archive.bundles.export import export
from autotts.agent.archive.bundles.import_bundle import import_bundle
from autotts.agent.archive.index import ArchiveIndex
from autotts.agent.archive.origins import ORIGINS, read_origins
from autotts.agent.archive.reader import ArchiveReader
from autotts.agent.archive.version import ArchivedVersions
from autotts.agent.cli.main import main
from autotts.agent.diagnosis.rescoring import VersionRescorer, rescore_archive
from autotts.agent.records.card import CLAIMED, EvaluationProtocol
from autotts.envs.errors import InputError
from autotts.envs.store import Environment

from ..ui.archives import small_archive, tiny
from .test_bundles import contents, listed, with_manifest

CHILD = "g001-child"


def at_hand(protocol: EvaluationProtocol) -> list[Environment]:
    assert protocol.environments == {tiny().name: tiny().hash}
    return [tiny()]


def nothing(protocol: EvaluationProtocol) -> list[Environment]:
    raise InputError("the recorded branches are not here")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    made = Archive(small_archive(tmp_path / "theirs"))
    export(made, ["g002-grandchild", "g002-failed"], tmp_path / "bundle.zip")
    return tmp_path / "bundle.zip"


def forged(bundle: Path, share: float = 99.9) -> Path:
    """Write another accuracy into the card of a version, with all hashes right."""
    files = contents(bundle)
    card = json.loads(files[f"versions/{CHILD}/card.json"])
    for point in card["curve"]:
        point["accuracy_pct"] = share
    listing = json.loads(files[LIST])
    changed = with_manifest(files, CHILD, "card.json", json.dumps(card, indent=1).encode())
    bundle.write_bytes(listed(changed, tuple(listing["versions"])))
    return bundle


def test_figures_that_the_logs_do_not_give_are_refused(tmp_path: Path, bundle: Path) -> None:
    with pytest.raises(InputError, match=rf"{CHILD}: at beta .* its card claims 99.90% .*nothing was imported"):
        import_bundle(forged(bundle), Archive(tmp_path / "new"), rescore=VersionRescorer(at_hand))
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("field", ["width", "decisions", "latency"])
def test_behaviour_that_the_logs_do_not_give_is_refused(tmp_path: Path, bundle: Path, field: str) -> None:
    made = Archive(small_archive(tmp_path / "again"))
    card = made.card(CHILD)
    rescore = VersionRescorer(at_hand)
    packed = (made.root / CHILD / "logs.npz").read_bytes()
    from autotts.agent.diagnosis.behaviour import behaviour
    from autotts.envs.episodes import grid
    from autotts.envs.scoring import score

    p = card.protocol
    batch = grid([tiny()], p.betas, range(p.orders), p.max_branches)
    right = behaviour(score(batch, made.logs(CHILD)), made.logs(CHILD))
    assert rescore(card.model_copy(update={"behaviour": right}), packed).difference == ""
    wrong = right.model_copy(update={field: "0" * 32 if field == "decisions" else 0.123})
    assert field in rescore(card.model_copy(update={"behaviour": wrong}), packed).difference


def test_logs_of_other_episodes_or_without_sense_are_refused(tmp_path: Path) -> None:
    made = Archive(small_archive(tmp_path / "again"))
    card, rescore = made.card(CHILD), VersionRescorer(at_hand)
    packed = (made.root / CHILD / "logs.npz").read_bytes()
    longer = card.protocol.model_copy(update={"orders": 3})
    assert "episodes" in rescore(card.model_copy(update={"protocol": longer}), packed).difference
    assert "damaged" in rescore(card, b"junk").difference
    assert "no action logs" in rescore(card, None).difference


def test_claimed_versions_are_shown_without_rank_everywhere(
    tmp_path: Path, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = Archive(tmp_path / "new")
    found = import_bundle(forged(bundle), new, rescore=VersionRescorer(nothing))
    assert CHILD in found.claimed and "g002-failed" not in found.claimed
    versions = ArchivedVersions(Archive(new.root))
    child = versions.by_id[CHILD]
    assert child.claimed and child.verdict == CLAIMED and child.rank is None and child.quality is None
    assert child.shrunk_quality is None and not child.on_front and child.curve and versions.best is None
    snapshot = ArchiveIndex(new.root).view()
    assert snapshot.ranked == [] and snapshot.by_id[CHILD].verdict == CLAIMED and snapshot.best() is None
    assert ArchiveReader(new.root, None, tmp_path).best() is None
    assert main(["lineage", "--archive", str(new.root), "--all", "--json", str(tmp_path / "l.json")]) == 0
    assert main(["show", CHILD, "--archive", str(new.root)]) == 0
    shown = capsys.readouterr().out
    assert f"verdict {CLAIMED}" in shown and "archive verify --rescore" in shown
    rows = {row["id"]: row for row in json.loads((tmp_path / "l.json").read_text())["versions"]}
    assert rows[CHILD]["verdict"] == CLAIMED and rows[CHILD]["rank"] is None
    assert autotts.open_archive(new.root)[CHILD].claimed


def test_honest_bundle_is_scored_again_and_ranked(tmp_path: Path, bundle: Path) -> None:
    new = Archive(tmp_path / "new")
    assert import_bundle(bundle, new, rescore=VersionRescorer(at_hand)).claimed == {}
    before = ArchivedVersions(Archive(tmp_path / "theirs"))
    after = ArchivedVersions(Archive(new.root))
    assert after.ranks.keys() == before.ranks.keys() and not after.by_id[CHILD].claimed
    assert after.qualities == before.qualities


def test_verify_scores_claims_again_and_reports_forged_ones(
    tmp_path: Path, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import_bundle(bundle, Archive(tmp_path / "honest"))
    assert main(["archive", "verify", "--archive", str(tmp_path / "honest")]) == 0
    assert "4 imported versions with figures that are only claimed" in capsys.readouterr().out
    assert main(["archive", "verify", "--archive", str(tmp_path / "honest"), "--rescore"]) == 0
    shown = capsys.readouterr().out
    assert "4 versions scored again here: figures as on the cards (not audited here)" in shown
    assert "only claimed" not in shown
    assert ArchivedVersions(Archive(tmp_path / "honest")).by_id[CHILD].rank is not None
    import_bundle(forged(bundle), Archive(tmp_path / "forged"))
    assert main(["archive", "verify", "--archive", str(tmp_path / "forged"), "--rescore"]) == 1
    assert f"{CHILD}: at beta" in capsys.readouterr().out
    assert ArchivedVersions(Archive(tmp_path / "forged")).by_id[CHILD].rank is None


def test_own_archive_is_scored_again_too(tmp_path: Path) -> None:
    made = Archive(small_archive(tmp_path / "own"))
    found = rescore_archive(made, VersionRescorer(at_hand))
    assert len(found.rescored) == 4 and not found.differences and not found.unchecked
    assert not (made.root / ORIGINS).exists()


def test_bundle_cannot_bring_its_own_origins(tmp_path: Path, bundle: Path) -> None:
    files = contents(bundle)
    listing = json.loads(files[LIST])
    own = {f"versions/{ORIGINS}/card.json": b"{}"}
    bundle.write_bytes(listed({**files, **own}, (*listing["versions"], ORIGINS)))
    with pytest.raises(InputError, match="no place"):
        import_bundle(bundle, Archive(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_damaged_origins_make_every_figure_a_claim(tmp_path: Path, bundle: Path) -> None:
    new = Archive(tmp_path / "new")
    import_bundle(bundle, new, rescore=VersionRescorer(at_hand))
    path = new.root / ORIGINS
    path.write_text(path.read_text().replace("rescored", "rescorec"))
    assert read_origins(new.root).damaged and ArchivedVersions(Archive(new.root)).ranks == {}
    assert any(ORIGINS in line for line in Archive(new.root).verify())
