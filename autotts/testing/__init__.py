"""Checks for controllers, questions, explorers, sandboxes and storages of your own: what the program expects of each.

Each check raises `ConformanceError` with one message, or returns a small report. Example for pytest::

    from autotts.testing import check_explorer

    def test_my_explorer() -> None:
        check_explorer(MyExplorer())
"""

from ._controllers import ControllerReport, check_controller
from ._errors import ConformanceError
from ._explorers import ExplorerReport, check_explorer
from ._questions import QuestionReport, check_question
from ._sandboxes import SandboxReport, check_sandbox
from ._storages import StorageReport, check_storage

__all__ = [
    "ConformanceError",
    "ControllerReport",
    "ExplorerReport",
    "QuestionReport",
    "SandboxReport",
    "StorageReport",
    "check_controller",
    "check_explorer",
    "check_question",
    "check_sandbox",
    "check_storage",
]
