import threading
from pathlib import Path

import pytest

from lithoscope.core.locked_folder import content_key, exclusive


def test_a_key_follows_names_and_contents_and_nothing_else(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "x.txt").write_text("one", encoding="utf-8")
        (tmp_path / name / "__pycache__").mkdir()
        (tmp_path / name / "__pycache__" / "x.pyc").write_text(name, encoding="utf-8")
    assert content_key(tmp_path / "a") == content_key(tmp_path / "b")
    assert content_key(tmp_path / "a", text="t") != content_key(tmp_path / "a")
    (tmp_path / "b" / "sub" / "x.txt").write_text("two", encoding="utf-8")
    assert content_key(tmp_path / "a") != content_key(tmp_path / "b")
    (tmp_path / "b" / "sub" / "x.txt").write_text("one", encoding="utf-8")
    (tmp_path / "b" / "sub" / "x.txt").rename(tmp_path / "b" / "x.txt")
    assert content_key(tmp_path / "a") != content_key(tmp_path / "b")


def test_a_second_worker_on_the_same_content_waits_for_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps: list[str] = []
    inside, leave = threading.Event(), threading.Event()

    def first() -> None:
        with exclusive(tmp_path, "k" * 64) as folder:
            (folder / "half").write_text("done", encoding="utf-8")
            inside.set()
            leave.wait(20)
            steps.append("first left")

    def second() -> None:
        with exclusive(tmp_path, "k" * 64) as folder:
            steps.append(f"second found {(folder / 'half').read_text(encoding='utf-8')}")

    workers = [threading.Thread(target=first), threading.Thread(target=second)]
    workers[0].start()
    assert inside.wait(20)
    workers[1].start()
    while "waiting" not in capsys.readouterr().out:
        pass
    leave.set()
    for worker in workers:
        worker.join(20)
    assert steps == ["first left", "second found done"]


def test_other_content_does_not_wait(tmp_path: Path) -> None:
    with exclusive(tmp_path, "a" * 64) as one, exclusive(tmp_path, "b" * 64) as other:
        assert one != other
