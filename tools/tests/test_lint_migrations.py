"""The rule about schemas on steps that it must refuse, and on steps that it must let pass."""

from textwrap import dedent

import pytest

from tools.lints import migrations
from tools.lints.model import Finding, Source

FOLDER = "services/agenda/migrations/versions"
HEAD = 'revision = "{}"\ndown_revision = {}\n'


def step(code: str, revision: str = "0003", down: str = "0002", folder: str = FOLDER) -> Source:
    text = HEAD.format(revision, repr(down) if down else None) + dedent(code)
    return Source(f"{folder}/{revision}_step.py", text)


def found(*steps: Source) -> list[Finding]:
    return list(migrations.expand_then_contract(steps))


def refused(statement: str) -> list[Finding]:
    return found(step(f"def upgrade():\n    {statement}\n"))


REFUSED = {
    "drop a column": "op.drop_column('slot', 'room')",
    "drop a table": "op.drop_table('slot')",
    "rename a table": "op.rename_table('slot', 'place')",
    "rename a column": "op.alter_column('slot', 'room', new_column_name='place')",
    "another type": "op.alter_column('slot', 'room', type_=sa.BigInteger())",
    "not null": "op.alter_column('slot', 'room', nullable=False)",
    "new column without default": "op.add_column('slot', sa.Column('room', sa.Text, nullable=False))",
    "new column with a reference": "op.add_column('slot', sa.Column('room', sa.ForeignKey('room.id')))",
    "new column, a value a row": "op.add_column('slot', sa.Column('x', server_default=sa.text('random()')))",
    "index": "op.create_index('ix_slot_room', 'slot', ['room'])",
    "check": "op.create_check_constraint('ck', 'slot', 'n > 0')",
    "reference": "op.create_foreign_key('fk', 'slot', 'room', ['room'], ['id'])",
    "unique": "op.create_unique_constraint('uq', 'slot', ['room'])",
    "table told by a name": "op.drop_column(TABLE, 'room')",
    "SQL: drop a table": "op.execute('DROP TABLE IF EXISTS slot')",
    "SQL: drop a column": "op.execute('ALTER TABLE slot DROP COLUMN room')",
    "SQL: drop without the word": "op.execute('alter table slot drop room')",
    "SQL: rename": "op.execute('ALTER TABLE slot RENAME COLUMN room TO place')",
    "SQL: another type": "op.execute('ALTER TABLE slot ALTER COLUMN room TYPE bigint')",
    "SQL: set data type": "op.execute('ALTER TABLE slot ALTER room SET DATA TYPE bigint')",
    "SQL: not null": "op.execute('ALTER TABLE slot ALTER COLUMN room SET NOT NULL')",
    "SQL: new column": "op.execute('ALTER TABLE slot ADD COLUMN room TEXT NOT NULL')",
    "SQL: second clause": "op.execute('ALTER TABLE slot ADD a NUMERIC(3, 1), ADD b TEXT NOT NULL')",
    "SQL: column with a check": "op.execute('ALTER TABLE slot ADD COLUMN a INT CHECK (a > 0)')",
    "SQL: another value in each row": "op.execute('ALTER TABLE slot ADD a UUID DEFAULT gen_random_uuid()')",
    "SQL: constraint": "op.execute('ALTER TABLE slot ADD CONSTRAINT ck CHECK (n > 0)')",
    "SQL: without a name": "op.execute('ALTER TABLE ONLY slot ADD FOREIGN KEY (room) REFERENCES room')",
    "SQL: unique": "op.execute('ALTER TABLE slot ADD CONSTRAINT uq UNIQUE (room)')",
    "SQL: index": "op.execute('CREATE UNIQUE INDEX uq ON slot (room)')",
    "SQL: made by the program": "op.execute(f'ALTER TABLE {table} DROP COLUMN room')",
}


@pytest.mark.parametrize("statement", REFUSED.values(), ids=REFUSED)
def test_what_the_release_before_cannot_live_with_is_refused(statement: str) -> None:
    (finding,) = refused(statement)
    assert (finding.rule, finding.line) == ("expand-contract", 4)


LET_PASS = {
    "new column": "op.add_column('slot', sa.Column('room', sa.Text))",
    "new column with default": "op.add_column('slot', sa.Column('n', nullable=False, server_default='0'))",
    "index beside the writers": "op.create_index('ix', 'slot', ['room'], postgresql_concurrently=True)",
    "the same by the chassis": "migrate.index_online(op, 'ix', 'ON slot (room)')",
    "constraint to come": "op.create_check_constraint('ck', 'slot', 'n > 0', postgresql_not_valid=True)",
    "another default": "op.alter_column('slot', 'room', server_default='')",
    "null allowed": "op.alter_column('slot', 'room', nullable=True)",
    "a rule less": "op.drop_constraint('ck', 'slot')",
    "SQL: new table and its index": "op.execute('CREATE TABLE a (b INT NOT NULL); CREATE INDEX c ON a (b)')",
    "SQL: new column": "op.execute('ALTER TABLE slot ADD COLUMN room TEXT, ADD n INT NOT NULL DEFAULT 0')",
    "SQL: index beside the writers": "op.execute('CREATE INDEX CONCURRENTLY ix ON slot (room)')",
    "SQL: constraint, then": "op.execute('ALTER TABLE slot ADD CONSTRAINT c CHECK (a > 0) NOT VALID')",
    "SQL: validated": "op.execute('ALTER TABLE slot VALIDATE CONSTRAINT ck')",
    "SQL: by an index": "op.execute('ALTER TABLE slot ADD CONSTRAINT uq UNIQUE USING INDEX ix')",
    "words": "log('ALTER this as you like, then DROP it')",
}


@pytest.mark.parametrize("statement", LET_PASS.values(), ids=LET_PASS)
def test_what_it_can_live_with_passes(statement: str) -> None:
    assert refused(statement) == []


def test_a_table_of_the_same_migration_is_nobodys_yet() -> None:
    code = """
    def upgrade():
        op.create_table("slot", sa.Column("id", sa.Uuid))
        op.create_index("ix", "slot", ["id"])
        op.create_index("ix_other", "room", ["id"])
    """
    (finding,) = found(step(code))
    assert "'room'" in finding.message


def test_a_word_about_sql_in_a_docstring_is_no_statement() -> None:
    assert (
        found(Source(f"{FOLDER}/0003_step.py", '"""DROP TABLE slot"""\n' + HEAD.format("0003", "None"))) == []
    )


END = """
CONTRACT_OF = "0002"
CONTRACT_REASON = "{}"

def upgrade():
    op.drop_column("slot", "room")
"""
SAID = "release 1.4 reads and writes place only"


def test_the_end_of_an_earlier_migration_says_so_and_passes() -> None:
    before = step("", "0002", "0001")
    assert found(before, step(END.format(SAID))) == []


def test_an_end_without_a_beginning_or_a_reason_is_refused() -> None:
    (unknown,) = found(step(END.format(SAID), down="0001"))
    assert "names 0002, which is no migration before this one" in unknown.message
    (mute,) = found(step("", "0002", "0001"), step(END.format("cleanup")))
    assert "CONTRACT_REASON" in mute.message


def test_what_the_first_release_was_made_of_met_empty_databases() -> None:
    folder = "services/dmp/migrations/versions"
    first = [step(REFUSED_CODE, number, down, folder) for number, down in (("0001", ""), ("0002", "0001"))]
    assert found(*first) == []
    (finding,) = found(*first, step(REFUSED_CODE, "0003", "0002", folder))
    assert finding.path.endswith("0003_step.py")


REFUSED_CODE = "def upgrade():\n    op.drop_table('slot')\n"


def test_the_functions_of_the_chassis_are_held_to_it_since_the_first_release() -> None:
    text = (
        "def upgrade_v2(op):\n    op.drop_table('audit')\n\ndef upgrade_v3(op):\n    op.drop_table('audit')\n"
    )
    (finding,) = found(Source(migrations.SCHEMA, text))
    assert finding.line == 5


def test_what_is_no_migration_is_left_alone() -> None:
    assert found(Source("services/agenda/agenda/store.py", "op.drop_table('slot')")) == []
