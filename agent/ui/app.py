"""The web application: pages and data. Every failure is one sentence, never a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from autotts.envs.errors import InputError
from autotts.sandbox.base import SandboxLimits

from ..archive.reader import ArchiveReader, EnvironmentMissing
from . import live
from .pages import about, compare, environments, glossary, lineage, run, trace, version

STATIC = Path(__file__).with_name("static")


def create(reader: ArchiveReader, sandbox: str = "auto", ending: Callable[[], bool] = lambda: False) -> FastAPI:
    """Return the application, without its `AccessGuard`.

    Args:
        reader: reader of the archive to show.
        sandbox: name of the sandbox for replays of episodes (`sandbox.choice.NAMES`).
        ending: returns whether open streams must end.
    """

    app = FastAPI(
        title="AutoTTS", description="Shows runs, lineages, versions and traces; changes nothing.",
        docs_url=None, redoc_url=None, openapi_url="/api/openapi.json",
    )  # fmt: skip
    app.state.reader, app.state.streams, app.state.ending = reader, 0, ending
    app.state.sandbox, app.state.limits = sandbox, SandboxLimits(episode_seconds=20, seconds=30)
    for module in (about, glossary, run, environments, lineage, version, trace, compare, live):
        app.include_router(module.router)
    app.add_exception_handler(InputError, _input_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")

    @app.get("/", include_in_schema=False)
    def index() -> FileResponse:
        return FileResponse(STATIC / "index.html")

    return app


def _input_error(request: Request, error: Exception) -> JSONResponse:
    return _problem(404 if isinstance(error, EnvironmentMissing) else 409, " ".join(str(error).split()))


def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    return _problem(422, f"{where or 'request'}: {first['msg']}")


def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    what = "there is nothing at this address" if error.status_code == 404 else str(error.detail)
    return JSONResponse({"detail": what}, error.status_code, headers=error.headers)


def _problem(code: int, text: str) -> JSONResponse:
    return JSONResponse({"detail": text}, code)
