from pathlib import Path

from lithoscope.core.git import git_output, read_blobs

from helpers.git_checkout import git


def test_files_of_several_commits_are_read_byte_for_byte_and_what_is_not_there_is_left_out(tmp_path: Path) -> None:
    below = tmp_path / "a folder"
    below.mkdir()
    git(tmp_path, "init", "--quiet")
    texts = (b"first\nmissing\n\x00\xff", b"")
    for text in texts:
        (below / "file").write_bytes(text)
        git(tmp_path, "add", "--all")
        git(tmp_path, "commit", "--quiet", "--message", "More")
    names = ["HEAD~1:./file", "HEAD:./nowhere at all", "HEAD:a folder", "HEAD:./file", "nobody:./file"]
    assert read_blobs(below, names) == {"HEAD~1:./file": texts[0], "HEAD:./file": texts[1]}


def test_an_answer_is_text_and_a_failure_none(tmp_path: Path) -> None:
    assert git_output(tmp_path, "rev-parse", "HEAD") is None
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    assert git_output(tmp_path, "symbolic-ref", "HEAD") == "refs/heads/main"
