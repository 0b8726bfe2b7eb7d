"""The wheel: built from what is under version control, used where nothing is known of the repository."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from llmapps import __version__
from llmapps.project import CONTENT_FOLDERS

REPOSITORY = Path(__file__).resolve().parent.parent.parent
NOT_SHIPPED = ("rag/handouts/",)
STALE = (
    "llmapps/__pycache__/old.cpython-311.pyc",
    "rag/.llmapps/index/index.sqlite",
    "rag/notes/.DS_Store",
    "rag/notes/old.pyc",
)

pytestmark = pytest.mark.slow


def run(command: list[str | Path], **options: object) -> str:
    ran = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, encoding="utf-8", **options
    )  # type: ignore[call-overload]
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return str(ran.stdout)


@pytest.fixture(scope="module")
def files() -> list[str]:
    """What is under version control, or would be if it were added now."""
    if not (REPOSITORY / ".git").exists():
        pytest.skip("this is no clone")
    listed = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=REPOSITORY).split("\0")
    return sorted({name for name in listed if name and (REPOSITORY / name).is_file()})


@pytest.fixture(scope="module")
def wheel(files: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    for needed in ("build", "hatchling"):
        pytest.importorskip(needed, reason=f"{needed} comes with the extra `dev`")
    if not (REPOSITORY / "README.md").is_file():
        pytest.skip("there is no README.md, without which no wheel is built")
    clone, out = tmp_path_factory.mktemp("clone"), tmp_path_factory.mktemp("dist")
    for name in files:
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, clone / name)
    run(["git", "init", "--quiet", clone])  # where .gitignore ends
    for name in STALE:
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_text("left over", encoding="utf-8")
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, clone])
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_holds_the_package_and_the_content_and_nothing_else(wheel: Path, files: list[str]) -> None:
    expected = {name for name in files if name.startswith("llmapps/")} | {
        f"llmapps/_builtin/{name}"
        for name in files
        if name.startswith(tuple(f"{folder}/" for folder in CONTENT_FOLDERS)) and not name.startswith(NOT_SHIPPED)
    }
    shipped = {
        name for name in zipfile.ZipFile(wheel).namelist() if not name.startswith(f"llmapps-{__version__}.dist-info/")
    }
    assert len(shipped) > 50
    assert shipped == expected
    for folder in CONTENT_FOLDERS:
        assert [name for name in shipped if name.startswith(f"llmapps/_builtin/{folder}/")], folder


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of a fresh virtual environment that has the wheel and borrows the dependencies of this one."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=True)
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / "python"
    run([python, "-m", "pip", "install", "--no-deps", "--no-index", wheel])
    purelib = run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip()
    Path(purelib, "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return scripts


def clean_environment(home: Path) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"LLMAPPS_HOME": str(home)}


def test_the_installed_command_finds_its_builtin_course(installed: Path, home: Path, tmp_path: Path) -> None:
    report = json.loads(run([installed / "llmapps", "config", "--json"], cwd=tmp_path, env=clean_environment(home)))
    assert report["versions"]["llmapps"] == __version__
    notes = Path(report["notes"])
    assert notes.parts[-4:] == ("llmapps", "_builtin", "rag", "notes")
    assert notes.is_relative_to(installed.parent.resolve())
    assert len(list(notes.iterdir())) > 20


def test_the_installed_command_makes_a_project(installed: Path, home: Path, tmp_path: Path) -> None:
    run([installed / "llmapps", "init", "mine"], cwd=tmp_path, env=clean_environment(home))
    assert (tmp_path / "mine" / "rag" / "notes" / "welcome.md").is_file()
    assert (tmp_path / "mine" / ".gitignore").is_file()


def test_the_installed_command_answers_from_the_builtin_course(
    installed: Path, weights_home: Path, tmp_path: Path
) -> None:
    words = ["ask", "What is retrieval augmented generation?", "--model", "fake:grounded", "--json"]
    answer = json.loads(run([installed / "llmapps", *words], cwd=tmp_path, env=clean_environment(weights_home)))
    assert answer["abstained"] is False
    assert answer["hits"]
