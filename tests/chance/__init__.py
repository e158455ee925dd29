"""Proof by chance: what no list of cases has thought of (`make fuzz`, `make soak`, `make crowd`).

Each prints what it drew from, so that a find can be had again; docs/reliability.md has their last
figures. A find becomes a test of its own among the others, and a fix.
"""
