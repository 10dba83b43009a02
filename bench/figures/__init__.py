"""The parts of bench/run_all, bench/plot_streams and bench/compare_engines. Uses only Python's standard library."""
