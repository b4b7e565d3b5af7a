"""How far apart two readings of a number may be. Defined here once; `pytest.approx(x, rel=NUMPY)`."""

NUMPY = 1e-12  # the compiled kernel against NumPy: the same formula in the same precision, in another order
EXCEL = 1e-9  # a recalculated workbook against NumPy: spreadsheets store what 15 digits can say
