"""Reports and exports: queries, narrative, rendering and delivery."""
