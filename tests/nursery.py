"""A process that has imported what commands need and forks one of its like for each that is asked for.

Run as a program. It reads a JSON object a line: `arguments`, `folder`, `environment`, and the files `stdin`, `stdout`
and `stderr`; it answers with the number of the child, and then with the child's exit code.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import runpy
import sys
import traceback
from pathlib import Path
from typing import Any

GUARD = Path(__file__).parent / "offline" / "sitecustomize.py"
NEEDED = (
    *("spec", "telemetry", "settings", "objectives", "compile", "indicators", "evaluate", "ledger", "diagnose"),
    *("sources.opening", "sources.prometheus", "sources.store"),
)


def _import() -> None:
    import observatory
    from observatory.cli.main import COMMAND_MODULES

    wanted = tuple(f"observatory.{room}" for room in NEEDED)
    for found in pkgutil.walk_packages(observatory.__path__, "observatory."):
        if found.name.startswith(wanted):
            importlib.import_module(found.name)
    for name in COMMAND_MODULES:
        importlib.import_module(f"observatory.cli.{name}")


def _become(asked: dict[str, Any]) -> int:
    """The command itself, in a child; what Python does around a program is done here. Gives the exit code."""
    os.chdir(asked["folder"])
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        os.dup2(os.open(asked[name], os.O_RDWR), descriptor)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    os.environ.clear()
    os.environ.update(asked["environment"])
    runpy.run_path(str(GUARD))
    sys.argv = ["observatory", *asked["arguments"]]
    sys.path.insert(0, asked["folder"])
    try:
        runpy.run_module("observatory", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        print(ended.code, file=sys.stderr)
        return 1
    except BaseException:  # noqa: BLE001  # Python tells of whatever nobody caught, and ends with 1
        traceback.print_exc()
        return 1
    return 0


def main() -> None:
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        # A program's own folder comes first on the path; a command looks into the folder where it is started.
        del sys.path[0]
        _import()
        for line in sys.stdin:
            child = os.fork()
            if child == 0:
                answers.detach()
                code = _become(json.loads(line))
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code & 0xFF)
            print(child, file=answers, flush=True)
            _, ended = os.waitpid(child, 0)
            print(os.waitstatus_to_exitcode(ended), file=answers, flush=True)


if __name__ == "__main__":
    main()
