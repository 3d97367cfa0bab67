"""`python -m inside.code`: the code of one service, laid below `TARGET` as it stands in the repository."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from .laying import BuildFailed, byte_compile, fresh, run, settle

SOURCE = Path("/build/source")
PACKAGES = Path("/packages")
TARGET = Path("/code")
PLATFORM = "platform"
SHARED = ("libs/contracts/socle", "libs/chassis/chassis")
LEFT_OUT = shutil.ignore_patterns("tests", "testing*.py", "__pycache__", "*.pyi", "*.md", ".*")


def folders(source: Path, service: str) -> list[str]:
    """What the image of a service holds, relative to the repository. Raises BuildFailed for an unknown name.

    The platform's own image holds every service: its NATS knows the users by the services' sources, and its
    issuer the patients by identity-ins.
    """
    known = sorted(path.parent.name for path in source.glob("services/*/pyproject.toml"))
    if service == PLATFORM:
        return [*SHARED, "deploy/local/socle_local", *(part for name in known for part in _of(source, name))]
    if service not in known:
        raise BuildFailed(
            f"There is no service {service!r}: give SERVICE= one of {', '.join([*known, PLATFORM])}."
        )
    return [*SHARED, *_of(source, service)]


def _of(source: Path, service: str) -> Iterator[str]:
    for part in (service.replace("-", "_"), "migrations", "pyproject.toml"):
        if (source / "services" / service / part).exists():
            yield f"services/{service}/{part}"


def lay(source: Path, target: Path, parts: list[str]) -> None:
    """Copies the parts of the repository below `target/app`, without tests."""
    for part in parts:
        place = target / "app" / part
        place.parent.mkdir(parents=True, exist_ok=True)
        if (source / part).is_dir():
            shutil.copytree(source / part, place, ignore=LEFT_OUT)
        else:
            shutil.copy(source / part, place)


def roots(parts: list[str]) -> list[str]:
    """The folders of the image that Python imports from: those that hold a package."""
    return sorted({f"/app/{Path(part).parent}" for part in parts})


def write_path(packages: Path, target: Path, folders_of_code: list[str]) -> None:
    """Adds the code to the environment's path, in a layer of its own: the packages stay the same for all."""
    (site,) = packages.glob("app/venv/lib/python3*/site-packages")
    place = target / site.relative_to(packages) / "socle.pth"
    place.parent.mkdir(parents=True)
    place.write_text("".join(f"{folder}\n" for folder in folders_of_code))


def main() -> None:
    parts = folders(SOURCE, os.environ.get("SERVICE", ""))
    run(sys.executable, "-m", "tools.gen", cwd=SOURCE)
    fresh(TARGET)
    lay(SOURCE, TARGET, parts)
    # The path in a traceback is the one in the image.
    byte_compile(TARGET, "-s", str(TARGET), "-p", "/")
    write_path(PACKAGES, TARGET, roots(parts))
    settle(TARGET, int(os.environ["SOURCE_DATE_EPOCH"]))


if __name__ == "__main__":
    try:
        main()
    except BuildFailed as failure:
        sys.exit(str(failure))
