"""What the API takes and answers, as OpenAPI shows it; the examples stand in their own module."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from lithoscope.serving.server import examples


def _shown(example: Mapping[str, JsonValue], *, extra: bool = False) -> ConfigDict:
    return ConfigDict(extra="allow" if extra else "ignore", json_schema_extra={"examples": [dict(example)]})


class Problem(BaseModel):
    """Why a request was refused."""

    model_config = _shown(examples.PROBLEM)

    error: str


class Health(BaseModel):
    """That the server is up."""

    model_config = _shown(examples.HEALTH)

    status: str


class TrainingPhotograph(BaseModel):
    """A photograph that the model learnt from."""

    model_config = _shown(examples.TRAINING_PHOTOGRAPH)

    photograph: Annotated[str, Field(description="What it is called in the training set")]
    label: str
    similarity: Annotated[float, Field(description="Cosine of the standardised features, -1 to 1")]
    picture: Annotated[str, Field(description="A thumbnail, a `data:` address of a JPEG")]


class PhotographAnswer(BaseModel):
    """The answer to one photograph; the fields are those of ``lithoscope predict --output answers.jsonl``."""

    model_config = _shown(examples.PHOTOGRAPH, extra=True)

    photograph: Annotated[
        str, Field(description="The file's name as it was sent, with `#page=2` for its second page")
    ] = ""
    file: Annotated[int, Field(description="The file's place among those sent, from 0")] = 0
    page: Annotated[
        int, Field(description="The file's page, from 1; others only where the model takes `pages: each`")
    ] = 1
    label: Annotated[str | None, Field(description="The most probable class; null where the file could not be read")]
    confidence: Annotated[float | None, Field(description="Its calibrated probability")]
    probabilities: Annotated[dict[str, float], Field(description="Of each class")] = {}
    problem: Annotated[str | None, Field(description="Why the file could not be read")] = None
    notes: list[str] = []
    nearest: Annotated[list[TrainingPhotograph], Field(description="Nearest first, where they were asked for")] = []


class SpecimenAnswer(PhotographAnswer):
    """The answer to all photographs of the request as photographs of one specimen."""

    model_config = _shown(examples.SPECIMEN, extra=True)

    photographs: int


class PredictAnswer(BaseModel):
    """The answers, in the order of the files; of a file whose pages are photographs to the model, one a page."""

    model_config = _shown(examples.PREDICT)

    predictions: list[PhotographAnswer]
    specimen: SpecimenAnswer | None = None
    error: Annotated[str | None, Field(description="Set where no file of the request could be read")] = None


class Figure(BaseModel):
    """How well the model did on photographs that it had not learnt from."""

    model_config = _shown(examples.FIGURE, extra=True)

    value: float
    low: Annotated[float | None, Field(description="Lower end of the 95 % interval, where there is one")] = None
    high: Annotated[float | None, Field(description="Its upper end")] = None
    n: Annotated[int, Field(description="Photographs")]
    split: str
    name: str


class ModelAnswer(BaseModel):
    """What the model is."""

    model_config = _shown(examples.MODEL, extra=True)

    classes: list[str]
    image_size: int
    synthetic: Annotated[bool, Field(description="Whether it was trained on synthetic drawings")]
    figures: Annotated[dict[str, Figure], Field(description="Empty where they are not known")] = {}
    sha256: Annotated[dict[str, str], Field(description="Of `model.onnx` and of what it was made from")] = {}
    pages: Annotated[
        Literal["first", "each", "max"], Field(description="What a file of several pages is to the model")
    ] = "first"
    shows_training: Annotated[bool, Field(description="Whether `nearest` may be asked for")]
    card_html: Annotated[str | None, Field(description="The model card for a page, with markup of ours alone")] = None


class EvidenceAnswer(BaseModel):
    """Where in a photograph the evidence for a class lies."""

    model_config = _shown(examples.EVIDENCE)

    photograph: Annotated[str, Field(description="The file's name as it was sent")] = ""
    label: Annotated[str, Field(description="The class that was asked about")]
    confidence: Annotated[float, Field(description="Its probability, before any field test")]
    lowest: Annotated[float, Field(description="Its probability where the part that matters most is covered")]
    evidence: Annotated[
        list[list[float]], Field(description="Row by row, eight by eight parts of `square`: what `note` says")
    ]
    square: Annotated[str, Field(description="The photograph as the network sees it, a `data:` address of a JPEG")]
    method: str
    source: Annotated[str, Field(description="Who published the method")]
    note: Annotated[str, Field(description="What the numbers are, and are not")]


ANSWERS: tuple[type[BaseModel], ...] = (
    *(Problem, Health, TrainingPhotograph, PhotographAnswer, SpecimenAnswer, PredictAnswer),
    *(Figure, ModelAnswer, EvidenceAnswer),
)
"""All that is answered as JSON."""

REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem} for status in (400, 401, 403, 408, 413, 421, 422, 429, 500)
}

HEAD_REFUSALS: dict[int | str, dict[str, Any]] = {status: REFUSALS[status] for status in (401, 421, 500)}
"""Of requests without a body."""

_FILES = {
    "type": "array",
    "minItems": 1,
    "items": {"type": "string", "format": "binary"},
    "description": "Image files: JPEG, PNG, HEIC, AVIF, WebP, TIFF, …; judged by their content",
}


def _body(shown: Mapping[str, Any], **fields: Mapping[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "required": ["photographs"], "properties": fields}
    content = {"schema": schema, "examples": {name: {"value": value} for name, value in shown.items()}}
    return {"required": True, "content": {"multipart/form-data": content}}


PREDICT_BODY = _body(
    examples.PREDICT_BODIES,
    photographs=_FILES,
    specimen={
        "type": "string",
        "enum": ["true", "false"],
        "description": "Whether the photographs show one specimen and get one answer together",
    },
    nearest={
        "type": "string",
        "enum": ["true", "false"],
        "description": "Whether to add the nearest training photographs; only where the server shows them",
    },
    hardness={"type": "string", "description": "Mohs hardness found in the field, such as 6-7"},
)
EVIDENCE_BODY = _body(
    examples.EVIDENCE_BODIES,
    photographs={**_FILES, "maxItems": 1},
    label={"type": "string", "description": "The class; without it, the most probable one"},
    page={"type": "string", "description": "Of a file whose pages are photographs to the model; without it, the first"},
)


def with_token(described: dict[str, Any], open_to_all: frozenset[str]) -> dict[str, Any]:
    """Say in an OpenAPI description that a token is needed.

    Args:
        described: The description; it is changed.
        open_to_all: Paths that need none.
    """
    schemes = described.setdefault("components", {}).setdefault("securitySchemes", {})
    schemes["token"] = {"type": "http", "scheme": "bearer", "description": "What the server was started with"}
    described["security"] = [{"token": []}]
    for path, operations in described["paths"].items():
        for operation in operations.values() if path in open_to_all else ():
            operation["security"] = []
    return described
