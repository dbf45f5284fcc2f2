"""Parsing and help of commands: one line about a mistake, and what would have been right."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup

from sirev.printing import visible

PROGRAM = "sirev"  # whatever it is started by: the script, or python -m sirev
SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"]}
_WORDS = {"help": "--help", "version": "--version"}
"""What others have as commands -> the option of `sirev` that it is here."""


def examples(*lines: str) -> str:
    """The end of a command's help: lines to copy, kept as they are."""
    return "\n".join(lines)


class _Help:
    """How commands and groups show their help."""

    epilog: str | None

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """The examples, a line each, as long as they are: a line to copy is never broken."""
        if self.epilog:
            with formatter.section("Examples"):
                formatter.write("".join(f"{'':{formatter.current_indent}}{line}\n" for line in self.epilog.splitlines()))


class Command(_Help, TyperCommand):
    """A command whose arguments are called by their name alone, without braces and types."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """[OPTIONS], then the arguments: optional ones in brackets."""
        parameters = self.get_params(ctx)
        return ["[OPTIONS]", *(_usage(parameter) for parameter in parameters if parameter.param_type_name == "argument")]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Arguments, then options."""
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
    if " " in name:  # one that says of itself what may be left out
        return name
    return (name if argument.required else f"[{name}]") + ("" if argument.nargs == 1 else "...")


class Group(_Help, TyperGroup):
    """A group of commands that knows where its neighbours' commands are; what is wrong ends in where help is."""

    def main(self, args: Any = None, prog_name: str | None = None, *rest: Any, **extra: Any) -> Any:
        """Run; a complaint about words and options is raised again with a hint at the command's help."""
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
        """Run; where nobody reads the output any more, raise a BrokenPipeError without a number, which Typer leaves alone."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise BrokenPipeError from None

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take `sirev help COMMAND` for `sirev COMMAND --help`, and `sirev version` likewise."""
        if ctx.parent is None and args and args[0] in _WORDS:
            args = [*args[1:], _WORDS[args[0]]]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command; of one that is somewhere else, say where."""
        name = args[0]
        if name not in self.commands and not name.startswith("-") and (where := self._elsewhere(ctx, name)):
            ctx.fail(f"No such command {name!r}; it is '{where}'")
        return super().resolve_command(ctx, args)

    def _elsewhere(self, ctx: Any, name: str) -> str | None:
        """The whole command of this name in the group above, or in one below."""
        above = ctx.parent
        if above is not None and name in above.command.commands:
            return f"{above.command_path} {name}"
        for group in self.commands.values():
            if isinstance(group, TyperGroup) and name in group.commands:
                return f"{ctx.command_path} {group.name} {name}"
        return None
