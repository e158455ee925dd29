"""What each command does, and how its end becomes an exit code."""
