"""How it is shown: to an operator as a screen, to a program as JSON."""
