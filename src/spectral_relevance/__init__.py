"""Rank the inputs of neural networks by their spectral relevance."""
