"""The application: the page, ``POST /predict``, ``POST /evidence``, ``GET /model``, ``/healthz`` and ``/metrics``."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.style_sheets import style_sheet
from lithoscope.data.images.reading import page_path
from lithoscope.serving.server.asked_model import AnsweringModel
from lithoscope.serving.server.batching import Batcher
from lithoscope.serving.server.decoding import DecodingPool, Framed
from lithoscope.serving.server.guard import OPEN_TO_ALL, SCRIPTS, Guard
from lithoscope.serving.server.looking import Looker
from lithoscope.serving.server.measures import Measures
from lithoscope.serving.server.schemas import (
    EVIDENCE_BODY,
    HEAD_REFUSALS,
    PREDICT_BODY,
    REFUSALS,
    EvidenceAnswer,
    Health,
    ModelAnswer,
    PredictAnswer,
    with_token,
)
from lithoscope.serving.server.settings import ServerSettings
from lithoscope.serving.server.training_photographs import TrainingPhotographs
from lithoscope.serving.server.uploads import BadUpload, Upload, read_uploads

Floats = npt.NDArray[np.float32]
SPECIMEN, NEAREST = "specimen", "nearest"
TITLE, VERSION = "Lithoscope", "1"
_PAGE = {"/": ("index.html", "text/html"), "/page.css": ("page.css", "text/css")}
_PAGE |= {f"/{name}.js": (f"{name}.js", "text/javascript") for name in SCRIPTS}
_PAGE |= {"/icon.svg": ("icon.svg", "image/svg+xml")}


def create_app(model: AnsweringModel, settings: ServerSettings, training: TrainingPhotographs | None = None) -> FastAPI:
    """Return the ASGI application around a model.

    Args:
        model: Answers.
        settings: Limits.
        training: Photographs that it learnt from, which may be shown; None where they may not.
    """
    measures = Measures()
    size, crop_border, reading = model.framing
    reading = replace(reading, max_megapixels=min(reading.max_megapixels, settings.max_megapixels))
    batcher = Batcher(model.run, settings.batch)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        pool = DecodingPool(
            *(size, crop_border, reading),
            processes=settings.decoders,
            seconds=settings.seconds,
            memory=settings.decoder_bytes,
            most=settings.max_files,
        )
        with pool:
            app.state.pool = pool
            await batcher.start()
            yield
            await batcher.stop()

    app = FastAPI(title=TITLE, version=VERSION, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_middleware(Guard, settings=settings, measures=measures)
    _add_errors(app)
    _add_page(app)

    @app.get("/healthz", summary="Whether the server is up", response_model=Health, responses=HEAD_REFUSALS)
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get(
        "/metrics",
        summary="Figures of the running server for Prometheus",
        response_class=Response,
        responses=HEAD_REFUSALS,
    )
    async def metrics() -> Response:
        return Response(measures.text(), media_type=CONTENT_TYPE_LATEST)

    @app.get(
        "/model",
        summary="The model: its classes, figures with intervals, hashes",
        response_model=ModelAnswer,
        responses=HEAD_REFUSALS,
    )
    async def about() -> Mapping[str, Any]:
        limits = {"files": settings.max_files, "bytes": settings.max_bytes}
        return {**model.about(), "pages": reading.pages, "limits": limits, "shows_training": training is not None}

    _add_prediction(app, model, settings, batcher, measures, training)
    _add_evidence(app, model)
    if settings.token is not None:
        with_token(app.openapi(), OPEN_TO_ALL)  # which FastAPI keeps
    return app


def _add_prediction(
    app: FastAPI,
    model: AnsweringModel,
    settings: ServerSettings,
    batcher: Batcher[tuple[Floats, Floats]],
    measures: Measures,
    training: TrainingPhotographs | None,
) -> None:
    @app.post(
        "/predict",
        summary="Name photographs",
        response_model=PredictAnswer,
        openapi_extra={"requestBody": PREDICT_BODY},
        responses=REFUSALS,
    )
    async def predict(request: Request, response: Response) -> dict[str, Any]:
        uploads, fields = await read_uploads(request, settings.max_files)
        together = _flag(SPECIMEN, fields)
        nearest = _flag(NEAREST, fields)
        if nearest and training is None:
            raise BadUpload(f"{NEAREST} = 'true': this server shows no training photographs (--show-training)")
        framed = await asyncio.gather(*(request.app.state.pool.framed(one.content) for one in uploads))
        sent = [_Sent(file, *one) for file, of_file in enumerate(framed) for one in enumerate(of_file, start=1)]
        if len(sent) > max(settings.max_files, len(uploads)):
            raise BadUpload(f"{len(sent)} pages, each a photograph to this model; allowed: {settings.max_files}")
        answer = await _answer(model, batcher, uploads, sent, fields, together, training if nearest else None)
        for row in answer["predictions"]:
            measures.photographs.labels("unreadable" if row["problem"] else row.get("answer") or "name").inc()
        if all(one.framed.square is None for one in sent):
            response.status_code = 422
        return answer


def _add_evidence(app: FastAPI, model: AnsweringModel) -> None:
    looker = Looker(model)

    @app.post(
        "/evidence",
        summary="Where in one photograph the evidence for a class lies",
        response_model=EvidenceAnswer,
        openapi_extra={"requestBody": EVIDENCE_BODY},
        responses=REFUSALS,
    )
    async def look(request: Request) -> Any:
        (upload,), fields = await read_uploads(request, 1)
        label, page = fields.pop("label", None), fields.pop("page", "1")
        if fields:
            raise BadUpload(f"a field called {min(fields)[:40]!r}; allowed: label, page")
        pages = await request.app.state.pool.framed(upload.content)
        if page not in map(str, range(1, len(pages) + 1)):
            raise BadUpload(f"page = {page[:40]!r}; allowed: 1 to {len(pages)}")
        framed, name = pages[int(page) - 1], page_path(upload.name, int(page))
        if framed.square is None:
            return JSONResponse({"error": f"{name or 'the file'}: {framed.problem}"}, 422)
        return {**await looker.look(framed.square, label), "photograph": name}


class _Sent(NamedTuple):
    """One page of a file that was sent; most files have one alone.

    Attributes:
        file: Its file's place among those sent, from 0.
        page: From 1.
        framed: What came of it.
    """

    file: int
    page: int
    framed: Framed


async def _answer(
    model: AnsweringModel,
    batcher: Batcher[tuple[Floats, Floats]],
    uploads: Sequence[Upload],
    sent: Sequence["_Sent"],
    fields: Mapping[str, str],
    together: bool,
    training: TrainingPhotographs | None,
) -> dict[str, Any]:
    readable = [one.framed.square for one in sent if one.framed.square is not None]
    outputs = await asyncio.gather(*(batcher.result(square) for square in readable))
    given = iter(model.answers(outputs, fields, one_specimen=False) if outputs else [])
    seen = [features for _, features in outputs]
    nearest = iter(await asyncio.to_thread(lambda: [training.nearest(one) if training else [] for one in seen]))
    rows = [
        {
            **(next(given) if one.framed.square is not None else {"label": None, "confidence": None}),
            "photograph": page_path(uploads[one.file].name, one.page),
            "file": one.file,
            "page": one.page,
            "problem": one.framed.problem,
            "notes": list(one.framed.notes),
            "nearest": next(nearest) if one.framed.square is not None else [],
        }
        for one in sent
    ]
    answer: dict[str, Any] = {"predictions": rows, "specimen": None, "error": None}
    if together and outputs:
        near = training.nearest(np.mean(seen, axis=0)) if training else []
        specimen = model.answers(outputs, fields, one_specimen=True)[0]
        answer["specimen"] = {**specimen, "photographs": len(outputs), "nearest": near}
    if not outputs:
        answer["error"] = "; ".join(f"{row['photograph'] or 'the file'}: {row['problem']}" for row in rows)
    return answer


def _flag(name: str, fields: dict[str, str]) -> bool:
    text = fields.pop(name, "false")
    if text not in ("true", "false"):
        raise BadUpload(f"{name} = {text[:40]!r}; allowed: true, false")
    return text == "true"


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(BadUpload)
    async def bad_upload(_request: Request, error: BadUpload) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 400)

    @app.exception_handler(LithoscopeError)
    async def mistake(_request: Request, error: LithoscopeError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 400)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        return JSONResponse({"error": "; ".join(str(one["msg"]) for one in error.errors())}, 400)

    @app.exception_handler(HTTPException)
    async def refused(_request: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"error": str(error.detail)}, error.status_code, headers=error.headers)


def _add_page(app: FastAPI) -> None:
    folder = files("lithoscope.serving.server") / "page"
    contents = {path: ((folder / name).read_bytes(), kind) for path, (name, kind) in _PAGE.items()}
    contents["/colours.css"] = ((style_sheet("colours") + style_sheet("base")).encode(), "text/css")
    for path, (content, kind) in contents.items():
        app.add_api_route(path, _static(content, kind), methods=["GET"], include_in_schema=False)


def _static(content: bytes, kind: str) -> Any:
    async def send() -> Response:
        return Response(content, media_type=kind)

    return send
