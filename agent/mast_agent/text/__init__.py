"""Text that goes in and out: what is foreign, what is secret, and how time is written."""
