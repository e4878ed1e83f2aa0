"""The build hook: what it compiles can be imported, and what it cannot compile ends no installation."""

from __future__ import annotations

import importlib.util
import sysconfig
from pathlib import Path

import pytest

from hatch_build import add_module, compile_module

SUFFIX = str(sysconfig.get_config_var("EXT_SUFFIX"))
SOURCE = """
#include <Python.h>
static PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, .m_name = "small"};
PyMODINIT_FUNC PyInit_small(void) { return PyModule_Create(&MODULE); }
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "streams").mkdir()
    made = tmp_path / "streams" / "small.c"
    made.write_text(SOURCE)
    return made


def test_a_module_is_compiled_beside_its_source(source: Path) -> None:
    target = source.with_suffix(SUFFIX)
    assert compile_module(source, target) == ""
    spec = importlib.util.spec_from_file_location("small", target)
    assert spec is not None
    assert importlib.util.module_from_spec(spec).__name__ == "small"
    assert {path.name for path in source.parent.iterdir()} == {source.name, target.name}


def test_what_the_compiler_refuses_is_told_with_its_command_and_leaves_nothing(source: Path) -> None:
    source.write_text("#error out of order")
    failure = compile_module(source, source.with_suffix(SUFFIX))
    assert "out of order" in failure
    assert str(source) in failure
    assert list(source.parent.iterdir()) == [source]


@pytest.mark.parametrize("lacking", ["compiler", "headers"])
def test_without_a_compiler_or_python_h_it_says_what_to_install(
    source: Path, lacking: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if lacking == "compiler":
        monkeypatch.delenv("CC", raising=False)
        monkeypatch.setenv("PATH", str(tmp_path))
    else:
        monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    assert "apt-get install" in compile_module(source, source.with_suffix(SUFFIX))


@pytest.mark.parametrize("compiles", [True, False])
def test_a_package_is_built_with_the_module_or_else_without_it(source: Path, compiles: bool) -> None:
    source.rename(source.with_name("json_columns.c"))
    if not compiles:
        source.with_name("json_columns.c").write_text("#error out of order")
    build_data = {"artifacts": [], "pure_python": True}
    assert ("out of order" in add_module(source.parents[1], build_data)) is not compiles
    assert build_data["artifacts"] == ([f"/streams/json_columns{SUFFIX}"] if compiles else [])
    assert build_data["pure_python"] is not compiles
