"""The figures: functions from tidy tables to figures, one module for each topic."""
