"""The DMP at the size of a town, of a district and of a county, and the mix of a hospital's day."""
