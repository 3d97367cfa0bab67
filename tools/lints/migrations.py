"""The rule about schemas: expand, deploy, contract."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from tools.lints.model import Finding, Source, dotted

RULE = "expand-contract"
# Where each service stood before the first release: these migrations only ever met empty databases. Nothing
# is added to this list; a service that is not in it is held to the rule from its first migration on.
FIRST_RELEASE = {"services/dmp": "0002", "services/eprescription": "0003", "services/identity-ins": "0006"}
# The tables of the chassis are changed by functions that migrations call.
SCHEMA = "libs/chassis/chassis/schema.py"
FIRST_FUNCTIONS = frozenset({"create_v1", "upgrade_v2", "create_ledger_v1"})

USED = "may still be used by the release before, which runs beside this one"
SCANNED = (
    "reads the whole table while nobody may write: add it NOT VALID, validate it inside `migrate.online`"
)
LOCKED = "keeps writers out while the index is built: use `migrate.index_online`"
REFUSED = "the release before inserts rows without it: give a default, or let it be NULL"
REWRITTEN = "writes the whole table anew while nobody may read: add the column, then fill it in portions"
NOT_NULL = "reads the whole table under a lock: CHECK (... IS NOT NULL) NOT VALID first, then validate it"

# The position of the table among the arguments.
TABLE = {
    "drop_table": 0,
    "rename_table": 0,
    "drop_column": 0,
    "add_column": 0,
    "alter_column": 0,
    "create_index": 1,
    "create_check_constraint": 1,
    "create_foreign_key": 1,
    "create_primary_key": 1,
    "create_unique_constraint": 1,
    "create_exclude_constraint": 1,
}
VOLATILE = re.compile(r"gen_random_uuid|clock_timestamp|random\(|nextval", re.IGNORECASE)
CREATED = re.compile(r"\bCREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?\"?(\w+)", re.IGNORECASE)
DROP_TABLE = re.compile(r"DROP TABLE (?:IF EXISTS )?\"?(\w+)", re.IGNORECASE)
INDEX = re.compile(r"CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY)[^(]*?\bON (?:ONLY )?\"?(\w+)", re.IGNORECASE)
ALTER = re.compile(r"ALTER TABLE (?:IF EXISTS )?(?:ONLY )?\"?(\w+)\"? (.*)", re.IGNORECASE)
# Within one clause of an ALTER TABLE, what is refused and why; the first that matches counts.
CLAUSES = (
    (r"DROP (?!CONSTRAINT)", USED),
    (r"RENAME", USED),
    (r"ALTER (?:COLUMN )?\S+ (?:SET DATA )?TYPE", REWRITTEN),
    (r"ALTER (?:COLUMN )?\S+ SET NOT NULL", NOT_NULL),
    (r"ADD (?:CONSTRAINT \S+ )?(?:UNIQUE|PRIMARY|EXCLUDE)(?!.*USING INDEX)", LOCKED),
    (r"ADD (?:CONSTRAINT \S+ )?(?:CHECK|FOREIGN)(?!.*NOT VALID)", SCANNED),
    (r"ADD (?!CONSTRAINT|CHECK|FOREIGN|UNIQUE|PRIMARY|EXCLUDE)(?=.*NOT NULL)(?!.*DEFAULT)", REFUSED),
    (rf"ADD (?!CONSTRAINT|CHECK).*DEFAULT.*(?:{VOLATILE.pattern})", REWRITTEN),
    (r"ADD (?!CONSTRAINT|CHECK|FOREIGN|UNIQUE|PRIMARY|EXCLUDE).*\b(?:CHECK|REFERENCES|UNIQUE)\b", SCANNED),
)


def expand_then_contract(sources: Iterable[Source]) -> Iterator[Finding]:
    """`expand-contract`: a migration does nothing that the release before cannot live with, nor anything that
    holds a large table up.

    The incident it prevents: a release renames a column. Its migration runs, and for the four minutes until
    the last old replica is replaced each of its calls fails; going back is not possible either. Or it adds a
    check to a table of four hundred million rows: the table is read under a lock, every deposit of the
    country waits, the pools are empty within seconds. What takes something away comes one release after
    nothing uses it any more, and says of which migration it is the end: `CONTRACT_OF = "0007"`, with
    `CONTRACT_REASON`.
    """
    steps = [source for source in sources if is_step(source)]
    for step in steps:
        if step.path == SCHEMA:
            yield from of_functions(step)
        elif constant(step, "revision") not in before_release(step, steps):
            yield from of_step(step, steps)


def is_step(source: Source) -> bool:
    """True for a migration of a service, and for the file whose functions migrations call."""
    parts = PurePosixPath(source.path).parts
    return source.path == SCHEMA or (
        source.is_python and parts[0] == "services" and parts[-3:-1] == ("migrations", "versions")
    )


def of_functions(schema: Source) -> Iterator[Finding]:
    """What the functions of the chassis that were added since the first release may not do."""
    body = schema.tree.body
    for node in body:
        if isinstance(node, ast.FunctionDef) and node.name not in FIRST_FUNCTIONS:
            named = {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
            texts = [one for one in body if isinstance(one, ast.Assign) and named & targets(one)]
            yield from breaches(schema, ast.Module([node, *texts], []))


def targets(node: ast.Assign) -> set[str]:
    """The names that are given a value."""
    return {target.id for target in node.targets if isinstance(target, ast.Name)}


def of_step(step: Source, steps: list[Source]) -> Iterator[Finding]:
    """What one migration may not do, unless it is the end of an earlier one and says so."""
    expanded, reason = constant(step, "CONTRACT_OF"), constant(step, "CONTRACT_REASON")
    if not expanded:
        yield from breaches(step, step.tree)
    elif expanded not in ancestors(step, steps):
        yield step.finding(1, RULE, f"CONTRACT_OF names {expanded}, which is no migration before this one")
    elif len(reason.split()) < 4:
        yield step.finding(1, RULE, "say in CONTRACT_REASON since which release nothing uses what goes")


def constant(source: Source, name: str) -> str:
    """The text given to a name at the top of a file; "" without one."""
    for node in source.tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and name in targets(node):
            return str(node.value.value or "")
    return ""


def before_release(step: Source, steps: list[Source]) -> set[str]:
    """The revisions of this service that its first release was made of."""
    first = FIRST_RELEASE.get("/".join(PurePosixPath(step.path).parts[:2]))
    found = [other for other in beside(step, steps) if first and constant(other, "revision") == first]
    return {first, *ancestors(found[0], steps)} if found and first else set()


def ancestors(step: Source, steps: list[Source]) -> set[str]:
    """The revisions that this one stands on."""
    parents = {constant(one, "revision"): constant(one, "down_revision") for one in beside(step, steps)}
    found: set[str] = set()
    revision = constant(step, "down_revision")
    while revision and revision not in found:
        found.add(revision)
        revision = parents.get(revision, "")
    return found


def beside(step: Source, steps: list[Source]) -> list[Source]:
    """The migrations in the same folder, this one included."""
    folder = PurePosixPath(step.path).parent
    return [other for other in steps if PurePosixPath(other.path).parent == folder]


def breaches(source: Source, tree: ast.AST) -> Iterator[Finding]:
    """Every statement that breaks the rule, by `op` or in SQL; a table made in this file is nobody's yet."""
    texts = list(statements(tree))
    own = {name for _, text in texts for name in CREATED.findall(text)}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and is_op(node)]
    own |= {literal(call, 0) for call in calls if name_of(call) == "create_table"}
    for call in calls:
        why = of_call(call, own)
        if why:
            yield source.finding(call, RULE, f"`{ast.unparse(call)[:60]}` {why}")
    for node, text in texts:
        for part, why in of_sql(text, own):
            yield source.finding(node, RULE, f"`{part[:60]}` {why}")


def statements(tree: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Each SQL statement in a text of the file, in one line; what is put into it by the program is `x`."""
    docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inside = {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if node not in docstrings and node not in inside:
            for text in text_of(node).split(";"):
                yield node, " ".join(re.sub(r"--.*", "", text).split())


def text_of(node: ast.AST) -> str:
    """The text of a string, or of an f-string; "" for anything else."""
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or "x" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def is_op(call: ast.Call) -> bool:
    """True for `op.something(...)`."""
    return dotted(call.func).startswith("op.")


def name_of(call: ast.Call) -> str:
    """The operation of a call of `op`."""
    return dotted(call.func).removeprefix("op.")


def literal(call: ast.Call, position: int) -> str:
    """The text given at this position; "" when it is not written there."""
    return text_of(call.args[position]) if len(call.args) > position else ""


def of_call(call: ast.Call, own: set[str]) -> str:
    """Why this call of `op` is refused; "" when it is not."""
    name = name_of(call)
    if name not in TABLE or literal(call, TABLE[name]) in own:
        return ""
    given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords if keyword.arg}
    if name in ("drop_table", "rename_table", "drop_column"):
        return USED
    if name == "create_index":
        return "" if given.get("postgresql_concurrently") == "True" else LOCKED
    if name in ("create_check_constraint", "create_foreign_key"):
        return "" if given.get("postgresql_not_valid") == "True" else SCANNED
    if name == "alter_column":
        return of_column_change(given)
    return of_new_column(call) if name == "add_column" else LOCKED


def of_column_change(given: dict[str, str]) -> str:
    """Why this change of a column is refused; "" when it is not."""
    if "new_column_name" in given:
        return USED
    if "type_" in given:
        return REWRITTEN
    return NOT_NULL if given.get("nullable") == "False" else ""


def of_new_column(call: ast.Call) -> str:
    """Why this new column is refused; "" when it is not."""
    text = ast.unparse(call)
    if "nullable=False" in text and "server_default" not in text:
        return REFUSED
    if "ForeignKey(" in text or "unique=True" in text:
        return SCANNED
    return REWRITTEN if VOLATILE.search(text) else ""


def of_sql(text: str, own: set[str]) -> Iterator[tuple[str, str]]:
    """Each part of a statement that is refused, and why."""
    for pattern, why in ((DROP_TABLE, USED), (INDEX, LOCKED)):
        found = pattern.match(text)
        if found and found[1] not in own:
            yield text, why
    altered = ALTER.match(text)
    for clause in clauses(altered[2]) if altered and altered[1] not in own else ():
        for refused, why in CLAUSES:
            if re.match(refused, clause, re.IGNORECASE):
                yield clause, why
                break


def clauses(text: str) -> Iterator[str]:
    """The clauses of an ALTER TABLE: parted by the commas outside of parentheses and quotes."""
    depth, quoted, begun = 0, False, 0
    for place, sign in enumerate(text):
        quoted ^= sign == "'"
        depth += 0 if quoted else (sign == "(") - (sign == ")")
        if sign == "," and not depth and not quoted:
            yield text[begun:place].strip()
            begun = place + 1
    yield text[begun:].strip()
