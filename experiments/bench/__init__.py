"""What adaptive rank costs: in training steps, memory, control and inference, against the peft library."""
