"""What runs inside the build of an image, stage by stage. Nothing of it is in the image."""
