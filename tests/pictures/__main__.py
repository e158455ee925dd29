"""`python -m pictures`: makes all pictures anew."""

import sys

from pictures.sessions import main

sys.exit(main())
