"""What bench/run_all, bench/plot_streams and bench/compare_engines are made of. Python's standard library alone."""
