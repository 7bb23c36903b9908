import os
import signal
import socket
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
import requests
import segno

from lithoscope.core.errors import LithoscopeError
from lithoscope.serving.field.local import qr_code, read_web_folder, serve_folder
from lithoscope.serving.page_address import page_address

FILES = {"index.html": b"<!doctype html>" + b" " * 500, "model.onnx": b"\0\1\2", "x.wasm": b"\0asm", "sw.js": b"1"}


def answers(contents: Mapping[str, bytes], *paths: str, **headers: str) -> list[requests.Response]:
    """Serve in this thread, the only one that takes signals, and ask in another, which then ends the serving."""
    listening = socket.create_server(("127.0.0.1", 0))
    found: list[requests.Response] = []

    def ask(address: str) -> None:
        try:
            found.extend(requests.get(address + path, headers=headers, timeout=10) for path in paths)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        serve_folder(contents, listening, lambda address: threading.Thread(target=ask, args=[address]).start())
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    return found


def test_each_file_comes_as_what_it_is_and_compressed_where_that_is_understood() -> None:
    page, wasm, model = answers(FILES, "", "x.wasm", "model.onnx?again")
    assert page.content == FILES["index.html"]
    assert page.headers["Content-Encoding"] == "gzip"
    assert int(page.headers["Content-Length"]) < 100
    assert page.headers["Content-Type"].startswith("text/html")
    assert wasm.headers["Content-Type"] == "application/wasm"
    assert model.content == FILES["model.onnx"]
    plain = answers(FILES, "sw.js", **{"Accept-Encoding": "identity"})[0]
    assert "Content-Encoding" not in plain.headers
    assert plain.content == b"1"


def test_nothing_but_the_folder_s_own_files_can_be_asked_for() -> None:
    assert [one.status_code for one in answers(FILES, "..%2fsecret", "../secret", "other.html")] == [404, 404, 404]


def test_another_folder_is_an_error_that_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(LithoscopeError, match=r"no page for the field; `lithoscope export --web .*` makes it"):
        read_web_folder(tmp_path)


def test_the_address_is_one_that_a_phone_can_ask() -> None:
    assert page_address("127.0.0.1", 80) == "http://127.0.0.1:80/"
    assert page_address("::1", 8000) == "http://[::1]:8000/"
    assert "0.0.0.0" not in page_address("0.0.0.0", 8000)


def test_the_code_shows_dark_modules_as_gaps_in_light_blocks() -> None:
    address = "http://192.168.1.20:8000/"
    lines = qr_code(address).splitlines()
    matrix = [list(row) for row in segno.make(address, micro=False).matrix_iter(border=4)]
    for place, row in enumerate(matrix):
        lit = "█▀" if place % 2 == 0 else "█▄"
        assert [not cell for cell in row] == [letter in lit for letter in lines[place // 2]]
