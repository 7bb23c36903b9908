"""Who prints: the commands, and of the library only what runs inside a stage or shows progress of long work."""

import ast
from pathlib import Path

ALLOWED = {
    "core/stage_runner.py": "how a stage ends",
    "core/locked_folder.py": "a training says what it waits for",
    "data/sources/progress.py": "progress, on stderr",
    "tracking/run.py": "the tracking server went away, or came back, in the middle of a training; on stderr",
    "tracking/store.py": "what is sent before a stage asks the store",
    "training/recorder.py": "a line an epoch",
}


def prints(source: str) -> bool:
    """Whether a module calls ``print`` or opens a console of rich's on standard output."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            stderr = any(one.arg == "stderr" and ast.unparse(one.value) == "True" for one in node.keywords)
            if (called == "print" and isinstance(node.func, ast.Name)) or (called == "Console" and not stderr):
                return True
    return False


def test_only_commands_print_for_a_person(checkout: Path) -> None:
    package = checkout / "src" / "lithoscope"
    found = {path.relative_to(package).as_posix() for path in package.rglob("*.py") if prints(path.read_text("utf-8"))}
    library = {name for name in found if not name.startswith("cli/")}
    assert library == set(ALLOWED)
    assert "cli/recipe.py" in found


def test_a_console_on_standard_output_counts_as_printing() -> None:
    assert prints("from rich import console\nconsole.Console(width=3)")
    assert not prints("Console(stderr=True).print(1)")
