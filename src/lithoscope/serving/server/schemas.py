"""What the API takes and answers, as OpenAPI shows it, with examples."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

_ROW: dict[str, JsonValue] = {
    "photograph": "IMG_0412.heic",
    "label": "malachite",
    "confidence": 0.981245,
    "probabilities": {"malachite": 0.981245, "chrysocolla": 0.018755},
    "answer": "name",
    "named": "malachite",
    "sure": 0.981245,
    "familiarity": 0.62,
    "why": "no other name is probable enough",
    "problem": None,
    "notes": [],
    "nearest": [],
}


class Problem(BaseModel):
    """Why a request was refused."""

    error: str


class TrainingPhotograph(BaseModel):
    """A photograph that the model learnt from."""

    photograph: Annotated[str, Field(description="What it is called in the training set")]
    label: str
    similarity: Annotated[float, Field(description="Cosine of the standardised features, -1 to 1")]
    picture: Annotated[str, Field(description="A thumbnail, a `data:` address of a JPEG")]


class PhotographAnswer(BaseModel):
    """The answer to one photograph; the fields are those of ``lithoscope predict --output answers.jsonl``."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [_ROW]})

    photograph: Annotated[str, Field(description="The file's name as it was sent")] = ""
    label: Annotated[str | None, Field(description="The most probable class; null where the file could not be read")]
    confidence: Annotated[float | None, Field(description="Its calibrated probability")]
    probabilities: Annotated[dict[str, float], Field(description="Of each class")] = {}
    problem: Annotated[str | None, Field(description="Why the file could not be read")] = None
    notes: list[str] = []
    nearest: Annotated[list[TrainingPhotograph], Field(description="Nearest first, where they were asked for")] = []


class SpecimenAnswer(PhotographAnswer):
    """The answer to all photographs of the request as photographs of one specimen."""

    photographs: int


class PredictAnswer(BaseModel):
    """The answers, in the order of the files."""

    predictions: list[PhotographAnswer]
    specimen: SpecimenAnswer | None = None
    error: Annotated[str | None, Field(description="Set where no file of the request could be read")] = None


class ModelAnswer(BaseModel):
    """What the model is."""

    model_config = ConfigDict(extra="allow")

    classes: list[str]
    image_size: int
    synthetic: Annotated[bool, Field(description="Whether it was trained on synthetic drawings")]
    shows_training: Annotated[bool, Field(description="Whether `nearest` may be asked for")]
    card_html: Annotated[str | None, Field(description="The model card for a page, with markup of ours alone")] = None


class EvidenceAnswer(BaseModel):
    """Where in a photograph the evidence for a class lies."""

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


_FILES = {
    "type": "array",
    "minItems": 1,
    "items": {"type": "string", "format": "binary"},
    "description": "Image files: JPEG, PNG, HEIC, AVIF, WebP, TIFF, …; judged by their content",
}


def _body(**fields: Mapping[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "required": ["photographs"], "properties": fields}
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}


PREDICT_BODY = _body(
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
    photographs={**_FILES, "maxItems": 1},
    label={"type": "string", "description": "The class; without it, the most probable one"},
)
