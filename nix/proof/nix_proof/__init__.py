"""`make nix-proof`: __main__.py says what it is."""
