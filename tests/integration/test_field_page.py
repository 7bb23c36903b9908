"""The page for the field in headless Chromium: it answers as Python does, and without a network."""

import base64
import io
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.style_sheets import style_sheet
from lithoscope.data.images.decode import read_photograph
from lithoscope.data.images.square import to_square
from lithoscope.evaluation.answers.limits import HeldOut, fit_limits
from lithoscope.evaluation.answers.novelty import MOST
from lithoscope.serving.export import export_model
from lithoscope.serving.field.build import MOST_BYTES, MOST_SENT, is_web_folder, write_web_folder
from lithoscope.serving.field.runtime import fetch_runtime, unpack_runtime
from lithoscope.serving.occlusion import OF_MAPS, OF_PHOTOGRAPH, CoverMethod, evidence
from lithoscope.serving.onnx_description import LIMITS
from lithoscope.serving.onnx_model import OnnxModel
from lithoscope.serving.server.answering import ExportedModel

from helpers.browser import chromium
from helpers.exports import exported, saved
from helpers.made_up_settings import plain_architecture
from helpers.odd_photographs import odd_photographs, scene
from helpers.static_server import served

CLASSES = ["malachite", "pyrite", "quartz"]
Fetch = Callable[[Path], list[Path]]


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Fetch:
    """ONNX Runtime Web, fetched once; skips where npm is not there or reaches nothing."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not on the PATH")
    folder = tmp_path_factory.mktemp("runtime")
    try:
        files = fetch_runtime(folder)
    except LithoscopeError as error:
        pytest.skip(str(error))
    return lambda to: [Path(shutil.copy(file, to)) for file in files]


def with_limits(export: Path) -> OnnxModel:
    """Give an export limits, of scenes that count as held out."""
    model = OnnxModel.load(export)
    side = model.description.image_size
    squares = np.stack([np.asarray(scene(side, side, seed)) for seed in range(60)])
    outputs = model.run(squares)
    labels = outputs.probabilities.argmax(axis=1).astype(np.int64)
    labels[::4] = (labels[::4] + 1) % len(CLASSES)
    held_out = HeldOut(outputs.probabilities, outputs.features, labels, "made up")
    limits = fit_limits(held_out, outputs.features[:30], model.description.classes, {})
    assert limits is not None
    limits.save(export / LIMITS)
    return model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> OnnxModel:
    return with_limits(exported(tmp_path_factory.mktemp("field"), CLASSES, 64, pooling="texture"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(viewport={"width": 360, "height": 740})
    yield opened
    opened.close()


def open_page(context: BrowserContext, address: str) -> tuple[Page, list[str]]:
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    return page, complaints


def until_ready(page: Page) -> str:
    page.wait_for_selector("#offline[data-state=ready]")
    return page.locator("#offline").inner_text()


def give(page: Page, *contents: bytes) -> None:
    files: Any = [{"name": f"{n}.png", "mimeType": "image/png", "buffer": one} for n, one in enumerate(contents)]
    before = page.locator("article").count()
    page.set_input_files("#files", files)
    page.locator("article").nth(before + len(contents) - 1).wait_for()  # its policy forbids to evaluate texts in it


def not_installable(page: Page) -> list[str]:
    """Return why Chromium would not install the page, but for the window's being a private one."""
    asked = page.context.new_cdp_session(page)
    wrong = [one["message"] for one in asked.send("Page.getAppManifest")["errors"]]
    found = asked.send("Page.getInstallabilityErrors")["installabilityErrors"]
    return wrong + [one["errorId"] for one in found if one["errorId"] != "in-incognito"]


def expected(model: OnnxModel, content: bytes, **found: str) -> dict[str, Any]:
    said = model.description
    square = to_square(read_photograph(io.BytesIO(content)), said.image_size, said.crop_border)
    asked = ExportedModel(model)
    return asked.answers(asked.run(square[None]), found, one_specimen=False)[0]


def same_look(page: Page, model: OnnxModel, content: bytes, method: CoverMethod) -> None:
    """Hold what the page finds that the model looked at, for its second class, against Python."""
    said = model.description
    square = to_square(read_photograph(io.BytesIO(content)), said.image_size, said.crop_border)
    seen = model.look(square)
    right = evidence(float(seen.before[1]), seen.after[:, 1])
    looked = page.evaluate(LOOK, [packed(content), said.classes[1]])
    np.testing.assert_allclose(looked["evidence"], right, atol=1e-4)
    assert np.ptp(right) > 1e-3
    assert looked["lowest"] == pytest.approx(float(seen.after[:, 1].min()), abs=1e-4)
    assert (looked["method"], looked["source"]) == (method.name, method.source)
    assert seen.method == method


def packed(content: bytes) -> str:
    return base64.b64encode(content).decode()


LOOK = """async ([content, label]) => {
    const { look } = await import("./answerer.js");
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    const { picture, ...looked } = await look(new File([bytes], "stone"), label);
    return looked;
}"""
PERSISTS = "Object.getPrototypeOf(navigator.storage).persist = async () => %s;"
CORES = "Object.defineProperty(navigator, 'hardwareConcurrency', { get: () => 3 });"
ISOLATED = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
THREADS = "async () => (await import('./ort.wasm.bundle.min.mjs')).env.wasm.numThreads"
DRAWN = """async (names) => Promise.all(names.map(async (name) => {
    const picture = new Image(192, 192);
    picture.src = name;
    await picture.decode();
    const context = new OffscreenCanvas(192, 192).getContext("2d");
    context.drawImage(picture, 0, 0, 192, 192);
    return [...context.getImageData(0, 0, 192, 192).data];
}))"""
ASK = """async ([contents, found]) => {
    const { ask } = await import("./answerer.js");
    const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const files = contents.map((text, at) => new File([bytes(text)], `${at}`));
    return (await ask(files, found)).predictions;
}"""


@pytest.mark.browser
def test_it_answers_as_python_does_without_a_network_and_without_a_server(
    tmp_path: Path, model: OnnxModel, runtime: Fetch, context: BrowserContext
) -> None:
    made = write_web_folder(model, tmp_path / "web", runtime)
    context.add_init_script(PERSISTS % "new Promise(() => {})")  # as in Firefox until its user answers
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    with served(tmp_path / "web") as address:
        page, complaints = open_page(context, address)
        ready = until_ready(page)
        assert not_installable(page) == []
    kept = (made.total - made.sizes["sw.js"]) / 1e6
    assert f"Ready without a network: {kept:.1f} MB on this device, checked. The browser may delete it" in ready
    context.set_offline(True)  # and the server is gone
    page.reload()
    assert "Ready without a network" in until_ready(page)
    photographs = sorted(odd_photographs().values(), key=len)[-30::3][:8]
    give(page, photographs[0])
    wanted = expected(model, photographs[0])
    assert page.locator("article h3").inner_text() == wanted["named"]
    assert Axe().run(page).response["violations"] == []
    given = page.evaluate(ASK, [[packed(one) for one in photographs], {}])
    for one, content in zip(given, photographs, strict=True):
        wanted = expected(model, content)
        assert one["probabilities"] == pytest.approx(wanted.pop("probabilities"), abs=1e-4)
        assert one["named"] == wanted["named"]
        assert one["answer"] == wanted["answer"]
        assert one["familiarity"] == pytest.approx(wanted["familiarity"], abs=0.02)
    tested = page.evaluate(ASK, [[packed(photographs[0])], {"streak": "green"}])[0]
    assert tested["probabilities"] == pytest.approx(
        expected(model, photographs[0], streak="green")["probabilities"], abs=1e-4
    )
    same_look(page, model, photographs[0], OF_MAPS)
    page.get_by_role("button", name="What it looked at").click()
    page.wait_for_selector(".looked canvas")
    assert f"({OF_MAPS.name}, {OF_MAPS.source})" in page.inner_text(".looked")
    assert all(url.startswith((address, "blob:")) for url in asked)
    assert complaints == []


@pytest.mark.browser
def test_where_the_page_is_isolated_several_threads_answer_alike(
    tmp_path: Path, model: OnnxModel, runtime: Fetch, context: BrowserContext
) -> None:
    write_web_folder(model, tmp_path / "web", runtime)
    context.add_init_script(PERSISTS % "true" + CORES)
    photographs = sorted(odd_photographs().values(), key=len)[-12::4]
    with served(tmp_path / "web", **ISOLATED) as address:
        page, complaints = open_page(context, address)
        assert "checked. The browser keeps it until you delete it." in until_ready(page)
        drawn, pixels = np.array(page.evaluate(DRAWN, ["icon.svg", "icon-192.png"]))
    context.set_offline(True)
    page.reload()
    until_ready(page)
    given = page.evaluate(ASK, [[packed(one) for one in photographs], {}])
    assert page.evaluate("crossOriginIsolated")
    assert page.evaluate(THREADS) == 3
    assert len(page.workers) >= 2  # besides the page's own thread
    for one, content in zip(given, photographs, strict=True):
        assert one["probabilities"] == pytest.approx(expected(model, content)["probabilities"], abs=1e-4)
    assert complaints == []
    assert np.abs(drawn - pixels).mean() < 2  # of 255: edges are smoothed in another way


def test_it_can_be_installed(tmp_path: Path, model: OnnxModel) -> None:
    write_web_folder(model, tmp_path / "web", no_runtime)
    said = json.loads((tmp_path / "web" / "manifest.webmanifest").read_text(encoding="utf-8"))
    page = (tmp_path / "web" / "index.html").read_text(encoding="utf-8")
    assert (said["display"], said["start_url"], said["scope"]) == ("standalone", "./", "./")
    wanted = [*said["icons"], {"src": "apple-touch-icon.png", "sizes": "180x180", "purpose": "maskable"}]
    assert {("192x192", "any"), ("512x512", "any"), ("512x512", "maskable")} <= {
        (one["sizes"], one["purpose"]) for one in said["icons"]
    }
    for one in (each for each in wanted if each["src"].endswith(".png")):
        with Image.open(tmp_path / "web" / one["src"]) as icon:
            assert "x".join(map(str, icon.size)) == one["sizes"]
            corner = icon.convert("RGBA").getpixel((2, 2))
        assert corner == ((247, 245, 240, 255) if one["purpose"] == "maskable" else (0, 0, 0, 0))
    assert '<link rel="apple-touch-icon" href="apple-touch-icon.png">' in page
    light, dark = re.findall(r"--paper: (#\w+);", style_sheet("colours"))
    assert said["theme_color"] == said["background_color"] == light
    for colour, scheme in ((light, "light"), (dark, "dark")):
        assert f'<meta name="theme-color" content="{colour}" media="(prefers-color-scheme: {scheme})">' in page


@pytest.mark.browser
def test_an_older_model_is_kept_until_the_newer_one_is_whole(
    tmp_path: Path, model: OnnxModel, runtime: Fetch, context: BrowserContext
) -> None:
    web = tmp_path / "web"
    older = write_web_folder(model, web, runtime)
    caches_now = "async () => (await caches.keys()).map((name) => name.split(' ').slice(-2).join(' '))"
    with served(web) as address:
        page, _ = open_page(context, address)
        until_ready(page)
        without_maps = with_limits(exported(tmp_path / "other", CLASSES[::-1]))
        newer = write_web_folder(without_maps, web, runtime)
        assert newer.version != older.version
        network = (web / "model.onnx").read_bytes()
        (web / "model.onnx").write_bytes(network[:-1])  # an upload that is under way
        page.reload()
        page.wait_for_timeout(1500)
        assert older.version in page.evaluate(caches_now)
        assert page.evaluate("async () => (await (await fetch('about.json')).json()).classes") == CLASSES
        (web / "model.onnx").write_bytes(network)
        page.reload()
        page.wait_for_selector("#offline[data-state=newer]")
        assert sorted(page.evaluate(caches_now)) == sorted([older.version, newer.version])
        assert page.evaluate("async () => (await (await fetch('about.json')).json()).classes") == CLASSES
        page.close()
        page, _ = open_page(context, address)
        until_ready(page)
        page.reload()
        until_ready(page)
        assert page.evaluate(caches_now) == [newer.version]
        assert page.evaluate("async () => (await (await fetch('about.json')).json()).classes") == CLASSES[::-1]
        same_look(page, without_maps, sorted(odd_photographs().values(), key=len)[-30], OF_PHOTOGRAPH)


def with_most_photographs(export: Path) -> OnnxModel:
    """Give an export the limits of as many training photographs as are ever kept."""
    model = OnnxModel.load(export)
    classes = model.description.classes
    random = np.random.default_rng(0)
    features = random.normal(size=(MOST, np.shape(model.run(np.zeros((1, 224, 224, 3), np.uint8)).features)[1]))
    shares = random.dirichlet(np.ones(len(classes)), 60)
    held_out = HeldOut(shares, features[:60], random.integers(0, len(classes), 60), "made up")
    limits = fit_limits(held_out, features, classes, {})
    assert limits is not None
    limits.save(export / LIMITS)
    return OnnxModel.load(export)


@pytest.mark.slow
def test_with_lite0_it_is_light_enough_for_a_phone(tmp_path: Path, runtime: Fetch) -> None:
    rocks = [f"rock {n}" for n in range(30)]
    lite0 = plain_architecture("timm/tf_efficientnet_lite0", 224, len(rocks), pooling="texture")
    model = saved(tmp_path / "model", lite0, rocks)
    export_model(model, tmp_path / "export", "fp32", tmp_path / "arrays")
    made = write_web_folder(with_most_photographs(tmp_path / "export"), tmp_path / "web", runtime)
    assert 25e6 < made.total <= MOST_BYTES
    assert made.sent <= MOST_SENT
    assert made.sizes["reference.bin"] > MOST * 1000, "the photographs that answers are judged by count too"


def no_runtime(folder: Path) -> list[Path]:
    return []


def test_the_folder_names_every_file_by_its_hash_and_is_replaced_whole(tmp_path: Path, model: OnnxModel) -> None:
    made = write_web_folder(model, tmp_path / "web", no_runtime)
    again = write_web_folder(model, tmp_path / "web", no_runtime)
    assert made == again
    worker = (tmp_path / "web" / "sw.js").read_text(encoding="utf-8")
    line = next(line for line in worker.splitlines() if line.startswith("const FILES = "))
    names = set(json.loads(line.removeprefix("const FILES = ").split(";")[0]))
    assert names == set(made.sizes) - {"sw.js"}
    assert model.description.onnx[:16] in made.version
    assert is_web_folder(tmp_path / "web")
    assert "heic" not in (tmp_path / "web" / "index.html").read_text(encoding="utf-8"), (
        "which no browser hands on as it is"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["web"]


def test_a_folder_that_holds_something_else_is_not_written_over(tmp_path: Path, model: OnnxModel) -> None:
    (tmp_path / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(LithoscopeError, match="holds something else"):
        write_web_folder(model, tmp_path, no_runtime)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("pages", ["each", "max"])
def test_a_model_that_reads_more_than_the_first_page_is_not_exported(
    tmp_path: Path, model: OnnxModel, pages: str
) -> None:
    folder = Path(shutil.copytree(model.folder, tmp_path / "export"))
    about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    about["reading"]["pages"] = pages
    (folder / "model.json").write_text(json.dumps(about), encoding="utf-8")
    with pytest.raises(LithoscopeError, match=f"pages: {pages}, browsers only the first page: train with first"):
        write_web_folder(OnnxModel.load(folder), tmp_path / "web", no_runtime)
    assert not (tmp_path / "web").exists()


def test_without_npm_the_error_says_what_it_is_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LithoscopeError, match=r"npm is not on the PATH.*alone needs it.*nodejs\.org"):
        fetch_runtime(tmp_path)


def test_another_package_than_the_pinned_one_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "forged.tgz").write_bytes(b"something else")
    with pytest.raises(LithoscopeError, match="not used"):
        unpack_runtime(tmp_path / "forged.tgz", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["forged.tgz"]
