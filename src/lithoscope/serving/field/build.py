"""The page for the field as a static folder: the server's page, a model, and ONNX Runtime Web."""

import gzip
import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.style_sheets import style_sheet
from lithoscope.serving.answers import load_limits
from lithoscope.serving.field import PAGE_FOLDER
from lithoscope.serving.field.icons import APPLE, ICONS, Icon, png
from lithoscope.serving.field.rules import page_framing, page_rules, reference_bytes
from lithoscope.serving.field.runtime import fetch_runtime
from lithoscope.serving.field_tests import known_properties
from lithoscope.serving.new_folder import new_folder, require_replaceable
from lithoscope.serving.occlusion import OF_MAPS, OF_PHOTOGRAPH
from lithoscope.serving.onnx_description import LIMITS, NETWORK
from lithoscope.serving.onnx_model import OnnxModel
from lithoscope.serving.server.answering import ExportedModel

MOST_BYTES, MOST_SENT = 30_000_000, 18_000_000
"""What a folder should weigh at most on a device, and gzipped on its way there."""
WORKER, MANIFEST, _SVG = "sw.js", "manifest.webmanifest", "icon.svg"
_OF_SERVER = ("index.html", "page.js", "looked.js", "texts.js", "page.css", _SVG)
_OF_FIELD = ("answerer.js", "answers.js", "colour.js", "container.js", "framing.js", "occlusion.js", "offline.js")
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval'",  # without it browsers compile no WebAssembly
        "style-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
    )
)
_READ = ",".join(re.findall(r'"(image/\w+)"', (PAGE_FOLDER / "container.js").read_text(encoding="utf-8")))
_PAPER = re.findall(r"--paper: (#[0-9a-f]{6})", style_sheet("colours"))  # light and dark
_CHANGES = {
    '<meta charset="utf-8">': '<meta charset="utf-8">\n'
    f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
    '<meta name="referrer" content="no-referrer">\n'
    f'<link rel="manifest" href="{MANIFEST}">\n'
    f'<link rel="apple-touch-icon" href="{APPLE.name}">\n'
    f'<meta name="theme-color" content="{_PAPER[0]}" media="(prefers-color-scheme: light)">\n'
    f'<meta name="theme-color" content="{_PAPER[1]}" media="(prefers-color-scheme: dark)">',
    # Phones hand over JPEG where HEIC, which few browsers decode, is not asked for.
    ' accept="image/*,.heic,.heif,.avif,.tif,.tiff,.jp2,.dng"': f' accept="{_READ}"',
    "They go to this server alone, and are not kept.": "They stay on this device, and are not kept.",
    '<p id="status"': '<p id="offline" class="sub small" role="status"></p>\n    <p id="status"',
    '<script type="module" src="page.js"></script>': '<script type="module" src="page.js"></script>\n'
    '<script type="module" src="offline.js"></script>',
}


@dataclass(frozen=True)
class WebFolder:
    """A folder that was written.

    Attributes:
        version: What its caches are named by: the model's hash and that of all files.
        sizes: Bytes of each file.
        sent: Bytes of all files together, each gzipped as hosts send them.
    """

    version: str
    sizes: dict[str, int]
    sent: int

    @property
    def total(self) -> int:
        """Bytes of all files."""
        return sum(self.sizes.values())


def write_web_folder(model: OnnxModel, folder: Path, fetch: Callable[[Path], list[Path]] = fetch_runtime) -> WebFolder:
    """Write the page for the field; nothing is there before all of it is.

    Args:
        model: The export.
        folder: Where to; a folder of this kind that is there is replaced.
        fetch: Puts the files of ONNX Runtime Web into a folder.

    Raises:
        LithoscopeError: The folder holds something else, the model needs what the page cannot do, or there is no npm.
    """
    require_replaceable(folder, is_web_folder)
    pages = model.description.reading.pages
    if pages != "first":
        raise LithoscopeError(
            f"the model reads files with pages: {pages}, browsers only the first page: train with first"
        )
    with new_folder(folder) as made:
        _write_page(made)
        _write_model(model, made)
        fetch(made)
        version = _write_worker(made, model.description.onnx)
        sizes = {path.name: path.stat().st_size for path in sorted(made.iterdir())}
        sent = sum(len(gzip.compress(path.read_bytes(), 6)) for path in made.iterdir())
    return WebFolder(version, sizes, sent)


def is_web_folder(folder: Path) -> bool:
    """Return whether a folder is one that :func:`write_web_folder` wrote."""
    return all((folder / name).is_file() for name in (WORKER, MANIFEST, "about.json"))


def _write_page(folder: Path) -> None:
    of_server = files("lithoscope.serving.server") / "page"
    for source, names in ((of_server, _OF_SERVER), (PAGE_FOLDER, _OF_FIELD)):
        for name in names:
            (folder / name).write_bytes((source / name).read_bytes())
    drawing = (folder / _SVG).read_text(encoding="utf-8")
    for icon in (*ICONS, APPLE):
        (folder / icon.name).write_bytes(png(drawing, icon, _PAPER[0]))
    (folder / "colours.css").write_text(style_sheet("colours") + style_sheet("base"), encoding="utf-8")
    page = (folder / "index.html").read_text(encoding="utf-8")
    for before, after in _CHANGES.items():
        if page.count(before) != 1:
            raise RuntimeError(f"index.html: {before!r} is to be there once")  # a mistake of ours, which tests find
        page = page.replace(before, after)
    (folder / "index.html").write_text(page, encoding="utf-8")


def _write_model(model: OnnxModel, folder: Path) -> None:
    said, limits = model.description, load_limits(model.folder / LIMITS)
    asked = ExportedModel(model)
    about = dict(asked.about())
    about["limits"] = {"files": 1000, "bytes": 1 << 40}  # a device's own photographs
    about["framing"] = page_framing(*asked.framing)
    looked = model.looked_network()
    method = OF_MAPS if looked else OF_PHOTOGRAPH
    about["looked"] = {"network": looked and looked.name, "method": method.name, "source": method.source}
    rules = page_rules(said.classes, limits, known_properties(said.classes), about["field_tests"])
    _write_json(folder / "about.json", about)
    _write_json(folder / "answers.json", rules)
    if limits is not None:
        (folder / "reference.bin").write_bytes(reference_bytes(limits))
    for network in (model.folder / NETWORK, looked):
        if network is not None:
            shutil.copyfile(network, folder / network.name)
    _write_json(folder / MANIFEST, _manifest(said.classes))


def _manifest(classes: list[str]) -> dict[str, Any]:
    return {
        "name": "Lithoscope: what is this stone?",
        "short_name": "Lithoscope",
        "description": f"Tells {len(classes)} kinds of rocks and minerals apart, without a network",
        "id": "./",
        "start_url": "./",
        "scope": "./",
        "display": "standalone",
        "theme_color": _PAPER[0],
        "background_color": _PAPER[0],
        "icons": [
            {"src": _SVG, "sizes": "any", "type": "image/svg+xml", "purpose": "any"},
            *(
                {"src": one.name, "sizes": f"{one.side}x{one.side}", "type": "image/png", **_purpose(one)}
                for one in ICONS
            ),
        ],
    }


def _purpose(icon: Icon) -> dict[str, str]:
    return {"purpose": "maskable" if icon.masked else "any"}


def _write_worker(folder: Path, network: str) -> str:
    """Write the service worker, which knows every other file by its hash; returns the version that it keeps."""
    hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}
    everything = hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()
    version = f"{network[:16]} {everything[:16]}"
    script = (PAGE_FOLDER / WORKER).read_text(encoding="utf-8")
    for name, value in (("FILES = {}", hashes), ('VERSION = ""', version)):
        if script.count(name) != 1:
            raise RuntimeError(f"{WORKER}: {name!r} is to be there once")  # a mistake of ours, which tests find
        script = script.replace(name, f"{name.split(' = ')[0]} = {json.dumps(value)}")
    (folder / WORKER).write_text(script, encoding="utf-8")
    return version


def _write_json(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(values, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
