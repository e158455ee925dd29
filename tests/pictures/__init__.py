"""Pictures of terminal sessions for the documents, made from real runs (`make pictures`).

A session runs in a small host of its own (host.sh) on a pseudo-terminal; what the terminal shows
at its end is drawn as SVG. tests/integration/test_pictures.py makes each anew and compares.
"""
