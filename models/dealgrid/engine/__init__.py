"""The engine room: rows as functions, read as numbers, formulas and words."""
