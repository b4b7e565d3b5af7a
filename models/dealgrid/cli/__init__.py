"""The command `dealgrid`: reads what was asked, calls the rooms below, and says what is wrong without a traceback.

Exit status: 0 done, 1 a check of the model failed, 2 bad input, 3 a run failed.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import traceback
from collections.abc import Callable
from importlib import metadata
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from dealgrid.cli import excel, figures, futures, pages, reports, runs, schedules, sweeps, tables
from dealgrid.cli.options import BAD_INPUT, INTERRUPTED, RUN_FAILED
from dealgrid.problems import DealgridError, RunError


class _Commands(TyperGroup):
    """The commands, which Ctrl-C ends with a word about what is left."""

    def invoke(self, ctx: Any) -> Any:
        """Carry out the command that was asked for."""
        from dealgrid.output.terminal import tell

        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stopped:
            notes = getattr(stopped, "__notes__", [])
            command = self.commands.get(ctx.invoked_subcommand or "")
            if notes and command and any(each.name == "resume" for each in command.params):
                notes = [*notes, "`--resume` with its name goes on."]
            tell(" ".join(["Interrupted.", *notes]))
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    cls=_Commands,
    help="A spreadsheet-style financial model of the Microsoft-OpenAI deal.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (
    figures.show,
    figures.explain,
    figures.compare,
    figures.check,
    futures.solve,
    futures.futures,
    futures.bargain,
    reports.report,
    excel.excel,
    pages.lab,
    pages.app,
    sweeps.sweep,
):
    app.command()(command)
app.command("import")(tables.import_workbook)
app.add_typer(tables.params, name="params")
app.add_typer(runs.app, name="runs")
app.add_typer(schedules.app, name="schedule")


@app.callback(invoke_without_command=True)
def version(
    is_asked: Annotated[bool, typer.Option("--version", is_eager=True, help="Print the version and end.")] = False,
) -> None:
    """Hold the option that belongs to no command."""
    if is_asked:
        print(f"dealgrid {metadata.version('dealgrid')}")
        raise typer.Exit


def main() -> None:
    """Run the command; every error a person can mend is said on standard error, without a traceback."""
    from dealgrid.output.terminal import tell, tell_problems

    for stream in (sys.stdout, sys.stderr):  # a terminal that knows only ASCII gets signs it can show, not a traceback
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except RunError as error:
        _end(RUN_FAILED, tell_problems, error.problems)
    except DealgridError as error:
        _end(BAD_INPUT, tell_problems, error.problems, "nothing was done")
    except BrokenPipeError:  # whoever read our output has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _end(RUN_FAILED, tell, f"The output could not be written: {error.strerror}.")
    except Exception:  # noqa: BLE001 - a fault of ours, which Python would give the status of a failed check
        _end(RUN_FAILED, traceback.print_exc)


def _end(code: int, say: Callable[..., None], *given: object) -> NoReturn:
    """Say it, if there is room to, and end: the status counts also where standard error is full or closed."""
    with contextlib.suppress(OSError):
        say(*given)
    sys.exit(code)
