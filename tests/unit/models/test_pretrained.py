import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torchvision.models import Weights, WeightsEnum, get_model  # type: ignore[attr-defined]

from lithoscope.core.errors import LithoscopeError
from lithoscope.models.pretrained import load_pretrained
from lithoscope.models.timm_weights import PACKAGES

from helpers.weights_server import serving, silent

MODEL = "squeezenet1_1"


class Payload:
    """Would write a file if it were unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.target,)


@pytest.fixture(scope="module")
def donor() -> bytes:
    buffer = io.BytesIO()
    torch.save(get_model(MODEL, weights=None).state_dict(), buffer)
    return buffer.getvalue()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no proxy between here and the server."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "hub" / "checkpoints"


@pytest.fixture
def published_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, bytes], str]:
    """Make an address with the content's hash in the file's name be that of torchvision's weights."""

    def publish(folder: str, content: bytes) -> str:
        name = f"weights-{hashlib.sha256(content).hexdigest()[:8]}.pth"

        class Published(WeightsEnum):
            DEFAULT = Weights(url=f"{folder}/{name}", transforms=lambda: None, meta={})

        monkeypatch.setattr("lithoscope.models.pretrained.get_model_weights", lambda _: Published)
        return name

    return publish


def test_imagenet_weights_are_fetched_once_and_checked(
    donor: bytes, cache: Path, published_at: Callable[[str, bytes], str]
) -> None:
    with serving(donor) as (address, asked):
        name = published_at(address, donor)
        first, second = load_pretrained(MODEL, "imagenet"), load_pretrained(MODEL, "imagenet")
    assert first is not None
    assert second is not None
    assert asked == [f"HEAD /{name}", f"GET /{name}"]
    assert (cache / name).read_bytes() == donor
    assert first.sha256 == second.sha256 == hashlib.sha256(donor).hexdigest()
    expected = torch.load(io.BytesIO(donor), weights_only=True)
    assert all(torch.equal(first.state[key], value) for key, value in expected.items())


@pytest.mark.parametrize(("damage", "announced"), [(b"more", None), (b"", 1)])
def test_a_download_that_is_not_the_original_is_refused_and_not_kept(
    donor: bytes, cache: Path, published_at: Callable[[str, bytes], str], damage: bytes, announced: int | None
) -> None:
    sent = donor + damage if damage else donor[:-100]
    with serving(sent, announced=None if announced is None else len(donor)) as (address, asked):
        published_at(address, donor)
        with pytest.raises(LithoscopeError, match=r"not whole or not the original .*invalid hash") as caught:
            load_pretrained(MODEL, "imagenet")
    assert [line.split()[0] for line in asked] == ["HEAD", "GET"]
    assert "\n" not in str(caught.value)
    assert not list(cache.iterdir())


def test_a_server_that_refuses_is_asked_once(
    donor: bytes, cache: Path, published_at: Callable[[str, bytes], str]
) -> None:
    with serving(b"", status=404) as (address, asked):
        name = published_at(address, donor)
        with pytest.raises(LithoscopeError, match=r"could not be fetched .*404.*give its full path as model.weights"):
            load_pretrained(MODEL, "imagenet")
    assert asked == [f"HEAD /{name}"]
    assert not cache.exists()


@pytest.mark.usefixtures("cache")
def test_a_server_that_never_answers_is_given_up(
    donor: bytes, published_at: Callable[[str, bytes], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lithoscope.models.pretrained.REACHED_WITHIN", 0.2)
    with silent() as (address, _):
        published_at(address, donor)
        with pytest.raises(LithoscopeError, match=r"could not be fetched .*timed out"):
            load_pretrained(MODEL, "imagenet")


@pytest.mark.usefixtures("cache")
def test_imagenet_weights_without_network_say_in_one_line_what_to_do_and_which_networks_work(
    donor: bytes, published_at: Callable[[str, bytes], str], capfd: pytest.CaptureFixture[str]
) -> None:
    published_at("http://127.0.0.1:9", donor)  # the discard port: nobody answers
    with pytest.raises(
        LithoscopeError, match=r"could not be fetched .*; check the network, or download the file"
    ) as caught:
        load_pretrained(MODEL, "imagenet")
    assert "\n" not in str(caught.value)
    assert all(name in str(caught.value) for name in PACKAGES)
    assert capfd.readouterr().err == "", "nothing is said to be downloading"


def test_imagenet_weights_in_the_cache_are_checked_before_they_are_opened(cache: Path, tmp_path: Path) -> None:
    planted = cache / "squeezenet1_1-b8a52dc0.pth"
    planted.parent.mkdir(parents=True)
    torch.save(Payload(tmp_path / "ran"), planted)
    with pytest.raises(LithoscopeError, match="is damaged: remove it"):
        load_pretrained(MODEL, "imagenet")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_file_of_weights_is_read_with_its_name_and_hash(tmp_path: Path, donor: bytes, suffix: str) -> None:
    state = torch.load(io.BytesIO(donor), weights_only=True)
    path = tmp_path / f"donor{suffix}"
    if suffix == ".pth":
        path.write_bytes(donor)
    else:
        safetensors.torch.save_file(state, path)
    pretrained = load_pretrained(MODEL, str(path))
    assert pretrained is not None
    assert pretrained.source == path.name
    assert pretrained.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert torch.equal(pretrained.state["features.0.weight"], state["features.0.weight"])


def test_a_weights_file_that_could_run_code_is_refused_and_does_not_run(tmp_path: Path) -> None:
    torch.save(Payload(tmp_path / "ran"), tmp_path / "evil.pth")
    with pytest.raises(LithoscopeError, match="could run code"):
        load_pretrained("resnet18", str(tmp_path / "evil.pth"))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"hello world", b"."])
def test_a_file_that_is_no_weights_file_is_a_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "weights.pth").write_bytes(content)
    with pytest.raises(LithoscopeError, match="no torch file") as caught:
        load_pretrained("resnet18", str(tmp_path / "weights.pth"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("model", "weights", "expected"),
    [("resnet18", "/nowhere/w.pth", "no such file; allowed: null, imagenet"), ("cnn", "imagenet", "the CNN has none")],
)
def test_weights_that_do_not_exist_are_one_line(model: str, weights: str, expected: str) -> None:
    with pytest.raises(LithoscopeError, match=expected) as caught:
        load_pretrained(model, weights)
    assert "\n" not in str(caught.value)
