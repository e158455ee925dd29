"""What there is to know of this host and Mast, and the verdict on it."""
