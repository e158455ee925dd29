"""What is said of a run: the journal, the published status, and the record of an enrollment."""
