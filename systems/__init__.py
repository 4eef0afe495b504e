"""Lightning systems: what trains, and the jobs that `launch.py` starts."""
