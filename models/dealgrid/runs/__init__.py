"""The runs room: what takes time or is kept, one folder each."""
