"""Parsing and help of commands: one line per mistake, with the remedy."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup

from sirev.printing import visible

PROGRAM = "sirev"  # both for the script and for python -m sirev
SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"]}
_WORDS = {"help": "--help", "version": "--version"}
"""Commands of other programs -> the option of `sirev`."""


def examples(*lines: str) -> str:
    """The end of a command's help: lines to copy, unchanged."""
    return "\n".join(lines)


class _Help:
    """Help of commands and groups."""

    epilog: str | None

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples, one per line; lines to copy are never wrapped."""
        if self.epilog:
            with formatter.section("Examples"):
                formatter.write("".join(f"{'':{formatter.current_indent}}{line}\n" for line in self.epilog.splitlines()))


class Command(_Help, TyperCommand):
    """A command whose help shows arguments by their names, without braces and types."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """[OPTIONS], then the arguments, with optional ones in brackets."""
        parameters = self.get_params(ctx)
        return ["[OPTIONS]", *(_usage(parameter) for parameter in parameters if parameter.param_type_name == "argument")]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, then the options."""
        found: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for parameter in self.get_params(ctx):
            if record := parameter.get_help_record(ctx):
                name, text = record[0], record[1].replace("\\[", "[")  # older versions of Typer escape it, for Rich
                if parameter.param_type_name == "argument":
                    found["Arguments"].append((_metavar(parameter), text.removesuffix("[required]").strip()))
                else:
                    found["Options"].append((name, text))
        for title, records in found.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


def _metavar(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _usage(argument: Any) -> str:
    name = _metavar(argument)
    if " " in name:  # it marks its own optional parts
        return name
    return (name if argument.required else f"[{name}]") + ("" if argument.nargs == 1 else "...")


class Group(_Help, TyperGroup):
    """A group of commands that finds commands of other groups, and whose errors end with a hint at the help."""

    def main(self, args: Any = None, prog_name: str | None = None, *rest: Any, **extra: Any) -> Any:
        """Run; errors of usage are raised again with a hint at the command's help."""
        try:
            return super().main(args, prog_name or PROGRAM, *rest, **extra)
        except Exception as error:
            context = getattr(error, "ctx", None)
            if context is None or not hasattr(error, "format_message") or type(error).__name__ == "NoArgsIsHelpError":
                raise
            text = error.format_message()
            ending = " Try" if text.endswith("?") else "; try"
            context.fail(f"{visible(text.rstrip('.'), lines=True)}{ending} '{context.command_path} --help'")

    def invoke(self, ctx: Any) -> Any:
        """Run; turn a BrokenPipeError into one without an errno, so that Typer does not act on it."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise BrokenPipeError from None

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Treat `sirev help COMMAND` as `sirev COMMAND --help`, and `sirev version` as `sirev --version`."""
        if ctx.parent is None and args and args[0] in _WORDS:
            args = [*args[1:], _WORDS[args[0]]]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command; the error about one of another group names its place."""
        name = args[0]
        if name not in self.commands and not name.startswith("-") and (where := self._elsewhere(ctx, name)):
            ctx.fail(f"No such command {name!r}; it is '{where}'")
        return super().resolve_command(ctx, args)

    def _elsewhere(self, ctx: Any, name: str) -> str | None:
        """The full command with this name in the parent group or in a subgroup; None if there is none."""
        above = ctx.parent
        if above is not None and name in above.command.commands:
            return f"{above.command_path} {name}"
        for group in self.commands.values():
            if isinstance(group, TyperGroup) and name in group.commands:
                return f"{ctx.command_path} {group.name} {name}"
        return None
