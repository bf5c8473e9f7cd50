"""Rounds: problem, solver, independent checker, reasons."""
