"""The exact layer: integer volumes coded without loss, or with every voxel within a bound."""
