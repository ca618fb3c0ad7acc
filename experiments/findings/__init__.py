"""The runs behind ``docs/findings.md``: what the papers saw in updates, on a small real model."""
