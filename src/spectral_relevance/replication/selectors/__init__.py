"""Selectors: they rank inputs from examples alone, one module each.

A selector is a module with two functions. ``scores(x, y, seed, **settings)`` returns
one score per input, shape ``(d,)``: not negative, and the larger the more relevant.
``count_examples(x, y, **settings)`` returns how many examples these scores are taken
from, and refuses settings and data to which the selector does not apply. A new one is a
new module of this package.
"""
