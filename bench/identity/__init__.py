"""The identity service at the size of a country: each question at each size, beside a bare SQL lookup."""
