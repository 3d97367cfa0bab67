"""The law of prescriptions: dated parameters and pure functions. Import its modules by their names."""
