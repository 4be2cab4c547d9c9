"""The commands of ``adagym`` and how one is found, parsed and run.

Each command is a frozen dataclass: its fields are the options, its docstring is the help, its ``run`` does
the work. Only the module of the chosen command is imported, and a command imports what is heavy inside
``run``, so that help and mistakes answer at once.

Exit codes: 0 done; 1 done, and something is wrong (``doctor``, ``replay``, ``build frames``, a
training run that stopped itself), or it could not be done because a server or a worker failed; 2 the caller can mend
it; 130 interrupted.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence
from typing import Protocol

from adagym import __version__
from adagym.errors import AdagymError, InfraError, UnknownName, UsageError
from adagym.registry import Registry


class Command(Protocol):
    """What a registered command's dataclass offers besides its fields."""

    def run(self) -> int:
        """Do the work and return the exit code.

        Raises:
            UsageError: The options cannot be used.
        """
        ...


COMMANDS: Registry[type[Command]] = Registry("command")
COMMANDS.register("list", "adagym.cli.list:List", summary="everything registered: envs, tools, rewards, agents, ...")
COMMANDS.register("play", "adagym.cli.play:Play", summary="play an environment yourself, in the terminal")
COMMANDS.register("inspect", "adagym.cli.inspect:Inspect", summary="show a task: question, pictures, answer, tools")
COMMANDS.register("eval", "adagym.cli.eval:Eval", summary="play tasks with an agent and measure how it did")
COMMANDS.register("compare", "adagym.cli.compare:Compare", summary="two runs, task by task: is one better?")
COMMANDS.register("judge", "adagym.cli.judge:Judge", summary="have a model judge what no rule settles in a run")
COMMANDS.register("build gui", "adagym.cli.build:BuildGUI", summary="render pages of UI kits, to ask about screens")
COMMANDS.register("build frames", "adagym.cli.build:BuildFrames", summary="write frames of videos as pictures")
COMMANDS.register(
    "build short", "adagym.cli.build_short:BuildShort", summary="measure prompts, and leave out those that are too long"
)
COMMANDS.register(
    "curate", "adagym.cli.curate:Curate", summary="make cold-start data: real calls, mistakes, corrections"
)
COMMANDS.register("benefit", "adagym.cli.benefit:Benefit", summary="measure how much tools help with each task")
COMMANDS.register("train sft", "adagym.cli.train_sft:SFT", summary="cold start: imitate expert episodes")
COMMANDS.register("train grpo", "adagym.cli.train_grpo:GRPO", summary="Tool-GRPO: improve a model in an environment")
COMMANDS.register("replay", "adagym.cli.replay:Replay", summary="step saved episodes again and compare")
COMMANDS.register("report", "adagym.cli.report:Report", summary="runs as one HTML file: figures and transcripts")
COMMANDS.register("serve-tools", "adagym.cli.serve_tools:ServeTools", summary="serve tools over MCP, by HTTP or stdio")
COMMANDS.register("demo", "adagym.cli.demo:Demo", summary="the whole way on the embedded model, in minutes")
COMMANDS.register("doctor", "adagym.cli.doctor:Doctor", summary="what is installed here, and what is missing")

FAILED = 1
INTERRUPTED = 130
USAGE = 2

UNUSABLE = (
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.ENAMETOOLONG,
)
"""What the system says of a file or folder that its owner can mend, where no command has said it in better words."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: Words after ``adagym``; None takes them from the process.

    Returns:
        The exit code (see the module's docstring).
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _dispatch(words)
    except UsageError as error:
        _complain(error)
        return USAGE
    except InfraError as error:
        _complain(error)
        return FAILED
    except OSError as error:
        if error.errno not in UNUSABLE:
            raise
        place = "A file" if error.filename is None else f"`{error.filename}`"
        _complain(UsageError(f"{place} cannot be read or written: {error.strerror}. Give another file or folder."))
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        _overview("adagym COMMAND [OPTIONS]", COMMANDS.names())
        return 0 if words else USAGE
    if words[0] == "--version":
        print(f"adagym {__version__}")
        return 0
    group = [name for name in COMMANDS.names() if name.startswith(f"{words[0]} ")]
    if not group:
        return _parse_and_run(words[0], words[1:])
    if len(words) > 1 and words[1] not in ("-h", "--help"):
        return _parse_and_run(f"{words[0]} {words[1]}", words[2:])
    _overview(f"adagym {words[0]} COMMAND [OPTIONS]", group)
    return 0 if len(words) > 1 else USAGE


def _parse_and_run(name: str, rest: list[str]) -> int:
    if name not in COMMANDS and name.startswith("-"):
        raise UnknownName(f"There is no option `{name}` before the command. Run `adagym --help`.")
    command_type = COMMANDS.load(name)
    import tyro  # after the name is known: a mistyped one answers without it

    try:
        command = tyro.cli(
            command_type,
            args=rest,
            prog=f"adagym {name}",
            config=(tyro.conf.FlagCreatePairsOff, tyro.conf.OmitArgPrefixes),
        )
    except SystemExit as stop:  # tyro has printed the help (0) or what is wrong with the options (2)
        return stop.code if isinstance(stop.code, int) else USAGE
    return command.run()


def _overview(usage: str, names: Sequence[str]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, show_header=False, padding=(0, 2))
    for name in names:
        table.add_row(name, COMMANDS.entry(name).summary)
    console = Console()
    console.print(f"usage: {usage}\n", markup=False, highlight=False)
    console.print(table)
    console.print("\nadagym COMMAND --help shows a command's options and an example.", highlight=False)


def _complain(error: AdagymError) -> None:
    from rich.console import Console
    from rich.text import Text

    sentence = " ".join(str(error).split())
    Console(stderr=True).print(Text(f"adagym: {sentence}", style="red"), soft_wrap=True)
