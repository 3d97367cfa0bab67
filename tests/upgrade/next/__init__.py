"""What the next version of the platform adds to the one of this tree."""
