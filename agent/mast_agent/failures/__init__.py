"""What can go wrong, as values: causes, and what to do about each."""
