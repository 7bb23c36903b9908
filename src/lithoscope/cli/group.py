"""Click's commands and group, with abbreviated options and help in sections."""

from collections.abc import Mapping, Sequence

import click


class Command(click.Command):
    """A command whose long options may be abbreviated where one alone begins so, e.g. ``--out`` for ``--output``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Write abbreviated options in full before click parses them."""
        names = [name for parameter in self.get_params(ctx) for name in parameter.opts if name.startswith("--")]
        end = args.index("--") if "--" in args else len(args)
        return super().parse_args(ctx, [_in_full(argument, names) for argument in args[:end]] + args[end:])


def _in_full(argument: str, names: Sequence[str]) -> str:
    name, sign, value = argument.partition("=")
    matches = [each for each in names if each.startswith(name)]
    if len(name) < 3 or not name.startswith("--") or name in names or len(matches) != 1:
        return argument
    return matches[0] + sign + value


class Group(click.Group):
    """Commands that ``--help`` lists in sections, in their order."""

    def __init__(self, sections: Mapping[str, Sequence[click.Command]], help: str) -> None:  # noqa: A002 (click's word)
        settings = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
        commands = [command for section in sections.values() for command in section]
        super().__init__("lithoscope", commands, no_args_is_help=False, help=help, context_settings=settings)
        self.sections = sections

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the sections."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each section with its commands."""
        for title, commands in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([(str(command.name), command.get_short_help_str(90)) for command in commands])
