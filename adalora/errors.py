"""The errors of the package: one root, five kinds."""


class AdaLoRAError(Exception):
    """Root of every error that the package raises on purpose."""


class ConfigError(AdaLoRAError, ValueError):
    """A setting has a value that is not allowed; the message names field, value and what is allowed."""


class TargetError(AdaLoRAError, ValueError):
    """The modules asked for cannot be adapted: unknown, unsupported, or too small for the rank."""


class StateError(AdaLoRAError, RuntimeError):
    """A call does not fit what was done before it: injecting twice, unmerging what is not merged."""


class CheckpointError(AdaLoRAError, ValueError):
    """A saved adapter is missing, damaged, or belongs to another model."""


class DataError(AdaLoRAError, FileNotFoundError):
    """A data package or model folder is not installed; the message holds the command that installs it."""
