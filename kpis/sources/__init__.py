"""Sources of figures: deduplicated rows, from the coarsest roll-up that is exact."""
