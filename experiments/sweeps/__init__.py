"""Many runs: each known by the hash of its settings, its result in a file of its own, none trained twice."""
