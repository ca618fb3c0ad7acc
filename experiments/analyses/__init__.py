"""The commands ``adalora analyze`` and ``adalora compare``: what is measured of trained adapters."""
