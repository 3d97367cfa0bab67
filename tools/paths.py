"""Where things stand in the repository; every tool takes its folders from here."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
CONTRACTS = ROOT / "libs" / "contracts"
SERVICES = ROOT / "services"


def source_roots(root: Path = ROOT) -> list[Path]:
    """The folders that stand on the Python path: contracts, chassis, each service, platform, Kubernetes."""
    services = sorted(path for path in (root / "services").glob("*") if package_of(path).is_dir())
    deployed = [root / "deploy" / "local", root / "deploy" / "k8s"]
    return [root / "libs" / "contracts", root / "libs" / "chassis", *services, *deployed]


def package_of(service: Path) -> Path:
    """The Python package of a service's folder: the same name in its other spelling."""
    return service / service.name.replace("-", "_")
