"""The domain of prescriptions: frozen values and pure decisions. Import its modules by their names."""
