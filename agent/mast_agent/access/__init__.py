"""Mast's way in over SSH: the key, the account, and what sshd makes of them."""
