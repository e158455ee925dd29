"""Mast's database, as Ecto would reach it: what it is asked, and why it does not answer."""
