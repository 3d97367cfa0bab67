"""From what an operation costs here to what a country needs: formulas, and a simulation to disturb them.

`python -m tools.capacity` prints the figures of docs/capacity.md from `inputs.toml`, which a reader can
change.
"""
