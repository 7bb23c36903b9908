"""An exported network on ONNX Runtime."""

from pathlib import Path

import onnxruntime as ort
import pytest

from lithoscope.serving import onnx_model

PRECISE = "session.x64quantprecision"


@pytest.mark.parametrize(
    ("int8", "dot_products", "precise"), [(True, False, "1"), (True, True, None), (False, False, None)]
)
def test_8_bit_networks_are_computed_without_saturation_where_the_processor_has_no_instructions_for_them(
    monkeypatch: pytest.MonkeyPatch, int8: bool, dot_products: bool, precise: str | None
) -> None:
    opened: list[ort.SessionOptions] = []
    monkeypatch.setattr(onnx_model, "has_int8_dot_products", lambda: dot_products)
    monkeypatch.setattr(ort, "InferenceSession", lambda _, options, **__: opened.append(options))
    onnx_model.open_session(Path("model.onnx"), int8)
    try:
        said = opened[0].get_session_config_entry(PRECISE)
    except RuntimeError:  # ONNX Runtime's answer where an option is not set
        said = None
    assert said == precise
