"""The output room: tables, charts, workbook and report, each from a case."""
