"""This host: its identity, its units, files, processes and signals."""
