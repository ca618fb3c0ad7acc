"""Where adapters come from: folders of ours and of the peft library, live models, and plain tensors."""
