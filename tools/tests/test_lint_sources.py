"""Each house lint on a snippet that it must refuse and on one that it must let pass."""

from textwrap import dedent

import pytest

from tools.lints import clock, privacy, size, text, transactions
from tools.lints.__main__ import of_source
from tools.lints.model import Finding, Lint, Source

USECASES = "services/dmp/dmp/usecases.py"
API = "services/dmp/dmp/api.py"
SERVICE_TEST = "services/dmp/tests/test_usecases.py"


def found(lint: Lint, code: str, path: str = USECASES) -> list[Finding]:
    return list(lint(Source(path, dedent(code))))


@pytest.mark.parametrize(
    "code",
    [
        "async def f(tx): await tx.commit()",
        "async def f(tx): await tx.connection.rollback()",
        "async def f(context): await context.abort(5, 'no')",
    ],
)
def test_ending_a_transaction_in_a_service_is_refused(code: str) -> None:
    (finding,) = found(transactions.no_ending_outside_chassis, code)
    assert (finding.rule, finding.line) == ("transaction-ending", 1)


def test_the_chassis_may_end_a_transaction() -> None:
    code = "async def f(tx): await tx.commit()"
    assert not found(transactions.no_ending_outside_chassis, code, "libs/chassis/chassis/db.py")


WAITING = {
    "client in begin": """
        async def OpenRecord(self, request, call):
            async with self.db.begin(call) as tx:
                standing = await self.standing.of(request.person_id)
        """,
    "client in read": """
        async def GetRecord(self, request, call):
            async with self.db.read() as tx:
                return await self.standing.of(request.person_id)
        """,
    "network that is given the transaction": """
        async def OpenRecord(self, request, call):
            async with self.db.begin(call) as tx:
                await rpc.invoke(stub.GetStanding, request, tx)
        """,
    "sleep in a use case": """
        async def open_record(tx: Tx, caller: Caller) -> None:
            await asyncio.sleep(1)
        """,
    "gather in a use case": """
        async def open_record(tx: Tx, caller: Caller) -> None:
            await asyncio.gather(store.find(tx, 1), store.find(tx, 2))
        """,
    "session opened in a use case": """
        async def open_record(tx: db.ReadTx) -> None:
            async with httpx.AsyncClient() as client:
                pass
        """,
    "stream read in a use case": """
        async def open_record(tx: Tx, stream) -> None:
            async for piece in stream.pieces():
                pass
        """,
}


@pytest.mark.parametrize("code", WAITING.values(), ids=WAITING)
def test_waiting_for_a_stranger_in_a_transaction_is_refused(code: str) -> None:
    findings = found(transactions.no_waiting_in_transaction, code, API)
    assert {finding.rule for finding in findings} == {"network-in-transaction"}


def test_waiting_for_the_transaction_or_before_it_passes() -> None:
    code = """
        async def OpenRecord(self, request, call):
            standing = await self.standing.of(request.person_id, call)
            async with self.db.begin(call) as tx:
                record = await usecases.open_record(tx, call.caller, standing, now=call.now())
                rows = await tx.all(store.RECORDS, person_id=request.person_id)
                await store.save(record, into=tx)
            await self.cache.forget(request.person_id)
        """
    assert not found(transactions.no_waiting_in_transaction, code, API)


@pytest.mark.parametrize(
    "call",
    ["datetime.now(UTC)", "datetime.datetime.utcnow()", "date.today()", "time.time()", "sa.func.now()"],
)
def test_a_clock_in_a_service_is_refused(call: str) -> None:
    (finding,) = found(clock.no_clock_of_its_own, f"def f():\n    return {call}\n")
    assert (finding.rule, finding.line) == ("own-clock", 2)


@pytest.mark.parametrize("call", ["time.monotonic()", "call.now()", "datetime.fromisoformat(value)"])
def test_a_duration_and_a_given_time_pass(call: str) -> None:
    assert not found(clock.no_clock_of_its_own, f"def f(call, value):\n    return {call}\n")


def test_the_database_may_fill_a_column_in_and_no_more() -> None:
    column = "sa.Column('recorded_at', MOMENT, server_default=sa.func.now())"
    assert not found(clock.no_clock_of_its_own, column)
    assert found(clock.no_clock_of_its_own, "sa.select(T).where(T.c.until > sa.func.now())")


def test_a_test_may_read_a_clock() -> None:
    assert not found(clock.no_clock_of_its_own, "started = time.time()", SERVICE_TEST)


@pytest.mark.parametrize(
    "call",
    [
        'log.info("created", birth_name=value)',
        'log.info("created", reason=call.caller.reason)',
        'log.info(f"no match for {identity.traits}")',
        'self._logger.warning("no match for %s", traits)',
        'structlog.get_logger().error("refused", row=row["matricule"])',
        'log.debug("asked", extra={"title": entry.title})',
        'log.info("asked", what=str(request))',
        "log.bind(who=person.traits.describe())",
        "log.info('searched', what=name.family)",
    ],
)
def test_a_patient_field_in_a_log_is_refused(call: str) -> None:
    assert {finding.rule for finding in found(privacy.no_patient_in_logs, call)} == {"patient-in-log"}


@pytest.mark.parametrize(
    "call",
    [
        'log.info("stored", document_id=document.id, count=len(request.documents))',
        'log.warning("rpc.refused", reason=error.reason)',
        'log.warning("stopped", reason="timeout")',
        'log.info("settings", settings=given.shown())',
        'form.error("birth_date", request.birth_date)',
    ],
)
def test_opaque_ids_counts_and_codes_pass(call: str) -> None:
    assert not found(privacy.no_patient_in_logs, call)


@pytest.mark.parametrize(
    "call",
    [
        'SEEN.add(1, {"who": patient.family_name})',
        'telemetry.ASKED.record(0.1, {"route": scope["path"]})',
        'telemetry.ASKED.record(0.1, {"route": f"GET {request.url}"})',
        'with telemetry.hop(kind, f"GET {request.url.path}", traceparent): pass',
        'hop.attributes = {"socle.person": person.matricule}',
        'self.hop.attributes = {"x": 1, "socle.title": entry.title}',
    ],
)
def test_a_patient_or_an_address_in_a_metric_or_a_trace_is_refused(call: str) -> None:
    assert {one.rule for one in found(privacy.no_patient_in_telemetry, call)} == {"patient-in-telemetry"}


@pytest.mark.parametrize(
    "call",
    [
        'DONE.add(len(documents), {"kind": sending.kind.value, "outcome": "sent"})',
        'telemetry.ASKED.record(hop.seconds, {"rpc": self.name, "code": code})',
        'telemetry.WAITING.set(row["waiting"])',
        "with telemetry.hop(kind, self.name, traceparent): pass",
        'hop.attributes = {"messaging.destination.name": message.subject}',
        "names.add(patient.family_name)",
    ],
)
def test_kinds_codes_and_counts_pass_in_metrics_and_traces(call: str) -> None:
    assert not found(privacy.no_patient_in_telemetry, call)


@pytest.mark.parametrize("call", ["print(bundle)", "sys.stdout.write(text)"])
def test_printing_in_a_service_is_refused(call: str) -> None:
    assert [finding.rule for finding in found(privacy.no_print_in_services, call)] == ["print-in-service"]


def test_a_command_line_may_print() -> None:
    assert not found(privacy.no_print_in_services, "print('ready')", "tools/check.py")


def test_a_function_over_the_cap_is_refused_and_one_at_the_cap_passes() -> None:
    long = "def f():\n" + "    x = 1\n" * size.FUNCTION_CAP
    exact = "def f():\n" + "    x = 1\n" * (size.FUNCTION_CAP - 1)
    assert [finding.rule for finding in found(size.caps, long)] == ["function-cap"]
    assert not found(size.caps, exact)


def test_a_migration_may_list_many_columns() -> None:
    long = "def upgrade():\n" + "    x = 1\n" * size.FUNCTION_CAP
    assert not found(size.caps, long, "services/dmp/migrations/versions/0001_first.py")


def test_a_file_over_the_cap_is_refused() -> None:
    assert [finding.rule for finding in found(size.caps, "x = 1\n" * (size.FILE_CAP + 1))] == ["file-cap"]


def test_median_counts_code_without_docstrings_comments_and_tests() -> None:
    explained = 'def f():\n    """Why.\n\n    At length.\n    """\n    # Because.\n\n    return 1\n'
    long = "def g():\n" + "    x = 1\n" * 30
    assert size.medians([Source(USECASES, explained), Source(SERVICE_TEST, long)]) == {"services/dmp": 2}
    (finding,) = size.long_medians([Source(USECASES, long)])
    assert (finding.path, finding.rule) == ("services/dmp", "median-function")


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("see " + "/wo" + "rk/main/notes", "machine-path"),
        ("ROOT = '/" + "home/alice/socle'", "machine-path"),
        ("--index-" + "url https://mirror.example", "registry-host"),
        ("from https://files.python" + "hosted.org/x", "registry-host"),
        ("as said in iss" + "ue #12", "issue-number"),
        ("a fix (#" + "12)", "issue-number"),
    ],
)
def test_words_of_one_place_are_refused(line: str, rule: str) -> None:
    (finding,) = found(text.no_local_words, line, "README.md")
    assert finding.rule == rule


@pytest.mark.parametrize(
    "line",
    [
        "color: #333;",
        "GET /work-orders",
        "libs/chassis/chassis/db.py",
        "https://example.org/home/",
        "# 12 rules",
    ],
)
def test_ordinary_words_pass(line: str) -> None:
    assert not found(text.no_local_words, line, "README.md")


def test_generated_code_kept_by_git_is_refused() -> None:
    paths = ["libs/contracts/socle/dmp/v1/__init__.py", "x/dmp_pb2_grpc.pyi", "proto/socle/dmp/v1/dmp.proto"]
    assert [finding.path for finding in text.no_generated_code(paths)] == paths[:2]


def test_a_file_that_is_not_python_is_a_finding_not_a_crash() -> None:
    (finding,) = of_source(Source(USECASES, "def f(:\n"))
    assert (finding.rule, finding.line) == ("syntax", 1)
