"""How default is predicted, with torch and numpy: no Dagster, no SQL, no column names of one bank.

This package imports no other package of the project. Its docstrings write shapes with these letters:

    B: rows of a batch
    T: tokens per row, one per feature: T = N + C
    D: width of a token (`ModelConfig.d_model`)
    N: numerical features
    C: categorical features
    W: numbers per row that the head reads: D + T * `ModelConfig.token_width`

A lower-case n is the number of rows of a whole data set. Features are ordered numerical first, then categorical.
The examples in the docstrings run as tests.
"""
