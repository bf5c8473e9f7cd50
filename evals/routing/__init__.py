"""Suite `routing`: route benchmarks, ours and the peers, judged by a check that knows the instance alone."""
