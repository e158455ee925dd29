"""What the tests of all tiers share: a throwaway PostgreSQL, releases, the command line."""
