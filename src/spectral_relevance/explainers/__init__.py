"""Explainers: they rank the inputs of a trained network, one module each.

An explainer is a module with two functions.
``scores(model, dataset, seed, **settings)`` returns one score per input, shape
``(d,)``: not negative, and the larger the more relevant.
``count_examples(dataset, **settings)`` returns how many examples these scores are taken
from, and refuses settings and data to which the explainer does not apply. A new one is
a new module of this package; what they share is in a package below it.
"""
