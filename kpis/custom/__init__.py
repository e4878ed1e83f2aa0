"""Key figures that an installation defines for itself, in ``kpis.d/*.yaml``."""
