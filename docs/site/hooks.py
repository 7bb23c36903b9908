"""Hooks of the documentation's site: what its pages are made of besides the files in ``docs/``.

Pages link to the repository's files as GitHub and editors follow them (``../src/…``). On the site such a link leads to
``repo_url`` where ``mkdocs.yml`` names one, and is text otherwise; a file that is not there ends the build.
"""

import re
from pathlib import Path

from click import Context
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from lithoscope.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = sorted(path.parent.name for path in (ROOT / "src" / "lithoscope").glob("*/__init__.py"))
PAGES = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md", "SECURITY.md": "security.md"}
WIDE = {"results.md", "faults.md", "kinds.md"}  # generated pages, whose tables want all of the room
LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?P<path>\.\./[^)#]+)(?P<anchor>#[^)]*)?\)")


def commands() -> str:
    """Return what each command says of itself, in its sections."""
    context = Context(COMMANDS, info_name="lithoscope", **COMMANDS.context_settings)
    text = ""
    for title, section in COMMANDS.sections.items():
        text += f"\n## {title}\n"
        for command in section:
            said = command.get_help(Context(command, context, command.name, terminal_width=84))
            text += f"\n### lithoscope {command.name}\n\n```text\n{said}\n```\n"
    return text


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Give each package a page under the navigation's last part."""
    assert config.nav is not None
    (reference,) = config.nav[-1].values()
    reference[:0] = [{f"lithoscope.{name}": f"reference/{name}.md"} for name in PACKAGES]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the packages' pages, and those that lie in the repository's root."""
    made = {f"reference/{name}.md": f"# lithoscope.{name}\n\n::: lithoscope.{name}\n" for name in PACKAGES}
    for name, target in PAGES.items():
        made[target] = re.sub(r"\]\((?!https?:|#)", "](../", (ROOT / name).read_text("utf-8")).replace(
            "](../docs/", "]("
        )
    for name, content in made.items():
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 (given by name)
    """Turn links that leave ``docs/`` to where the site's reader finds what they name.

    Raises:
        PluginError: There is no such file.
    """

    def turned(link: re.Match[str]) -> str:
        path = (ROOT / "docs" / Path(page.file.src_uri).parent / link["path"]).resolve()
        if path.is_relative_to(ROOT / "docs"):
            return link[0]
        if not path.is_relative_to(ROOT) or not path.exists():
            raise PluginError(f"docs/{page.file.src_uri}: {link['path']}: no such file in the repository")
        place = path.relative_to(ROOT).as_posix()
        if place in PAGES:
            return f"[{link['text']}]({'../' * page.file.src_uri.count('/')}{PAGES[place]}{link['anchor'] or ''})"
        if config.repo_url:
            return f"[{link['text']}]({config.repo_url.rstrip('/')}/blob/main/{place}{link['anchor'] or ''})"
        return f'<span title="{place}">{link["text"]}</span>'

    if page.file.src_uri == "commands.md":
        markdown += commands()
    if page.file.src_uri in WIDE:
        page.meta["hide"] = ["navigation", "toc"]
    return LINK.sub(turned, markdown)
