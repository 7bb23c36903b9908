"""Croissant metadata of the data set, which search engines for data sets and loaders of MLCommons read.

Source: M. Akhtar et al. (2024), Croissant: A Metadata Format for ML-Ready Datasets, DEEM; version 1.0 of the format.
"""

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.files import read_json

METADATA, TABLE = "croissant.json", "photographs.csv"
COLUMNS = {
    "id": ("sc:Text", "The photograph's path in its set"),
    "label": ("sc:Text", "What it shows"),
    "split": ("sc:Text", "Whether it trains, validates or tests"),
    "group": ("sc:Text", "The smallest id among photographs that stand on one side: repeats, one specimen"),
    "specimen": ("sc:Text", "The specimen it shows, where the set says so"),
    "sha256": ("sc:Text", "SHA-256 of the file"),
    "width": ("sc:Integer", "Of the upright picture, pixels"),
    "height": ("sc:Integer", "Of the upright picture, pixels"),
}
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def write_croissant(build: Path, output: Path) -> list[Path]:
    """Describe the data set of a workspace: which photographs, what each shows, on which side of the split it stands.

    No photograph goes along: the table names them by path and hash, and the rights are those that the set states.

    Args:
        build: The folder with ``dataset.json``, ``index.csv`` and ``splits.csv``.
        output: The folder to write :data:`METADATA` and :data:`TABLE` into.

    Returns:
        The two files.

    Raises:
        LithoscopeError: A file of the pipeline is missing.
    """
    dataset = read_json(build / "dataset.json", "`dvc repro` makes it")
    index = {row["id"]: row for row in _rows(build / "index.csv")}
    rows = [{**index.get(row["id"], {}), **row} for row in _rows(build / "splits.csv") if row["split"]]
    output.mkdir(parents=True, exist_ok=True)
    table, metadata = output / TABLE, output / METADATA
    with table.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(COLUMNS), extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    digest = hashlib.sha256(table.read_bytes()).hexdigest()
    text = json.dumps(croissant(dataset, rows, digest), indent=2, ensure_ascii=False)
    metadata.write_text(text + "\n", encoding="utf-8")
    return [metadata, table]


def croissant(dataset: Mapping[str, Any], rows: Iterable[Mapping[str, str]], digest: str) -> dict[str, Any]:
    """Return the metadata as JSON-LD.

    Args:
        dataset: What ``build/dataset.json`` says.
        rows: Of the table, with at least ``label`` and ``split``.
        digest: SHA-256 of the table.
    """
    rows = list(rows)
    sides, labels = Counter(row["split"] for row in rows), Counter(row["label"] for row in rows)
    counted = ", ".join(f"{name} {count}" for name, count in sorted(sides.items()))
    kind = "synthetic drawings" if dataset["synthetic"] else "photographs"
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": dataset["name"],
        "description": f"{dataset['title']}: {len(rows)} {kind} of {len(labels)} classes ({counted}). The files "
        "themselves are not part of this description.",
        "citeAs": dataset["citation"],
        "license": dataset["rights"],
        "keywords": ["rocks", "minerals", "image classification", *(["synthetic"] if dataset["synthetic"] else [])],
        "isLiveDataset": False,
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": TABLE,
                "name": TABLE,
                "description": "A row each photograph",
                "contentUrl": TABLE,
                "encodingFormat": "text/csv",
                "sha256": digest,
            }
        ],
        "recordSet": [
            _listed("splits", "cr:Split", sides),
            _listed("classes", "sc:Enumeration", labels),
            {
                "@type": "cr:RecordSet",
                "@id": "photographs",
                "name": "photographs",
                "key": {"@id": "photographs/id"},
                "field": [_column(name, *said) for name, said in COLUMNS.items()],
            },
        ],
    }


def _listed(name: str, kind: str, counts: Mapping[str, int]) -> dict[str, Any]:
    fields = {"name": "sc:Text", "photographs": "sc:Integer"}
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "dataType": kind,
        "key": {"@id": f"{name}/name"},
        "field": [
            {"@type": "cr:Field", "@id": f"{name}/{field}", "name": field, "dataType": type_}
            for field, type_ in fields.items()
        ],
        "data": [{f"{name}/name": key, f"{name}/photographs": count} for key, count in sorted(counts.items())],
    }


def _column(name: str, kind: str, description: str) -> dict[str, Any]:
    lists = {"split": "splits/name", "label": "classes/name"}
    return {
        "@type": "cr:Field",
        "@id": f"photographs/{name}",
        "name": name,
        "description": description,
        "dataType": kind,
        "source": {"fileObject": {"@id": TABLE}, "extract": {"column": name}},
        **({"references": {"field": {"@id": lists[name]}}} if name in lists else {}),
    }


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))
    except FileNotFoundError:
        raise LithoscopeError(f"{path} is missing: `dvc repro split` makes it") from None
