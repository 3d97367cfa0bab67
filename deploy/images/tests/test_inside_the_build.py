"""The programs of the build, run here as they run there: same input, same bytes; refusals in words."""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from deploy.images.inside import bill, code, laying, packages
from deploy.images.inside.laying import BuildFailed

ROOT = Path(__file__).resolve().parents[3]
MOMENT = 1_700_000_000


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A repository of two services, with what must not reach an image."""
    root = tmp_path / "source"
    for path, text in {
        "libs/contracts/socle/common/v1/common_pb2.py": "A = 1\n",
        "libs/contracts/socle/common/v1/common_pb2.pyi": "A: int\n",
        "libs/chassis/chassis/service.py": "def run(): return {'b', 'a', 'c'}\n",
        "libs/chassis/chassis/testing.py": "import pytest\n",
        "services/lab-results/pyproject.toml": "[tool.socle]\n",
        "services/lab-results/lab_results/app.py": "NAMES = frozenset(('x', 'y', 'z'))\n",
        "services/lab-results/lab_results/tests/test_app.py": "",
        "services/lab-results/migrations/env.py": "",
        "services/lab-results/README.md": "",
        "services/gateway/pyproject.toml": "[tool.socle]\n",
        "services/gateway/gateway/app.py": "",
        "services/gateway/gateway/web/index.html": "<html>",
        "deploy/local/socle_local/serve/__main__.py": "",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def laid(source: Path, target: Path, service: str) -> dict[str, tuple[int, int, str]]:
    """Lays a service down; every path with its mode, its time and the hash of its content."""
    parts = code.folders(source, service)
    code.lay(source, laying.fresh(target), parts)
    laying.byte_compile(target, "-s", str(target), "-p", "/")
    laying.settle(target, MOMENT)
    return {
        str(path.relative_to(target)): (
            path.stat().st_mode & 0o777,
            int(path.stat().st_mtime),
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in target.rglob("*")
    }


def test_the_same_source_gives_the_same_bytes_wherever_and_whenever(source: Path, tmp_path: Path) -> None:
    first = laid(source, tmp_path / "here", "lab-results")
    for path in source.rglob("*.py"):
        os.utime(path, (1, 1))
        path.chmod(0o600)
    assert laid(source, tmp_path / "there", "lab-results") == first
    assert {mode for mode, _, _ in first.values()} <= {0o755, 0o644}
    assert {moment for _, moment, _ in first.values()} == {MOMENT}


def test_an_image_holds_its_service_as_it_stands_in_the_repository_and_no_test(
    source: Path, tmp_path: Path
) -> None:
    paths = laid(source, tmp_path / "made", "lab-results").keys()
    files = {path for path in paths if "." in path and "__pycache__" not in path}
    assert files == {
        "app/libs/contracts/socle/common/v1/common_pb2.py",
        "app/libs/chassis/chassis/service.py",
        "app/services/lab-results/pyproject.toml",
        "app/services/lab-results/lab_results/app.py",
        "app/services/lab-results/migrations/env.py",
    }
    assert any(path.endswith("app.cpython-" + sys.implementation.cache_tag[8:] + ".pyc") for path in paths)


def test_bytecode_is_believed_without_a_look_at_the_source_and_names_the_place_in_the_image(
    source: Path, tmp_path: Path
) -> None:
    laid(source, tmp_path / "made", "lab-results")
    (made,) = (tmp_path / "made").rglob("lab_results/__pycache__/app.*.pyc")
    content = made.read_bytes()
    # PEP 552: bit 0 says "by hash", bit 1 "look at the source".
    assert int.from_bytes(content[4:8], "little") == 0b01
    assert b"/app/services/lab-results/lab_results/app.py" in content
    assert str(tmp_path).encode() not in content


def test_the_platform_s_image_holds_every_service_and_its_own_servers(source: Path) -> None:
    parts = code.folders(source, "platform")
    assert {"deploy/local/socle_local", "services/gateway/gateway", "services/lab-results/lab_results"} < set(
        parts
    )
    assert "/app/deploy/local" in code.roots(parts)


def test_an_unknown_service_is_told_the_known_ones(source: Path) -> None:
    with pytest.raises(
        BuildFailed, match=r"no service 'lab': give SERVICE= one of gateway, lab-results, platform"
    ):
        code.folders(source, "lab")


def test_every_service_of_the_repository_has_what_its_command_and_its_migration_need() -> None:
    for manifest in ROOT.glob("services/*/pyproject.toml"):
        service = manifest.parent
        parts = code.folders(ROOT, service.name)
        assert f"services/{service.name}/{service.name.replace('-', '_')}" in parts
        assert (f"services/{service.name}/migrations" in parts) is (service / "migrations").is_dir()


def test_the_path_of_the_code_goes_into_the_environment_of_the_packages(tmp_path: Path) -> None:
    (tmp_path / "packages" / "app/venv/lib/python3.12/site-packages").mkdir(parents=True)
    code.write_path(tmp_path / "packages", tmp_path / "code", ["/app/libs/chassis", "/app/services/dmp"])
    written = tmp_path / "code" / "app/venv/lib/python3.12/site-packages/socle.pth"
    assert written.read_text() == "/app/libs/chassis\n/app/services/dmp\n"


def test_the_user_gets_a_name_once(tmp_path: Path) -> None:
    (tmp_path / "passwd").write_text("root:x:0:0::/root:/bin/sh")
    (tmp_path / "group").write_text("nonroot:x:65532:\n")
    packages.name_the_user(tmp_path, tmp_path / "etc")
    assert (tmp_path / "etc" / "passwd").read_text().splitlines()[1].startswith("socle:x:65532:65532:")
    assert (tmp_path / "etc" / "group").read_text() == "nonroot:x:65532:\n"


def test_scripts_are_left_out_and_programs_kept(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for name, content in {
        "nats-server": b"\x7fELF\x02",
        "alembic": b"#!/app/venv",
        "activate": b"# for sh",
    }.items():
        (tmp_path / "bin" / name).write_bytes(content)
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    packages.strip(tmp_path)
    assert {path.name for path in (tmp_path / "bin").iterdir()} == {"nats-server", "python"}


def test_an_environment_does_not_tell_when_its_packages_were_fetched(tmp_path: Path) -> None:
    about = tmp_path / "lib" / "python3.12" / "site-packages" / "somewhere-1.dist-info"
    about.mkdir(parents=True)
    (about / "uv_cache.json").write_text('{"timestamp": 1}')
    (about / "METADATA").touch()
    lines = [
        "somewhere-1.dist-info/METADATA,,",
        "somewhere-1.dist-info/uv_cache.json,,",
        "../../../bin/gone,,",
    ]
    (about / "RECORD").write_text("\n".join(lines) + "\n")
    packages.forget_the_build(tmp_path)
    assert {path.name for path in about.iterdir()} == {"METADATA", "RECORD"}
    assert (about / "RECORD").read_text() == "somewhere-1.dist-info/METADATA,,\n"


def test_bytecode_of_python_itself_is_added_where_the_base_has_none(tmp_path: Path) -> None:
    library, target = tmp_path / "lib" / "python3.12", tmp_path / "target"
    for name in ("json/decoder.py", "test/test_json.py", "site-packages/pip/main.py"):
        (library / name).parent.mkdir(parents=True)
        (library / name).write_text("A = 1\n")
    packages.standard_library(library, target)
    made = [str(path.relative_to(target / library.relative_to("/"))) for path in target.rglob("*.pyc")]
    assert [path.partition(".")[0] for path in made] == ["json/__pycache__/decoder"]
    # What the base has is the base's: nothing is added to it.
    (library / "__pycache__").mkdir()
    packages.standard_library(library, tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


@pytest.fixture
def wheelhouse(tmp_path: Path) -> Path:
    """A folder of the build with a wheel of uv in its wheelhouse, and the lock that names it."""
    (tmp_path / "wheelhouse").mkdir()
    wheel = tmp_path / "wheelhouse" / f"uv-1.0-py3-none-manylinux_2_17_{os.uname().machine}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("uv-1.0.data/scripts/uv", "#!/bin/sh\necho a program\n")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (tmp_path / "bootstrap.lock").write_text(f"uv==1.0 \\\n    --hash=sha256:{digest}\n")
    return tmp_path


def test_the_first_tool_comes_out_of_a_wheel_that_the_lock_names(wheelhouse: Path) -> None:
    packages.unpack_uv(packages.uv_wheel(wheelhouse), wheelhouse)
    said = subprocess.run([wheelhouse / "uv"], capture_output=True, text=True, check=True)
    assert said.stdout == "a program\n"


def test_a_wheel_that_the_lock_does_not_name_is_refused(wheelhouse: Path) -> None:
    (wheel,) = (wheelhouse / "wheelhouse").iterdir()
    wheel.write_bytes(wheel.read_bytes() + b"!")
    with pytest.raises(BuildFailed, match=r"is not the file that deploy/local/bootstrap.lock names"):
        packages.uv_wheel(wheelhouse)


def test_a_wheelhouse_of_another_machine_is_told(wheelhouse: Path) -> None:
    (wheel,) = (wheelhouse / "wheelhouse").iterdir()
    shutil.move(wheel, wheel.with_name("uv-1.0-py3-none-manylinux_2_17_riscv128.whl"))
    with pytest.raises(BuildFailed, match="run `make wheelhouse` for this base image"):
        packages.uv_wheel(wheelhouse)


def test_a_program_that_fails_ends_the_build_with_its_words() -> None:
    with pytest.raises(BuildFailed, match=r"`false` ended with status 1"):
        laying.run("false")


STATUS = """Package: libssl3
Status: install ok installed
Architecture: amd64
Version: 3.0.22-1~deb12u2
Description: Secure Sockets Layer
 a longer text

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1
"""


def test_the_base_s_packages_are_in_the_bill_by_their_own_list() -> None:
    (found,) = bill.of_debian(STATUS, bill.distribution_of('ID=debian\nVERSION_ID="12"\n'))
    assert (found["name"], found["version"]) == ("libssl3", "3.0.22-1~deb12u2")
    assert found["purl"] == "pkg:deb/debian/libssl3@3.0.22-1~deb12u2?arch=amd64&distro=debian-12"


def test_a_bill_is_validated_before_it_is_kept() -> None:
    good = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [bill.interpreter()]}
    assert '"python"' in bill.validated(good)
    with pytest.raises(BuildFailed, match=r"not valid CycloneDX 1\.6"):
        bill.validated({**good, "components": [{"name": "without a type"}]})


def test_the_bill_of_an_environment_names_its_packages_and_bears_no_chance(tmp_path: Path) -> None:
    venv.create(tmp_path, with_pip=False, symlinks=True)
    (site,) = tmp_path.glob("lib/python3*/site-packages")
    about = site / "somewhere-1.5.dist-info" / "METADATA"
    about.parent.mkdir()
    about.write_text("Metadata-Version: 2.1\nName: somewhere\nVersion: 1.5\nLicense-Expression: MIT\n")
    made = bill.of_environment(tmp_path / "bin" / "python")
    (found,) = made["components"]
    assert (found["name"], found["version"], found["purl"]) == ("somewhere", "1.5", "pkg:pypi/somewhere@1.5")
    assert found["licenses"][0]["license"]["id"] == "MIT"
    assert "serialNumber" not in made
