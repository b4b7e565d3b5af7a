"""The exchange room: what leaves for a spreadsheet to be edited there, and how it comes back into the files."""
