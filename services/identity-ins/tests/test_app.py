"""What the service reads at its start."""

from pathlib import Path

import pytest

from identity_ins.app import Settings, read_places
from identity_ins.domain import CogFileWrong

COMMUNES = "\ufeffTYPECOM,COM,REG,LIBELLE\nCOM,51215,44,Dormans\nARM,75101,11,Paris 1er\n"
COUNTRIES = "COG,LIBCOG\n99352,ALGERIE\n"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    made = tmp_path / "communes.csv", tmp_path / "countries.csv"
    for file, text in zip(made, (COMMUNES, COUNTRIES), strict=True):
        file.write_text(text, "utf-8")
    return made


def test_places_when_files_are_set_then_all_their_codes_are_known(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOCLE_COG_FILES", f'["{files[0]}", "{files[1]}"]')
    places = read_places(Settings().cog_files)
    assert places.codes == {"51215", "75101", "99352"}
    assert not places.knows("51999")


def test_places_when_no_file_is_set_then_departments_and_countries_are_known() -> None:
    places = read_places(Settings().cog_files)
    assert places.codes == frozenset()
    assert places.knows("51999")


def test_places_when_a_file_is_something_else_then_the_service_does_not_start(tmp_path: Path) -> None:
    file = tmp_path / "names.csv"
    file.write_text("nom,departement\nAjaccio,2A\n", "utf-8")
    with pytest.raises(CogFileWrong) as told:
        read_places([file])
    assert "SOCLE_COG_FILES" in told.value.hint
