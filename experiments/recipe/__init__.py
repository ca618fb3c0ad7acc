"""The runs behind ``docs/recipe.md``: AdaLoRA against LoRA and its kin on equal terms."""
