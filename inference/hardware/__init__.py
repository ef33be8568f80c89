"""What this machine has: processors, their instructions, GPUs."""
