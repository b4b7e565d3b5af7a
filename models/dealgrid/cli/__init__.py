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
from typing import Annotated, NoReturn

import typer

from dealgrid.cli import excel, figures, futures, pages, reports, runs, schedules, sweeps, tables
from dealgrid.cli.options import BAD_INPUT, INTERRUPTED, RUN_FAILED
from dealgrid.problems import DealgridError, RunError

app = typer.Typer(
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
        _end(BAD_INPUT, tell_problems, error.problems)
    except KeyboardInterrupt:
        _end(INTERRUPTED, tell, "Interrupted.")
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
