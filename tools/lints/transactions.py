"""Rules about transactions: the chassis ends them, and nothing waits for a stranger inside one."""

import ast
from collections.abc import Iterator

from tools.lints.model import Finding, Function, Source, dotted

ENDINGS = frozenset({"commit", "rollback", "abort"})
OPENERS = frozenset({"begin", "read"})
TRANSACTIONS = frozenset({"Tx", "ReadTx"})
# Names that mean the network even when the transaction is handed to them.
NETWORK = frozenset({"clients", "grpc", "httpx", "nats", "rpc"})


def no_ending_outside_chassis(source: Source) -> Iterator[Finding]:
    """`transaction-ending`: only the chassis commits, rolls back or aborts.

    The incident it prevents: a function commits "to be safe" between a change and its audit line, and the
    process is killed there. The record has changed and nobody can say who did it. One place ends a
    transaction, so that the change, the trace and the event are one commit. `context.abort` is the same fault
    on the gRPC side: it answers before the transaction has said whether it holds.
    """
    if not source.is_python or source.within("libs/chassis") or not source.within("services", "deploy"):
        return
    for node in source.nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ENDINGS:
            yield source.finding(
                node,
                "transaction-ending",
                f"`{dotted(node.func)}` ends a transaction: raise a chassis error, or leave the block",
            )


def no_waiting_in_transaction(source: Source) -> Iterator[Finding]:
    """`network-in-transaction`: what is awaited inside a transaction is the transaction, or receives it.

    The incident it prevents: another service is asked while rows are locked. It slows down, the locks are
    held for the whole deadline, and the connection pool of the caller is empty within seconds: one slow
    neighbour stops two services. Closed by default: a call that does not receive the transaction has no
    reason to be awaited there. It holds for the body of `async with ....begin(...)` and `....read()`,
    and for every function that takes a `Tx` or a `ReadTx`.
    """
    if not source.is_python or not source.within("services") or source.is_test:
        return
    for node in source.nodes:
        for name, body in transactions(node):
            yield from strangers(source, name, body)


def transactions(node: ast.AST) -> Iterator[tuple[str, list[ast.stmt]]]:
    """The name of each transaction that `node` opens or receives, with the statements that run inside it."""
    if isinstance(node, ast.AsyncWith):
        for item in node.items:
            if opens(item.context_expr):
                yield (dotted(item.optional_vars) if item.optional_vars else ""), node.body
    elif isinstance(node, ast.AsyncFunctionDef):
        for name in received(node):
            yield name, node.body


def opens(expression: ast.expr) -> bool:
    """True for `database.begin(...)` and `database.read()`."""
    return (
        isinstance(expression, ast.Call)
        and isinstance(expression.func, ast.Attribute)
        and expression.func.attr in OPENERS
    )


def received(function: Function) -> list[str]:
    """The parameters of `function` that are transactions."""
    arguments = function.args
    return [
        argument.arg
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
        if argument.annotation is not None
        and dotted(argument.annotation).rpartition(".")[2].strip("'\"") in TRANSACTIONS
    ]


def strangers(source: Source, name: str, body: list[ast.stmt]) -> Iterator[Finding]:
    """Everything waited for in `body` that neither is the transaction `name` nor receives it."""
    for statement in body:
        for node in ast.walk(statement):
            for awaited in waits(node):
                if not belongs(awaited, name):
                    yield source.finding(
                        node,
                        "network-in-transaction",
                        f"`{ast.unparse(awaited)[:60]}` is awaited inside the transaction `{name}`"
                        " without receiving it: ask before the transaction, in api.py",
                    )


def waits(node: ast.AST) -> list[ast.expr]:
    """What `node` waits for: an `await`, an `async for`, an `async with`."""
    if isinstance(node, ast.Await):
        return [node.value]
    if isinstance(node, ast.AsyncFor):
        return [node.iter]
    if isinstance(node, ast.AsyncWith):
        return [item.context_expr for item in node.items]
    return []


def belongs(awaited: ast.expr, name: str) -> bool:
    """True when `awaited` is a method of the transaction, or a call that receives it and no network."""
    if not isinstance(awaited, ast.Call):
        return False
    callee = dotted(awaited.func).split(".")
    if NETWORK.intersection(callee):
        return False
    given = [*awaited.args, *(keyword.value for keyword in awaited.keywords)]
    return callee[0] == name or any(
        dotted(value) == name for value in given if not isinstance(value, ast.Call)
    )
