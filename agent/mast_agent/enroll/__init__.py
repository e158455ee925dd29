"""An enrollment, from the plan to the row that the database confirms."""
