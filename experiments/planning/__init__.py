"""What a run will need, computed from the shapes of its model before anything is allocated."""
