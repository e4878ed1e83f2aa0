"""Compiles ``streams/json_columns.c`` when the package is built.

Without a C compiler the package is built without it, and says so: a worker then reads each message alone, with the same
result and several times the processor time.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_SOURCE = Path("streams", "json_columns.c")
_FLAGS = ("-std=c11", "-O3", "-DNDEBUG", "-fPIC", "-fwrapv")


class CompiledReader(BuildHookInterface[BuilderConfig]):
    """Puts the compiled module beside its source, for a wheel and for an editable install."""

    def initialize(self, _version: str, build_data: dict[str, Any]) -> None:
        """Compile the module, and tell where that failed."""
        if failure := add_module(Path(self.root), build_data):
            self.app.display_warning(f"{_SOURCE} was not compiled, so workers will be slower: {failure}")


def add_module(root: Path, build_data: dict[str, Any]) -> str:
    """Compile the module of a project and add it to what is built; return what ``compile_module`` does."""
    target = _SOURCE.with_suffix(str(sysconfig.get_config_var("EXT_SUFFIX")))
    if failure := compile_module(root / _SOURCE, root / target):
        return failure
    build_data["pure_python"] = False
    build_data["infer_tag"] = True
    build_data["artifacts"].append(f"/{target}")
    return ""


def compile_module(source: Path, target: Path) -> str:
    """Compile an extension module; return what went wrong and what to do about it, or ""."""
    linker = shlex.split(str(sysconfig.get_config_var("LDSHARED") or "cc -shared"))
    known = [os.environ.get("CC", ""), linker[0], "cc", "gcc", "clang"]
    compiler = next((found for name in known if name and (found := shutil.which(name))), None)
    if compiler is None:
        return "there is no C compiler (Debian: apt-get install gcc libc6-dev; macOS: xcode-select --install)"
    include = sysconfig.get_path("include")
    if not Path(include, "Python.h").exists():
        return f"Python.h is not in {include} (Debian: apt-get install python3-dev)"
    made = target.with_suffix(".tmp")
    command = [compiler, *linker[1:], *_FLAGS, f"-I{include}", str(source), "-o", str(made), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the compiler, and files of ours
    if done.returncode:
        made.unlink(missing_ok=True)
        return f"{shlex.join(command)}\n{done.stderr}"
    made.replace(target)  # at once: a program that runs goes on with the module it has loaded
    return ""
