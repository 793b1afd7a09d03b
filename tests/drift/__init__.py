"""How far decoded voxels differ between devices, numbers of threads and versions of torch."""
