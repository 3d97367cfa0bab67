"""The rule about time: it comes in as an argument."""

import ast
from collections.abc import Iterator

from tools.lints.model import Finding, Source, calls, dotted

CLOCKS = ("datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns")
DATABASE_CLOCKS = ("func.now", "func.current_timestamp", "func.clock_timestamp")
# The one place that reads the clock of the machine.
CLOCK = "libs/chassis/chassis/call.py"


def no_clock_of_its_own(source: Source) -> Iterator[Finding]:
    """`own-clock`: no code of a service or of the chassis reads a clock; `now` is given.

    The incident it prevents: a right that ends "tonight" is tested at 23:59 by one clock and stored at 00:00
    by another; a patient's access is refused a day early, and the tests fail once a night. One clock, read
    once per request, makes a decision explainable afterwards and a test exact. The clock of the database is
    another one: it may fill a column that nobody decides by (a server default), and the chassis notes with it
    when it carried an event.
    """
    watched = source.is_python and source.within("services", "libs/chassis") and source.path != CLOCK
    if not watched or source.is_test:
        return
    clocks = CLOCKS if source.within("libs/chassis") else (*CLOCKS, *DATABASE_CLOCKS)
    filled_in = {keyword.value for keyword in server_defaults(source)}
    for call in calls(source):
        name = dotted(call.func)
        if call not in filled_in and any(name == clock or name.endswith(f".{clock}") for clock in clocks):
            yield source.finding(call, "own-clock", f"`{name}()` reads a clock: take `now` as an argument")


def server_defaults(source: Source) -> Iterator[ast.keyword]:
    """The arguments by which the database fills a column in."""
    keywords = (node for node in source.nodes if isinstance(node, ast.keyword))
    return (keyword for keyword in keywords if keyword.arg == "server_default")
