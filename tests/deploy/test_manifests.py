"""The Kubernetes manifests against the schemas of the API, and against each other."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from autotts.agent.cli.main import parser

yaml = pytest.importorskip("yaml")
kubernetes_validate = pytest.importorskip("kubernetes_validate")

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
FILES = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
VERSIONS = ("1.33", "1.35")
"""Pods with user namespaces are on by default from 1.33 on."""


def documents() -> list[dict[str, Any]]:
    return [document for file in FILES for document in yaml.safe_load_all(file.read_text(encoding="utf-8"))]


def pods() -> list[dict[str, Any]]:
    return [document["spec"]["template"] for document in documents() if "template" in document["spec"]]


@pytest.mark.parametrize("version", VERSIONS)
def test_manifests_fit_the_schemas_of_kubernetes(version: str) -> None:
    assert len(documents()) == 8
    for document in documents():
        kubernetes_validate.validate(document, version, strict=True)


def test_a_wrong_manifest_is_refused() -> None:
    wrong = next(document for document in documents() if document["kind"] == "Job")
    wrong["spec"]["template"]["spec"]["container"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


def test_selectors_select_the_pods_of_the_manifests() -> None:
    labels = [pod["metadata"]["labels"] for pod in pods()]
    for document in documents():
        spec = document["spec"]
        if document["kind"] == "Service":
            assert any(spec["selector"].items() <= each.items() for each in labels)
        elif "selector" in spec:
            assert spec["selector"]["matchLabels"] == spec["template"]["metadata"]["labels"]
    parts = {each["part"] for each in labels}
    text = "".join(file.read_text(encoding="utf-8") for file in FILES)
    assert {part for found in re.findall(r"values: \[(ray[^]]*)\]", text) for part in found.split(", ")} < parts


def test_passwords_and_tokens_come_from_a_secret_and_pods_have_no_rights() -> None:
    for pod in pods():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] and not spec["automountServiceAccountToken"]
        for container in spec["containers"]:
            context = container["securityContext"]
            assert not context["allowPrivilegeEscalation"] and context["capabilities"] == {"drop": ["ALL"]}
            for variable in container["env"]:
                if "TOKEN" in variable["name"] or "PASSWORD" in variable["name"]:
                    assert variable["valueFrom"]["secretKeyRef"]["name"] == "autotts"


def test_only_workers_loosen_the_confinement_and_all_volumes_exist() -> None:
    loose = [pod for pod in pods() if pod["spec"]["securityContext"]["seccompProfile"]["type"] == "Unconfined"]
    assert [pod["metadata"]["labels"]["part"] for pod in loose] == ["ray-worker"]
    claims = {
        claim["metadata"]["name"] for document in documents()
        for claim in document["spec"].get("volumeClaimTemplates", ())
    }  # fmt: skip
    for pod in pods():
        spec = pod["spec"]
        volumes = {volume["name"] for volume in spec.get("volumes", ())} | claims
        assert {mount["name"] for each in spec["containers"] for mount in each["volumeMounts"]} <= volumes


def test_node_image_installs_what_the_manifests_start() -> None:
    lines = (DEPLOY / "node" / "Dockerfile").read_text(encoding="utf-8")
    assert "bubblewrap" in lines and "[ray,postgres]" in lines and "USER 1000" in lines
    users = {pod["spec"]["securityContext"]["runAsUser"] for pod in pods()}
    assert users == {1000, 999}
    containers = [container for pod in pods() for container in pod["spec"]["containers"]]
    assert {each["command"][0] for each in containers if "command" in each} == {"ray", "bash"}


def test_command_of_the_driver_is_valid() -> None:
    (driver,) = (pod for pod in pods() if pod["metadata"]["labels"]["part"] == "driver")
    script = driver["spec"]["containers"][0]["command"][2].replace("\\\n", " ")
    (line,) = (line for line in script.splitlines() if "autotts discover" in line)
    parser().parse_args(shlex.split(line)[2:])
