"""The house lints: rules of the architecture that no ready-made tool knows.

Run as `python -m tools.lints`. Each module holds a few rules, each rule says in its docstring which incident
it prevents, and each is a function from what it reads to findings. There is no comment that silences a rule:
where a rule does not hold, it says so itself.
"""
