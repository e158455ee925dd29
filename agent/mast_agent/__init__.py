"""Makes the machine that runs Mast its own first managed server."""

__version__ = "0.1.0"
