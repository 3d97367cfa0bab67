"""`python -m inside.bill`: the bill of materials of the image, CycloneDX JSON, at /app/sbom.cdx.json.

CycloneDX's own tool lists the Python packages with their licences; the packages of the Debian base are added
from its own list. The whole is validated against the schema before it is kept.
"""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from .laying import BuildFailed, settle

PACKAGES = Path("/packages")
TARGET = Path("/code")
DPKG = Path("/var/lib/dpkg/status")
FORM = "1.6"
Json = dict[str, Any]


def of_environment(python: Path) -> Json:
    """The bill of a Python environment, without a date or a random number in it."""
    tool = Path(sys.executable).parent / "cyclonedx-py"
    # Validated once, when all is in it.
    options = ("--no-validate", "--output-reproducible", "--spec-version", FORM, "--output-format", "JSON")
    done = subprocess.run(
        [tool, "environment", *options, python], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BuildFailed(f"cyclonedx-py could not read {python}: {done.stderr.strip()}")
    bill: Json = json.loads(done.stdout)
    return bill


def of_debian(status: str, distribution: str) -> Iterator[Json]:
    """The packages of a dpkg status file that are installed; `distribution` such as `debian-12`."""
    for paragraph in status.split("\n\n"):
        fields = Parser().parsestr(paragraph.strip(), headersonly=True)
        if fields.get("Status") != "install ok installed":
            continue
        name, version, architecture = fields["Package"], fields["Version"], fields["Architecture"]
        qualifiers = {"arch": architecture, "distro": distribution}
        purl = PackageURL("deb", distribution.partition("-")[0], name, version, qualifiers).to_string()
        yield {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def interpreter() -> Json:
    """Python itself, which some bases hold without a package."""
    version = platform.python_version()
    purl = PackageURL("generic", None, "python", version).to_string()
    cpe = f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*"
    return {
        "type": "platform",
        "bom-ref": purl,
        "name": "python",
        "version": version,
        "purl": purl,
        "cpe": cpe,
    }


def image(service: str, version: str) -> Json:
    return {"type": "container", "bom-ref": "image", "name": f"socle/{service}", "version": version}


def validated(bill: Json) -> str:
    """The bill as text. Raises BuildFailed with the first fault when it is not what CycloneDX describes."""
    text = json.dumps(bill, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    fault = JsonStrictValidator(SchemaVersion.from_version(FORM)).validate_str(text)
    if fault:
        raise BuildFailed(f"The bill of materials is not valid CycloneDX {FORM}: {fault}")
    return text


def distribution_of(release: str) -> str:
    """`debian-12` from the text of /etc/os-release."""
    fields = dict(line.split("=", 1) for line in release.splitlines() if "=" in line)
    return f"{fields['ID']}-{fields.get('VERSION_ID', 'rolling')}".replace('"', "")


def main() -> None:
    bill = of_environment(PACKAGES / "app" / "venv" / "bin" / "python")
    base = of_debian(DPKG.read_text(), distribution_of(platform_release())) if DPKG.exists() else ()
    bill["components"] = [*bill["components"], interpreter(), *base]
    bill.setdefault("metadata", {})["component"] = image(os.environ["SERVICE"], os.environ["VERSION"])
    (TARGET / "app" / "sbom.cdx.json").write_text(validated(bill))
    settle(TARGET, int(os.environ["SOURCE_DATE_EPOCH"]))


def platform_release() -> str:
    return Path("/etc/os-release").read_text()


if __name__ == "__main__":
    try:
        main()
    except BuildFailed as failure:
        sys.exit(str(failure))
