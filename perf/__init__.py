"""Overhead benchmarks: what a traced call costs, as ratios to a plain call in the same run."""
