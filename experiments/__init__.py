"""Methods × tasks: training runs from a YAML file, their records, and a one-page report."""

import logging

# At import, which the Trainer does for us, bitsandbytes tells of a CPU kernel that nothing here uses.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
