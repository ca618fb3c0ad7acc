"""Methods × tasks: training runs from a YAML file, their records, and a one-page report."""
