"""The CDA R2 documents of a prescription and of a dispensing; import its modules by their names."""
