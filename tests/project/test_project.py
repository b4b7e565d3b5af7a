"""The files around the code agree with each other, and carry nothing of the machine they were written on."""

import importlib.util
import json
import os
import re
import subprocess
import tomllib
import venv
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ENVIRONMENT = YAML(typ="safe").load(ROOT / "environment.yml")
PIP_SECTION: list[str] = ENVIRONMENT["dependencies"][-1]["pip"]
MEGABYTE = 2**20
# Folders of one machine, and addresses that only work on it. Built in pieces, so that this file does not find itself.
MACHINE = re.compile(
    "|".join(["/" + "root/", "/" + "work/", "/" + r"opt/(?:wheels|pypi)", "/" + r"home/\w", r"[A-Z]:\\" + "Users"])
)
INDEX = re.compile(
    "|".join(["py" + r"pi\.org", "python" + "hosted", "--(?:extra-)?index" + "-url", "--find" + "-links"])
)


def project_files() -> list[Path]:
    """What git tracks or would track; all files below the root where there is no git."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout: which files belong to the project is not known")
    return [ROOT / file for file in listed.stdout.split("\0") if file and (ROOT / file).is_file()]


def texts() -> dict[str, str]:
    found = {}
    for file in project_files():
        content = file.read_bytes()
        if b"\0" not in content:
            found[file.relative_to(ROOT).as_posix()] = content.decode()
    return found


def locked() -> list[Requirement]:
    return [Requirement(line.removesuffix("\\").strip()) for line in LOCK.splitlines() if line and line[0] not in "# "]


def asked_for() -> list[Requirement]:
    extras = PROJECT["project"].get("optional-dependencies", {})
    groups = [PROJECT["project"]["dependencies"], *extras.values(), *PROJECT["dependency-groups"].values()]
    return [Requirement(line) for group in groups for line in group]


def lock_tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lock", ROOT / "tools" / "lock.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_file_is_larger_than_five_megabytes() -> None:
    assert [str(file) for file in project_files() if file.stat().st_size > 5 * MEGABYTE] == []


def test_no_file_names_a_folder_of_one_machine() -> None:
    assert {name: MACHINE.findall(text) for name, text in texts().items() if MACHINE.search(text)} == {}


def test_no_file_names_a_package_index() -> None:
    assert {name: INDEX.findall(text) for name, text in texts().items() if INDEX.search(text)} == {}


def test_reports_are_not_kept_but_for_their_readme() -> None:
    kept = [file.relative_to(ROOT).as_posix() for file in project_files()]
    assert [file for file in kept if file.startswith("reports/")] == ["reports/README.md"]


def test_the_licence_is_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert PROJECT["project"]["license"] == "Apache-2.0"


def test_every_pin_of_the_lock_is_exact_and_has_a_hash() -> None:
    blocks = re.split(r"\n(?=\S)", LOCK.split("\n", 2)[2].strip())
    assert len(blocks) == len(locked())
    assert [block.split()[0] for block in blocks if not re.search(r"--hash=sha256:[0-9a-f]{64}", block)] == []
    assert [str(pin) for pin in locked() if [each.operator for each in pin.specifier] != ["=="]] == []


def test_the_lock_has_no_address() -> None:
    assert re.findall(r"\S*(?:://|@ |file:|--index|--find)\S*", LOCK) == []


def test_the_lock_holds_one_version_of_each_package() -> None:
    names = [pin.name for pin in locked()]
    assert sorted(set(names)) == sorted(names)


def test_the_lock_satisfies_the_project() -> None:
    versions = {canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in locked()}
    assert [str(each) for each in asked_for() if versions[canonicalize_name(each.name)] not in each.specifier] == []


def test_the_environment_is_the_lock() -> None:
    assert (ROOT / "environment.yml").read_text(encoding="utf-8") == lock_tool().environment(LOCK)
    assert [*map(str, locked()), "-e ."] == [str(Requirement(line)) for line in PIP_SECTION[:-1]] + PIP_SECTION[-1:]


def test_every_library_asked_for_is_explained_once() -> None:
    table = re.findall(
        r"^\| ([\w.-]+) \| \S", (ROOT / "docs" / "libraries.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    explained = sorted(canonicalize_name(name) for name in table if name != "library")
    assert explained == sorted(canonicalize_name(each.name) for each in asked_for())


def test_a_name_in_the_group_of_deals_is_a_package() -> None:
    deals = PROJECT["project"]["entry-points"]["dealgrid.deals"]
    assert [name for name in deals.values() if not (ROOT / "models" / name / "__init__.py").is_file()] == []


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_every_make_command_in_the_pages_exists(page: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    quoted = re.findall(r"(?:^|`)make ([a-z-]+)", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert quoted
    assert set(quoted) <= targets


def test_make_alone_lists_every_target_with_what_it_does() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    command = ["make", "--no-print-directory"]  # or, when the tests were started by make, it says which folder
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.split()[1] for line in printed.splitlines() if len(line.split()) > 2} == targets


@pytest.mark.long
def test_the_pip_section_installs_the_locked_versions_as_conda_would(tmp_path: Path) -> None:
    # conda writes the section to one file and calls pip on it from the folder of environment.yml.
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("\n".join(PIP_SECTION), encoding="utf-8")
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
    install = [*pip, "install", "--quiet", "--upgrade", "--requirement", str(requirements)]
    subprocess.run(install, cwd=ROOT, check=True, timeout=900, stdin=subprocess.DEVNULL)
    listed = json.loads(subprocess.check_output([*pip, "list", "--format=json"], text=True))
    installed = {canonicalize_name(each["name"]): each["version"] for each in listed}
    here = [pin for pin in locked() if pin.marker is None or pin.marker.evaluate()]
    assert [str(pin) for pin in here if installed.get(canonicalize_name(pin.name)) not in pin.specifier] == []
    assert installed["dealgrid"] == PROJECT["project"]["version"]
    subprocess.run([str(python), "-c", "import dealgrid, microsoft_openai"], cwd=tmp_path, check=True)
