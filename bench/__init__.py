"""What the platform costs on this machine, beside the bare building blocks, in one run. Not a test."""
