"""What is configured: the options, Mast's environment file, its release and its user."""
